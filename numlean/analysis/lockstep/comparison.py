"""Positions at which arrays of two arithmetics hold different numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from numlean.analysis.lockstep.common_numbers import CommonNumbers
from numlean.autograd.indices import INDEX
from numlean.autograd.tensor import Tensor
from numlean.scalar.protocol import Scalar, Storage

Mask: TypeAlias = np.ndarray[Any, np.dtype[np.bool_]]

Differing: TypeAlias = Callable[[Scalar, Storage, Scalar, Storage], Mask]
"""Return where two arrays of the same shape, each of its Scalar, differ."""


@dataclass(frozen=True)
class PairComparison:
    """How the numbers of two Scalars are compared.

    Attributes:
        kind: "state" (encodings, within a format), "value" (exact values, across formats) or
            "rounded" (values after rounding to the common numbers).
        differing: Returns where arrays differ.
        common: The common numbers of kind "rounded"; else None.
    """

    kind: str
    differing: Differing
    common: CommonNumbers | None = None

    @classmethod
    def of(cls, a: Scalar, b: Scalar, *, beyond_rounding: bool = False) -> PairComparison:
        """Return the comparison of two Scalars.

        Args:
            a: One Scalar.
            b: The other Scalar.
            beyond_rounding: Whether numbers of two formats are rounded to the coarser one first.
        """
        if compares_bits(a, b):
            return cls("state", differing_bits)
        if not beyond_rounding:
            return cls("value", differing_values)
        common = CommonNumbers.of(a, b)
        return cls("rounded", common.differing, common)

    def __str__(self) -> str:
        if self.common is not None:
            return f"values after rounding both to {self.common.name}"
        return {"state": "encodings", "value": "exact values"}[self.kind]


class RunComparison:
    """How the numbers of two runs are compared: each pair of numbers by their own Scalars.

    Attributes:
        beyond_rounding: Whether numbers of two formats are rounded to the coarser one first.
    """

    def __init__(self, *, beyond_rounding: bool = False) -> None:
        self.beyond_rounding = beyond_rounding
        self._found: dict[tuple[Scalar, Scalar], PairComparison] = {}

    def between(self, a: Scalar, b: Scalar) -> PairComparison:
        """Return the comparison of numbers of two Scalars, one of each run."""
        if (a, b) not in self._found:
            self._found[a, b] = PairComparison.of(a, b, beyond_rounding=self.beyond_rounding)
        return self._found[a, b]

    def differing(self, a: Scalar, x: Storage, b: Scalar, y: Storage) -> Mask:
        """Return where numbers of two Scalars differ."""
        return self.between(a, b).differing(a, x, b, y)

    def of_all(self, scalars: Sequence[tuple[Scalar, Scalar]]) -> tuple[str, str | None]:
        """Return the kind of the comparison of all numbers of two runs, and what they round to.

        Args:
            scalars: The Scalars of each number of one run, and of the same one of the other run.
        """
        pairs = [self.between(*pair) for pair in scalars]
        across = [pair for pair in pairs if pair.kind != "state"]
        if not across:
            return "state", None
        names = dict.fromkeys(pair.common.name for pair in across if pair.common is not None)
        return across[0].kind, " and ".join(names) or None


def differing_bits(a: Scalar, x: Storage, b: Scalar, y: Storage) -> Mask:
    """Return where the encodings differ; the Scalars have the same format."""
    different: Mask = np.asarray(a.to_bits(x) != b.to_bits(y))
    return different


def differing_values(a: Scalar, x: Storage, b: Scalar, y: Storage) -> Mask:
    """Return where exact values differ; -0 equals +0, and all NaNs are equal."""
    floats, others = a.to_float(x), b.to_float(y)
    is_nan = np.isnan(floats)
    equal = (floats == others) | (is_nan & np.isnan(others))
    # Different numbers may round to the same binary64 number, unless both are binary64.
    unsure = equal & ~is_nan & ~(_is_binary64(a, x, floats) & _is_binary64(b, y, others))
    different: Mask = ~np.asarray(equal)
    if unsure.any():
        different = np.array(different)
        different[unsure] = a.to_exact(x[unsure]) != b.to_exact(y[unsure])
    return different


def comparison_of(a: Scalar, b: Scalar) -> Differing:
    """Return how numbers of two Scalars compare: by encodings within a format, else by values."""
    return PairComparison.of(a, b).differing


def compares_bits(a: Scalar, b: Scalar) -> bool:
    """Return whether two Scalars have the same format."""
    return a.format is not None and a.format == b.format


def first_difference(
    a: Tensor, b: Tensor, compare: Differing | None = None
) -> tuple[int, ...] | None:
    """Return the first index, in C order, at which two tensors of a shape differ.

    Args:
        a: One tensor.
        b: The other tensor.
        compare: Returns where they differ; by default ``comparison_of`` their Scalars.
    """
    x, y = a.data, b.data
    if x is y:
        return None
    if a.scalar is INDEX:
        return first_place(np.asarray(x != y))
    compare = compare or comparison_of(a.scalar, b.scalar)
    return first_place(compare(a.scalar, x, b.scalar, y))


def are_same(a: Tensor, b: Tensor, compare: Differing | None = None) -> bool:
    """Return whether two tensors of a shape are equal; faster than finding a difference."""
    if a.scalar is not INDEX and compares_bits(a.scalar, b.scalar):
        return a.scalar.to_bytes(a.data) == b.scalar.to_bytes(b.data)
    return first_difference(a, b, compare) is None


def first_place(different: Mask) -> tuple[int, ...] | None:
    """Return the first index, in C order, that a mask marks."""
    if not different.any():
        return None
    return tuple(int(k) for k in np.unravel_index(int(different.argmax()), different.shape))


def _is_binary64(scalar: Scalar, x: Storage, floats: np.ndarray[Any, Any]) -> Any:
    """Return where numbers convert to binary64 exactly; every encoded format does."""
    return True if scalar.format is not None else scalar.eq(scalar.from_float(floats), x)
