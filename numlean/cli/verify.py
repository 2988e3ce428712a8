"""Compare ieee32exec add, sub, mul, div, sqrt and fma with the hardware's binary32, bit for bit.

Operands are random and structured, the same for the same seed. Exit status 1 on a mismatch.
"""

from __future__ import annotations

import argparse
import time

from numlean.cli.progress import progress
from numlean.errors import NumleanError
from numlean.verification.hardware import BATCH, OPERATIONS, Outcome, verify_operation


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument("what", choices=["arithmetic"], help="what to verify")
    parser.add_argument(
        "--operation", choices=list(OPERATIONS), action="append", help="only this (repeatable)"
    )
    parser.add_argument(
        "--count", type=float, default=1e7, metavar="N", help="cases an operation (default: 1e7)"
    )
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="names the operands")


def run(arguments: argparse.Namespace) -> int:
    """Verify and print a line an operation."""
    if not 1 <= arguments.count <= 1e15 or arguments.seed < 0:
        raise NumleanError(f"count and seed make no sense: {arguments.count}, {arguments.seed}")
    status = 0
    for name in arguments.operation or OPERATIONS:
        outcome, seconds = _verify(name, int(arguments.count), arguments.seed)
        print(
            f"{name:<5} {outcome.cases:>13,} cases  {outcome.mismatches:>7,} mismatches"
            f"  {seconds:7.1f} s",
            flush=True,
        )
        if outcome.first is not None:
            print(_as_block(name, outcome.first))
            status = 1
    return status


def _verify(name: str, count: int, seed: int) -> tuple[Outcome, float]:
    started = time.perf_counter()
    with progress(f"{name} against hardware", -(-count // BATCH)) as advance:
        outcome = verify_operation(
            name, count, seed=seed, on_batch=lambda cases: advance(f"{cases:,} cases")
        )
    return outcome, time.perf_counter() - started


def _as_block(name: str, first: tuple[tuple[int, ...], int, int]) -> str:
    given, expected, actual = first
    rows = [*zip("abc", given, strict=False), ("expected", expected), ("actual", actual)]
    title = f"binary32 {name}, ties_to_even: ieee32exec differs from the hardware"
    return "\n".join([title, *(f"  {label:<9} {_fields(bits)}" for label, bits in rows)])


def _fields(bits: int) -> str:
    binary = f"{bits:032b}"
    return f"{bits:#010x}   {binary[0]} {binary[1:9]} {binary[9:]}"
