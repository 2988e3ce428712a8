"""Measure plain and fast kernels, which must give the same bits, compared with numpy."""

from __future__ import annotations

import argparse
from typing import Final

from numlean.analysis.report.encoding_block import mismatch_block
from numlean.benchmarks.blas import one_thread
from numlean.benchmarks.kernels import (
    OPERATIONS,
    SIZES,
    KernelCase,
    Times,
    cases,
    first_difference,
    plain_and_fast,
    times,
)
from numlean.benchmarks.measurement import Measurement
from numlean.benchmarks.operations import ELEMENTS
from numlean.cli.bench.report import Report
from numlean.errors import NumleanError, UnknownNameError
from numlean.scalar.registry import get_scalar
from numlean.text_table import RowFormat

DTYPES: Final = "float32,ieee32exec,float64,binary64exec"
"""The default dtypes."""


def report(arguments: argparse.Namespace, dtypes: list[str], out: Report) -> int:
    """Print a line for each operation and dtype; return 1 if bits differ, else 0."""
    operations, sizes = _operations(arguments.operation), tuple(arguments.size or SIZES)
    if min(sizes) < 1:
        raise NumleanError(f"--size: a matrix needs at least one row, got {min(sizes)}")
    for dtype in dtypes:
        plain_and_fast(dtype)  # raises if there are no fast kernels, before anything is measured
    products = [case for name in operations if name == "matmul" for case in cases(name, sizes)]
    others = [case for name in operations if name != "matmul" for case in cases(name)]
    status = 0
    if products:
        with one_thread() as blas:
            out.line(f"BLAS: {blas}")
            out.line("square matrices, Gop/s, two operations per term")
            status |= _table(products, dtypes, arguments.rounds, "BLAS", out)
    if others:
        out.line(f"arrays of {ELEMENTS} elements, ns each; numpy's exp, tanh, sum give other bits")
        status |= _table(others, dtypes, arguments.rounds, "numpy", out)
    return status


def _operations(given: list[str] | None) -> tuple[str, ...]:
    if given is None or given == ["all"]:
        return OPERATIONS
    for operation in given:
        if operation not in OPERATIONS:
            raise UnknownNameError("operation", operation, ("all", *OPERATIONS))
    return tuple(given)


def _table(cases: list[KernelCase], dtypes: list[str], rounds: int, rival: str, out: Report) -> int:
    names = max(len(case.name) for case in cases)
    widths = (names, max(map(len, dtypes), default=0), 7, 7, 7, 7, 8)
    row_format = RowFormat("<<>", widths, indent="  ")
    out.row(row_format, ("", "", "plain", "fast", rival, "x plain", f"of {rival}"))
    status = 0
    for case in cases:
        different = [dtype for dtype in dtypes if _differs(case, dtype, out)]
        status |= bool(different)
        same = [dtype for dtype in dtypes if dtype not in different]
        rivals: dict[str, Measurement] = {}
        for one in times(case, same, rounds):
            out.row(row_format, (case.name, one.dtype, *_figures(case, one)))
            out.add(*_measurements(case, one))
            if one.numpy is not None:
                by = f"numpy, {one.numpy_dtype}"
                rivals[by] = _measurement(case, by, one.numpy)
        out.add(*rivals.values())
    return status


def _measurements(case: KernelCase, one: Times) -> list[Measurement]:
    return [
        _measurement(case, one.dtype, one.plain, "plain"),
        _measurement(case, one.dtype, one.fast, "fast"),
    ]


def _measurement(case: KernelCase, by: str, each: float, variant: str | None = None) -> Measurement:
    unit = "element" if case.contraction is None else "operation"
    return Measurement(case.name, by, each * case.count, case.count, unit, variant)


def _differs(case: KernelCase, dtype: str, out: Report) -> bool:
    """Return whether fast and plain kernels give other bits; if so, report the first place."""
    found = first_difference(case, dtype)
    if found is None:
        return False
    place, mismatch = list(found[0]), found[1]
    title = f"{dtype} {case.name}: fast differs from plain at {place}"
    format = get_scalar(dtype).format
    if format is None:
        out.difference(f"{title}: {mismatch.actual:#x}, expected {mismatch.expected:#x}")
    else:
        out.difference(mismatch_block(title, format, mismatch))
    return True


def _figures(case: KernelCase, one: Times) -> list[str]:
    """Return speeds of matrix products or times of other operations, and their ratios."""
    seconds = [one.plain, one.fast, *([] if one.numpy is None else [one.numpy])]
    figures = [1e-9 / time if case.contraction else time * 1e9 for time in seconds]
    cells = [f"{figure:.3f}" for figure in figures] + [""] * (3 - len(figures))
    cells.append(f"{one.plain / one.fast:.2f}")
    return cells + ([] if one.numpy is None else [f"{one.numpy / one.fast:.2f}"])
