"""Scalars whose results another library determines, so that numlean does not specify them."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from numlean.scalar.protocol import Scalar
from numlean.scalar.wrappers.wrapper import WrappedScalar


@runtime_checkable
class LibraryScalar(Protocol):
    """A Scalar that calls another library.

    Attributes:
        library: The name of the library, for people.
    """

    @property
    def library(self) -> str: ...  # noqa: D102


def library_of(scalar: Scalar) -> str | None:
    """Return the library that computes a Scalar's results, also below wrappers; None without."""
    inner = scalar
    while not isinstance(inner, LibraryScalar):
        if not isinstance(inner, WrappedScalar):
            return None
        inner = inner.inner
    return inner.library
