"""Measure products and training steps by one thread and by several."""

from __future__ import annotations

import argparse
from typing import Final

from numlean.benchmarks.backends import INSTALL
from numlean.benchmarks.measurement import Measurement
from numlean.benchmarks.threads import NETWORKS, Work, product, pytorch_step, step, with_threads
from numlean.benchmarks.timing import best_seconds
from numlean.cli.bench.report import Report
from numlean.errors import UnavailableError
from numlean.text_table import RowFormat
from numlean_kernels.threads import available_processors

DTYPES: Final = "float32,ieee32exec,float64,bfloat16"
"""The default dtypes."""

_SIZE: Final = 512
_WARM_UP: Final = 5
"""Runs that are not counted: in the first ones, the times of single steps are measured."""

_KERNELS: Final = {True: "fast kernels", False: "plain kernels"}


def report(arguments: argparse.Namespace, dtypes: list[str], out: Report) -> int:
    """Print a line for each product and step; return 0."""
    threads = arguments.threads or available_processors()
    out.line(f"one thread and {threads}; the same bits")
    rows = RowFormat("<>>>", (44, 12, 12, 8), indent="  ")
    out.row(rows, ("", "1, ms", f"{threads}, ms", "x"))

    def compare(work: str, what: str, option: str, one: Work, several: Work, terms: int) -> None:
        # One after the other: threads that still look for work would take time from the other.
        for each in (one, several) * _WARM_UP:
            each()
        times = [
            best_seconds({"": each}, arguments.rounds, on_the_wall=True)[""]
            for each in (one, several)
        ]
        for count, seconds in zip((1, threads), times, strict=True):
            unit = "step" if terms == 1 else "term"
            variant = f"{option}, {count} threads" if option else f"{count} threads"
            out.add(Measurement(work, what, seconds, terms, unit, variant))
        title = ", ".join(filter(None, (f"{work} {what}", option)))
        out.row(rows, (title, *(f"{t * 1e3:.3f}" for t in times), f"{times[0] / times[1]:.2f}"))

    for size in arguments.size or (_SIZE,):
        for dtype in dtypes:
            for fast, kernels in _KERNELS.items():
                try:
                    work = product(dtype, fast=fast, size=size)
                except UnavailableError:
                    continue
                pair = with_threads(1, work), with_threads(threads, work)
                compare(f"{size}^3", dtype, kernels, *pair, size**3)
    for widths in NETWORKS:
        title = f"step of {'-'.join(map(str, widths))}"
        for dtype in dtypes:
            one, several = (with_threads(count, step(dtype, widths)) for count in (1, threads))
            compare(title, dtype, "", one, several, 1)
        first, second = (pytorch_step(widths, count) for count in (1, threads))
        if first is not None and second is not None:
            compare(title, "PyTorch, float32", "", first, second, 1)
        else:
            out.note(INSTALL)
    return 0
