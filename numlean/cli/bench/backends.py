"""A step of training by every backend, beside PyTorch's."""

from __future__ import annotations

import argparse
from typing import Final

DTYPES: Final = "float32,ieee32exec"
"""Those measured unless others are asked for."""


def show(arguments: argparse.Namespace, dtypes: list[str]) -> int:
    """Print a line for each network and backend, and one for xor in each dtype; return 0."""
    from numlean.benchmarks.backends import (
        BATCH,
        INSTALL,
        NETWORKS,
        PYTORCH,
        contestants,
        xor_steps,
    )
    from numlean.benchmarks.timing import best_seconds

    print(f"one step of a network 64-64-10, {BATCH} images, cross-entropy")
    width = len(PYTORCH)
    print(f"  {'':<5} {'':<5} {'':<{width}} {'us':>10} {'x PyTorch':>10}")
    for activation, optimizer in NETWORKS:
        best = best_seconds(dict(contestants(activation, optimizer, dtypes)), arguments.rounds)
        for name, seconds in best.items():
            ratio = f"{seconds / best[PYTORCH]:10.2f}" if PYTORCH in best else ""
            line = f"{activation:<5} {optimizer:<5} {name:<{width}} {seconds * 1e6:10.1f} {ratio}"
            print(f"  {line}".rstrip(), flush=True)
    if PYTORCH not in best:
        print(INSTALL)
    for dtype in dtypes:
        best = best_seconds(xor_steps(dtype), arguments.rounds)
        eager, compiled = best["eager"] * 1e6, best["compiled"] * 1e6
        print(
            f"one step of xor in {dtype}: eager {eager:.1f} us, compiled {compiled:.1f} us,"
            f" {eager / compiled:.1f} times less"
        )
    return 0
