"""What a check is, and how many are made of one function."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from numlean.errors import NumleanError
from numlean.scalar.protocol import Scalar
from numlean.testing.reference import Reference


class NotApplicableError(Exception):
    """A check that has no meaning for a Scalar; the message says why."""


@dataclass(frozen=True)
class Subject:
    """What is checked.

    Attributes:
        scalar: The Scalar.
        known: What its results ought to be, or None if nobody said.
    """

    scalar: Scalar
    known: Reference | None

    @property
    def repeatable(self) -> Scalar:
        """The Scalar, if the same operation on the same numbers always gives the same.

        Raises:
            NotApplicableError: Its operations draw random bits, or nobody states their results.
        """
        if self.scalar.rounding in ("stochastic", "unstated"):
            raise NotApplicableError("no two of its operations are alike")
        return self.scalar

    @property
    def reference(self) -> Reference:
        """What its results ought to be.

        Raises:
            NotApplicableError: Nobody said.
        """
        if self.known is None:
            raise NotApplicableError("no reference knows its rounding")
        return self.known


@dataclass(frozen=True)
class Check:
    """One thing that a Scalar promises.

    Attributes:
        name: The promise, as a sentence.
        run: Raises AssertionError if it is broken, NotApplicableError if it has no meaning.
    """

    name: str
    run: Callable[[Subject], None]


CHECKS: Final[list[Check]] = []
"""All of them, in the order of the modules."""


def check(*cases: Any) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Register a function as a check, or as one for each case, which it takes after its subject."""

    def register(function: Callable[..., None]) -> Callable[..., None]:
        sentence = function.__name__.replace("_", " ")
        if not cases:
            CHECKS.append(Check(sentence, function))
        for case in cases:
            CHECKS.append(Check(f"{sentence}: {case}", _bound(function, case)))
        return function

    return register


def _bound(function: Callable[..., None], case: Any) -> Callable[[Subject], None]:
    return lambda subject: function(subject, case)


@contextmanager
def refused(kind: type[NumleanError], *shown: str) -> Iterator[None]:
    """What is done inside raises an error of a kind, whose message shows some texts."""
    raised: NumleanError | None = None
    try:
        yield
    except kind as error:
        raised = error
    assert raised is not None, f"no {kind.__name__} was raised"
    missing = [text for text in shown if text not in str(raised)]
    assert not missing, f"the error does not show {missing}: {raised}"
