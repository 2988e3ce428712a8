"""Constants of a program that enter a Scalar, and what goes wrong if rounding moves them to an end.

Optimizers, layers and losses declare theirs in ``constants``; a run checks them before its first
step. A formula's text also labels the operations of that formula in a trace, so that the operation
that fails can be traced back to the constant.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final, Protocol, runtime_checkable

_FORMULA: Final[ContextVar[str]] = ContextVar("formula", default="")


@dataclass(frozen=True)
class Constant:
    """A binary64 number that enters a Scalar with one rounding.

    Attributes:
        name: The name, as users set it.
        value: The number.
        formula: The formula that uses it.
        at_zero: What the formula does if a number other than 0 becomes 0; "" if that is harmless.
        at_one: What it does if a number below 1 becomes 1; "" if that is harmless.
        owner: What the constant belongs to, if its name does not tell.
    """

    name: str
    value: float
    formula: str
    at_zero: str = ""
    at_one: str = ""
    owner: str = ""

    def __str__(self) -> str:
        owner = f" of {self.owner}" if self.owner else ""
        return f"{self.name}{owner} = {self.value!r}"


@runtime_checkable
class HasConstants(Protocol):
    """Something whose constants enter a Scalar."""

    @property
    def constants(self) -> tuple[Constant, ...]:
        """The constants, in the order in which a step uses them."""


def constants_of(owner: object) -> tuple[Constant, ...]:
    """Return the constants that an object declares; none if it declares none."""
    return owner.constants if isinstance(owner, HasConstants) else ()


@contextmanager
def formula(text: str) -> Iterator[None]:
    """Label the operations within the block, in traces."""
    token = _FORMULA.set(text)
    try:
        yield
    finally:
        _FORMULA.reset(token)


def current_formula() -> str:
    """Return the formula of the operations carried out now; "" without one."""
    return _FORMULA.get()
