"""List the number formats: name, devices (the default first) and range.

p is the precision in bits; emin and emax are the exponents of the smallest and largest normal
numbers; smallest and largest are the extreme positive finite numbers.
"""

from __future__ import annotations

import argparse
from math import ldexp

from numlean.scalar.dtype import ALIASES
from numlean.scalar.registry import ScalarBackend, scalar_backends
from numlean.text_table import TextTable
from numlean_kernels.formats import Format
from numlean_kernels.tables.exact import decode

_HEADER = ("dtype", "devices", "p", "emin", "emax", "smallest", "largest", "numbers")
_ALIGN = "<<>>>>><"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add no arguments."""


def run(arguments: argparse.Namespace) -> int:
    """Print the table."""
    rows = [_row(backend) for _, backend in scalar_backends()]
    rows += [(alias, *[""] * 6, f"another name of {name}") for alias, name in ALIASES.items()]
    print(TextTable(_HEADER, tuple(rows), _ALIGN).to_text())
    return 0


def _row(backend: ScalarBackend) -> tuple[str, ...]:
    numbers = ("",) * 5 if backend.format is None else _range(backend.format)
    return backend.pattern, ", ".join(backend.devices), *numbers, backend.summary


def _range(format: Format) -> tuple[str, ...]:
    least, greatest = (ldexp(*decode(format, encoding)) for encoding in (1, format.max_finite))
    exponents = (format.precision, format.emin, format.emax)
    return *map(str, exponents), f"{least:.3g}", f"{greatest:.4g}"
