"""Files of recorded dot products: what a matrix unit of a real chip returned.

The help of ``numlean verify matrix-unit`` describes their layout.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from numlean.data.npz_file import Archive
from numlean.data.size_limit import check_size
from numlean.errors import DataError
from numlean.verification.matrix_units.recorded_numbers import Codes, Recorded, read_numbers
from numlean_kernels.matrix_units.rule import Unit

_BYTES: Final = 8


@dataclass(frozen=True)
class Recording:
    """Recorded dot products.

    Attributes:
        a: Operands, encodings of shape (n, k).
        b: Operands, encodings of shape (n, k).
        c: Accumulators to begin with, encodings of the output's format of shape (n,).
        d: The results of shape (n,).
        name: The name of the results' array.
        has_c: Whether the file has accumulators; else all are +0.
    """

    a: Codes
    b: Codes
    c: Codes
    d: Recorded
    name: str
    has_c: bool

    def from_zero(self) -> Recording:
        """Return the recording with accumulators of +0."""
        return replace(self, c=np.zeros_like(self.c))


def read_recording(path: str, unit: Unit, output: str) -> Recording:
    """Read a file.

    Args:
        path: The file.
        unit: The unit whose operands and results it has.
        output: The name of the unit's output: fp32, fp16 or fp64.

    Raises:
        DataError: The file cannot be read, has another layout, or numbers that the formats of the
            unit do not have.
    """
    archive = Archive.open(path)
    keys = _Keys(archive)
    a, b = keys.array("a"), keys.array("b")
    name = keys.name_of_results(output)
    d = keys.array(name)
    if not d.size:
        raise DataError(f"{archive.path}: has no dot product; its results have shape {d.shape}")
    a, b, shape = _rows(a, b, d, archive.path)
    c = keys.array("c") if keys.has("c") else np.zeros((), unit.output.storage_dtype)
    if c.size not in (1, d.size) or (c.size == 1 and c.ndim > d.ndim):
        raise DataError(
            f"{archive.path}: c has shape {c.shape}, but the results have shape {d.shape}"
        )
    left = read_numbers(a, unit.left.format, f"{archive.path}, a")
    right = read_numbers(b, unit.right.format, f"{archive.path}, b")
    first = read_numbers(c, unit.output, f"{archive.path}, c", rounds=True)
    results = read_numbers(d.reshape(shape), unit.output, f"{archive.path}, {name}")
    accumulators = np.broadcast_to(first.codes.reshape(-1), shape)
    return Recording(left.codes, right.codes, accumulators, results, name, keys.has("c"))


class _Keys:
    """The arrays of an archive by their names in the layout."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive

    def has(self, name: str) -> bool:
        return bool(self._spellings(name))

    def array(self, name: str) -> Codes:
        spellings = self._spellings(name)
        if len(spellings) != 1:
            found = " and ".join(spellings) if spellings else "none"
            listed = ", ".join(map(repr, self._archive.keys[:20])) or "none"
            raise DataError(
                f"{self._archive.path}: needs one array {name}, found {found}; its arrays are"
                f" {listed}"
            )
        return self._archive.array(spellings[0])

    def name_of_results(self, output: str) -> str:
        name = f"d_{output}"
        if self.has(name) or self.has("d"):
            return name if self.has(name) else "d"
        others = [key for key in self._archive.keys if key.lower().startswith("d_")]
        hint = f"; it has results of other outputs: {', '.join(others[:5])}" if others else ""
        raise DataError(
            f"{self._archive.path}: has neither {name} nor d, the results of a unit whose output is"
            f" {output}{hint}"
        )

    def _spellings(self, name: str) -> list[str]:
        return [key for key in self._archive.keys if key.lower() == name]


def _rows(a: Codes, b: Codes, d: Codes, path: str) -> tuple[Codes, Codes, tuple[int]]:
    """Return operands of shape (n, k), and the shape (n,), of rows or of matrices."""
    if a.ndim >= 1 and a.shape == b.shape and d.size == a.size // max(a.shape[-1], 1):
        squeezed = [extent for extent in d.shape if extent != 1]
        if squeezed == [extent for extent in a.shape[:-1] if extent != 1]:
            k = a.shape[-1]
            return a.reshape(-1, k), b.reshape(-1, k), (d.size,)
    if a.ndim == b.ndim == 2 and a.shape[1] == b.shape[0] and d.shape == (len(a), b.shape[1]):
        n, m, k = len(a), b.shape[1], a.shape[1]
        check_size(f"{path}: the operands of all {n * m:,} results", 2 * n * m * k * _BYTES)
        return np.repeat(a, m, axis=0), np.tile(b.T, (n, 1)), (n * m,)
    raise DataError(
        f"{path}: a and b must have the shape (n, k) and results the shape (n,), or (n, k), (k, m)"
        f" and (n, m); got {a.shape}, {b.shape} and {d.shape}"
    )
