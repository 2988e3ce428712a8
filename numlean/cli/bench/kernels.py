"""Plain kernels beside fast kernels, which must give the same bits, and beside numpy."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Final

from numlean.cli.verify.block import as_block
from numlean.errors import NumleanError, UnknownNameError
from numlean.scalar.registry import get_scalar

if TYPE_CHECKING:
    from numlean.benchmarks.kernels import Times, Work

DTYPES: Final = "float32,ieee32exec,float64,binary64exec"
"""Those measured unless others are asked for."""


def show(arguments: argparse.Namespace, dtypes: list[str]) -> int:
    """Print a line for each operation and dtype; return 1 if bits differ, else 0."""
    from numlean.benchmarks.blas import one_thread
    from numlean.benchmarks.kernels import SIZES, both, works
    from numlean.benchmarks.operations import ELEMENTS

    operations, sizes = _operations(arguments.operation), tuple(arguments.size or SIZES)
    if min(sizes) < 1:
        raise NumleanError(f"a matrix has at least one row: {min(sizes)}")
    for dtype in dtypes:
        both(dtype)  # raises where there are no fast kernels, before anything is measured
    products = [work for name in operations if name == "matmul" for work in works(name, sizes)]
    others = [work for name in operations if name != "matmul" for work in works(name)]
    status = 0
    if products:
        with one_thread() as blas:
            print(f"square matrices, Gop/s, a term counting as two; BLAS: {blas}")
            status |= _table(products, dtypes, arguments.rounds, "BLAS")
    if others:
        print(f"arrays of {ELEMENTS} elements, ns each; numpy's exp, tanh and sum have other bits")
        status |= _table(others, dtypes, arguments.rounds, "numpy")
    return status


def _operations(asked: list[str] | None) -> tuple[str, ...]:
    from numlean.benchmarks.kernels import OPERATIONS

    if asked is None or asked == ["all"]:
        return OPERATIONS
    for operation in asked:
        if operation not in OPERATIONS:
            raise UnknownNameError("operation", operation, ("all", *OPERATIONS))
    return tuple(asked)


def _table(works: list[Work], dtypes: list[str], rounds: int, rival: str) -> int:
    from numlean.benchmarks.kernels import times

    name_width, width = max(len(work.name) for work in works), max(map(len, dtypes), default=0)
    heads = ("plain", "fast", rival, "x plain", f"of {rival}")
    print(f"  {'':<{name_width}} {'':<{width}} {' '.join(f'{head:>9}' for head in heads)}")
    status = 0
    for work in works:
        different = [dtype for dtype in dtypes if _differs(work, dtype)]
        status |= bool(different)
        same = [dtype for dtype in dtypes if dtype not in different]
        for one in times(work, same, rounds):
            line = f"  {work.name:<{name_width}} {one.dtype:<{width}} {_figures(work, one)}"
            print(line.rstrip(), flush=True)
    return status


def _differs(work: Work, dtype: str) -> bool:
    """Whether fast kernels give other bits than plain ones; if so, the first place is shown."""
    from numlean.benchmarks.kernels import first_difference

    found = first_difference(work, dtype)
    if found is None:
        return False
    place, mismatch = list(found[0]), found[1]
    format = get_scalar(dtype).format
    assert format is not None
    print(as_block(f"{dtype} {work.name}: fast differs from plain at {place}", format, mismatch))
    return True


def _figures(work: Work, one: Times) -> str:
    """Speeds of products of matrices, times of all else, and by how much the fast are faster."""
    seconds = [one.plain, one.fast, *([] if one.numpy is None else [one.numpy])]
    figures = [1e-9 / time if work.contraction else time * 1e9 for time in seconds]
    columns = [f"{figure:9.3f}" for figure in figures] + [" " * 9] * (3 - len(figures))
    columns.append(f"{one.plain / one.fast:9.2f}")
    columns += [] if one.numpy is None else [f"{one.numpy / one.fast:9.2f}"]
    return " ".join(columns)
