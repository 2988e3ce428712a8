"""The function that runs all checks on a Scalar."""

from __future__ import annotations

from dataclasses import dataclass
from traceback import extract_tb

from numlean.scalar.protocol import Scalar
from numlean.testing.conformance.checks import CHECKS, NotApplicableError, Subject
from numlean.testing.reference import Reference, reference_of


@dataclass(frozen=True)
class Failure:
    """A broken rule.

    Attributes:
        check: The rule.
        reason: The difference that was found.
    """

    check: str
    reason: str


@dataclass(frozen=True)
class Report:
    """The results of the checks.

    Attributes:
        scalar: The Scalar's name.
        passed: The rules that hold.
        failures: The rules that are broken.
        not_applicable: The rules that do not apply, with the reason.
    """

    scalar: str
    passed: tuple[str, ...]
    failures: tuple[Failure, ...]
    not_applicable: tuple[Failure, ...]

    def __str__(self) -> str:
        head = (
            f"{self.scalar}: {len(self.passed)} promises kept, {len(self.failures)} broken,"
            f" {len(self.not_applicable)} not applicable"
        )
        return "\n".join([head, *(f"  {f.check}\n    {f.reason}" for f in self.failures)])


def check_scalar(scalar: Scalar, reference: Reference | None = None) -> Report:
    """Run the conformance suite on a Scalar.

    Args:
        scalar: Any Scalar, yours or ours.
        reference: The reference of its correct results. By default, one for IEEE formats in every
            rounding but a random one, and for unbounded exponents that round to nearest even;
            without one, only the rules that need none are checked.

    Returns:
        The results; a broken rule raises nothing.
    """
    subject = Subject(scalar, reference or reference_of(scalar))
    passed: list[str] = []
    failures: list[Failure] = []
    without_meaning: list[Failure] = []
    for check in CHECKS:
        try:
            check.run(subject)
        except NotApplicableError as error:
            without_meaning.append(Failure(check.name, str(error)))
        except Exception as error:  # a third party's Scalar may raise anything
            failures.append(Failure(check.name, _reason(error)))
        else:
            passed.append(check.name)
    return Report(scalar.name, tuple(passed), tuple(failures), tuple(without_meaning))


def _reason(error: Exception) -> str:
    if not isinstance(error, AssertionError):
        return repr(error)
    line = extract_tb(error.__traceback__)[-1].line
    return str(error) or f"this does not hold: {line}"
