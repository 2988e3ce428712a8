"""The computation of one element of a result."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from numlean.scalar.protocol import Numbers, Scalar, Storage

Index: TypeAlias = tuple[int, ...]

Apply: TypeAlias = Callable[[Scalar, tuple[Any, ...]], Storage]
"""Compute one element of a result, of shape (1,), from its own operands."""

Again: TypeAlias = Callable[[Scalar], Storage | None]
"""Compute one element of a result, of shape (1,), in another Scalar of its format."""


@dataclass(frozen=True)
class Element:
    """The computation of one element of a result.

    Attributes:
        operands: By label, the numbers that the element depends on, as arrays of one axis.
        apply: Computes the element again in any Scalar, which the operands belong to.
        is_chain: Whether the element is a sum of several terms, whose order matters.
        is_conversion: Whether the operands are binary64 or texts, not yet numbers of the Scalar.
        scalars: By label, the Scalars of operands that are not of the operation's own Scalar.
        again: Computes the element in another Scalar of the format of the operation's own, from
            operands in their own Scalars, or returns None if it cannot. None if ``apply`` does
            that.
        shown: By label, the numbers to show in place of the operands of a conversion.
    """

    operands: dict[str, Any]
    apply: Apply
    is_chain: bool = False
    is_conversion: bool = False
    scalars: Mapping[str, Scalar] = field(default_factory=dict)
    again: Again | None = None
    shown: Mapping[str, Numbers] = field(default_factory=dict)

    def numbers(self, scalar: Scalar) -> dict[str, Numbers]:
        """Return the operands of an operation of a Scalar, each with its own Scalar."""
        own = {
            label: Numbers(self.scalars.get(label, scalar), x) for label, x in self.operands.items()
        }
        return {**own, **self.shown}
