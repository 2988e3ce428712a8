"""List the number formats: name, devices (the default first) and range.

p is the precision in bits; emin and emax are the exponents of the smallest and largest normal
numbers; smallest and largest are the extreme positive finite numbers.
"""

from __future__ import annotations

import argparse
from math import ldexp

from numlean.scalar.dtype import ALIASES
from numlean.scalar.registry import ScalarBackend, scalar_backends
from numlean.text_table import TextTable, align_rows
from numlean_kernels.formats import Format
from numlean_kernels.tables.exact import decode

_HEADER = ("dtype", "devices", "p", "emin", "emax", "smallest", "largest", "numbers")
_ALIGN = "<<>>>>><"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add no arguments."""


def run(arguments: argparse.Namespace) -> int:
    """Print the table."""
    rows = [_row(backend) for _, backend in scalar_backends()]
    print(TextTable(_HEADER, tuple(rows), _ALIGN).to_text())
    print("\nOther names, in any case:")
    print("\n".join(align_rows(_other_names().items(), indent="  ")))
    return 0


def _other_names() -> dict[str, str]:
    """Return the other names of each dtype, as text."""
    names: dict[str, list[str]] = {}
    for alias, name in ALIASES.items():
        names.setdefault(name, []).append(alias)
    return {name: " ".join(aliases) for name, aliases in sorted(names.items())}


def _row(backend: ScalarBackend) -> tuple[str, ...]:
    numbers = ("",) * 5 if backend.format is None else _range(backend.format)
    return backend.pattern, ", ".join(backend.devices), *numbers, backend.summary


def _range(format: Format) -> tuple[str, ...]:
    ends = int(format.has_zero), format.max_finite
    least, greatest = (ldexp(*decode(format, encoding)) for encoding in ends)
    exponents = (format.precision, format.emin, format.emax)
    return *map(str, exponents), f"{least:.3g}", f"{greatest:.4g}"
