"""Measure a training step with each engine, compared with PyTorch."""

from __future__ import annotations

import argparse
from typing import Final

from numlean.benchmarks.backends import (
    BATCH,
    INSTALL,
    NETWORKS,
    PYTORCH,
    entries,
    xor_steps,
)
from numlean.benchmarks.measurement import Measurement
from numlean.benchmarks.timing import best_seconds
from numlean.cli.bench.report import Report
from numlean.text_table import RowFormat

DTYPES: Final = "float32,ieee32exec"
"""The default dtypes."""


def report(arguments: argparse.Namespace, dtypes: list[str], out: Report) -> int:
    """Print a line for each network and engine, and one for xor in each dtype; return 0."""
    out.line(f"one step of a network 64-64-10, {BATCH} images, cross-entropy")
    row_format = RowFormat("<<<>", (5, 5, len(PYTORCH), 10, 10), indent="  ")
    out.row(row_format, ("", "", "", "us", "x PyTorch"))
    for activation, optimizer in NETWORKS:
        best = best_seconds(dict(entries(activation, optimizer, dtypes)), arguments.rounds)
        for name, seconds in best.items():
            ratio = f"{seconds / best[PYTORCH]:.2f}" if PYTORCH in best else ""
            cells = (activation, optimizer, name, f"{seconds * 1e6:.1f}", ratio)
            out.row(row_format, cells)
            work = f"step of 64-64-10, {activation}, {optimizer}"
            out.add(Measurement(work, name, seconds, 1, "step"))
    if PYTORCH not in best:
        out.note(INSTALL)
    for dtype in dtypes:
        best = best_seconds(xor_steps(dtype), arguments.rounds)
        for engine, seconds in best.items():
            out.add(Measurement("step of xor", dtype, seconds, 1, "step", engine))
        eager, compiled = best["eager"] * 1e6, best["compiled"] * 1e6
        out.line(
            f"one step of xor in {dtype}: eager {eager:.1f} us, compiled {compiled:.1f} us,"
            f" {eager / compiled:.1f} times faster"
        )
    return 0
