"""The checks, and how one function makes several of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from numlean.errors import NumleanError
from numlean.scalar.protocol import Scalar
from numlean.testing.reference import Reference


class NotApplicableError(Exception):
    """A check does not apply to a Scalar; the message gives the reason."""


@dataclass(frozen=True)
class Subject:
    """A Scalar under test.

    Attributes:
        scalar: The Scalar.
        known: The reference of its correct results, or None if there is none.
    """

    scalar: Scalar
    known: Reference | None

    @property
    def repeatable(self) -> Scalar:
        """The Scalar, if the same operation on the same numbers always gives the same bits.

        Raises:
            NotApplicableError: Operations draw random bits, or their results are not specified.
        """
        if not self.scalar.is_deterministic or self.scalar.rounding == "unstated":
            raise NotApplicableError("its results are not a function of the operands")
        return self.scalar

    @property
    def reference(self) -> Reference:
        """The reference of its correct results.

        Raises:
            NotApplicableError: There is none.
        """
        if self.known is None:
            raise NotApplicableError("there is no reference for its rounding")
        return self.known

    def check_has_every_negative(self) -> None:
        """Check that every number has a negative.

        Raises:
            NotApplicableError: The reference says that some have none.
        """
        if self.known is not None and not self.known.has_every_negative:
            raise NotApplicableError("some numbers have no negative")


@dataclass(frozen=True)
class Check:
    """A rule that a Scalar follows.

    Attributes:
        name: The rule, as a sentence.
        run: Raises AssertionError if the rule is broken, NotApplicableError if it does not apply.
    """

    name: str
    run: Callable[[Subject], None]


CHECKS: Final[list[Check]] = []
"""All checks, in the order of the modules."""


def check(*cases: Any) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Register a function as a check, or as one check for each case, its second argument."""

    def register(function: Callable[..., None]) -> Callable[..., None]:
        sentence = function.__name__.replace("_", " ")
        if not cases:
            CHECKS.append(Check(sentence, function))
        for case in cases:
            CHECKS.append(Check(f"{sentence}: {case}", _Bound(function, case)))
        return function

    return register


@dataclass(frozen=True)
class _Bound:
    """A function whose second argument is fixed."""

    function: Callable[..., None]
    case: Any

    def __call__(self, subject: Subject) -> None:
        self.function(subject, self.case)


@contextmanager
def expect_error(kind: type[NumleanError], *shown: str) -> Iterator[None]:
    """Check that the block raises an error of a kind whose message contains some texts."""
    raised: NumleanError | None = None
    try:
        yield
    except kind as error:
        raised = error
    assert raised is not None, f"no {kind.__name__} was raised"
    missing = [text for text in shown if text not in str(raised)]
    assert not missing, f"the error does not show {missing}: {raised}"
