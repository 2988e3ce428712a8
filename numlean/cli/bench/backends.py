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
from numlean.benchmarks.timing import best_seconds
from numlean.text_table import RowFormat

DTYPES: Final = "float32,ieee32exec"
"""The default dtypes."""


def report(arguments: argparse.Namespace, dtypes: list[str]) -> int:
    """Print a line for each network and engine, and one for xor in each dtype; return 0."""
    print(f"one step of a network 64-64-10, {BATCH} images, cross-entropy")
    row_format = RowFormat("<<<>", (5, 5, len(PYTORCH), 10, 10), indent="  ")
    print(row_format.line(("", "", "", "us", "x PyTorch")))
    for activation, optimizer in NETWORKS:
        best = best_seconds(dict(entries(activation, optimizer, dtypes)), arguments.rounds)
        for name, seconds in best.items():
            ratio = f"{seconds / best[PYTORCH]:.2f}" if PYTORCH in best else ""
            cells = (activation, optimizer, name, f"{seconds * 1e6:.1f}", ratio)
            print(row_format.line(cells), flush=True)
    if PYTORCH not in best:
        print(INSTALL)
    for dtype in dtypes:
        best = best_seconds(xor_steps(dtype), arguments.rounds)
        eager, compiled = best["eager"] * 1e6, best["compiled"] * 1e6
        print(
            f"one step of xor in {dtype}: eager {eager:.1f} us, compiled {compiled:.1f} us,"
            f" {eager / compiled:.1f} times faster"
        )
    return 0
