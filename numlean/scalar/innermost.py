"""The Scalar inside all wrappers, whose numbers and storage they share."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from numlean.scalar.protocol import Scalar


@runtime_checkable
class _Wrapping(Protocol):
    """A Scalar around another one."""

    @property
    def inner(self) -> Scalar: ...


def innermost(scalar: Scalar) -> Scalar:
    """Return the Scalar inside all wrappers; a Scalar without wrappers itself."""
    while isinstance(scalar, _Wrapping):
        scalar = scalar.inner
    return scalar
