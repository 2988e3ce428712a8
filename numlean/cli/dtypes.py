"""List the arithmetics: how each is written, where it runs (the default first), what it holds.

p is the precision in bits; emin and emax are the least and greatest exponents of normal numbers.
"""

from __future__ import annotations

import argparse
from math import ldexp

from numlean.scalar.dtype import ALIASES
from numlean.scalar.registry import ScalarBackend, scalar_backends
from numlean_kernels.formats import Format
from numlean_kernels.tables.exact import decode

_HEADER = ("dtype", "devices", "p", "emin", "emax", "least", "greatest", "what a number is")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes: nothing."""


def run(arguments: argparse.Namespace) -> int:
    """Print the table."""
    rows: list[tuple[str, ...]] = [_HEADER]
    rows += [_row(backend) for _, backend in scalar_backends()]
    rows += [(alias, *[""] * 6, f"another name of {name}") for alias, name in ALIASES.items()]
    widths = [max(len(row[column]) for row in rows) for column in range(7)]
    for row in rows:
        left = "  ".join(f"{row[k]:<{widths[k]}}" for k in (0, 1))
        right = "  ".join(f"{row[k]:>{widths[k]}}" for k in range(2, 7))
        print(f"{left}  {right}  {row[7]}")
    return 0


def _row(backend: ScalarBackend) -> tuple[str, ...]:
    numbers = ("",) * 5 if backend.format is None else _range(backend.format)
    return backend.pattern, ", ".join(backend.devices), *numbers, backend.summary


def _range(format: Format) -> tuple[str, ...]:
    least, greatest = (ldexp(*decode(format, encoding)) for encoding in (1, format.max_finite))
    exponents = (format.precision, format.emin, format.emax)
    return *map(str, exponents), f"{least:.3g}", f"{greatest:.4g}"
