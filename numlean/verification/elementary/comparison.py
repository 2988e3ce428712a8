"""Comparison of a dtype's elementary functions with the certified reference, in batches."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from functools import cache, partial
from typing import Any, Final

import numpy as np

from numlean.errors import UnavailableError, UnknownNameError
from numlean.executors.executor import HERE, Executor
from numlean.scalar.kernel_scalar import KernelScalar
from numlean.scalar.registry import get_scalar
from numlean.verification.comparison import CheckOutcome, choices_of, differences
from numlean.verification.elementary.filtered_reference import FilteredReference, worth_measuring
from numlean.verification.elementary.functions import FUNCTIONS, Function
from numlean.verification.elementary.hard_cases import HardCase, hardest
from numlean.verification.elementary.operands import elementary_operands
from numlean.verification.nan_rules import nan_result
from numlean.verification.operands import BATCH, Bits, all_operands, count_of_all
from numlean.verification.reference import Raised
from numlean_kernels.formats import Format

_EXHAUSTIBLE_BITS: Final = {1: 32, 2: 16}
"""The most bits of all operands together, by arity, with which all operands can be tried."""


@dataclass(frozen=True)
class Findings:
    """The result of a comparison.

    Attributes:
        outcome: The cases, and the mismatches in encodings or flags.
        referred: The number of cases that MPFR decided because the filter could not.
        worst: The largest relative error of the filter's estimates that was measured.
        unsound: Operands for which the filter was wrong, so that nothing is certified.
        hard_cases: The hardest operands that MPFR decided.
    """

    outcome: CheckOutcome = field(default_factory=CheckOutcome)
    referred: int = 0
    worst: float = 0.0
    unsound: tuple[int, ...] | None = None
    hard_cases: tuple[HardCase, ...] = ()

    def __add__(self, other: Findings) -> Findings:
        return Findings(
            self.outcome + other.outcome,
            self.referred + other.referred,
            max(self.worst, other.worst),
            self.unsound or other.unsound,
            hardest(self.hard_cases, other.hard_cases),
        )


@dataclass(frozen=True)
class ElementaryComparison:
    """An arithmetic, and the operands at which its functions are compared.

    Attributes:
        dtype: The dtype under test, options included.
        exhaustive: Whether to use all operands, instead of structured and random ones.
        seed: The seed of the random operands.
    """

    dtype: str
    exhaustive: bool = False
    seed: int = 0

    def scalar_and_reference(self) -> tuple[KernelScalar, FilteredReference]:
        """Return the Scalar and its reference.

        Raises:
            NumleanError: The reference has no such arithmetic.
        """
        return _scalar_and_reference(self.dtype)

    def format(self) -> Format:
        """Return the format of the encodings."""
        return self.scalar_and_reference()[1].format

    def function(self, name: str) -> Function:
        """Return the properties of a function that the dtype has.

        Raises:
            UnknownNameError: The function is unknown.
            UnavailableError: The dtype lacks it, or it has too many operands for an exhaustive run.
        """
        if name not in FUNCTIONS:
            raise UnknownNameError("elementary function", name, tuple(FUNCTIONS))
        function = FUNCTIONS[name]
        if not self.can_try(name):
            raise UnavailableError(
                f"{name} of {self.dtype} has too many operands to try them all; --count N tries"
                " some"
            )
        if not self.offers(name):
            raise UnavailableError(f"{self.dtype} has no {name}")
        return function

    def can_try(self, name: str) -> bool:
        """Return whether the number of operands is feasible."""
        bits = self.format().width * FUNCTIONS[name].arity
        return not self.exhaustive or bits <= _EXHAUSTIBLE_BITS[FUNCTIONS[name].arity]

    def offers(self, name: str) -> bool:
        """Return whether the dtype has a function."""
        if self.supports_flags(name):
            return True
        scalar, one = self._one(name)
        try:
            getattr(scalar, name)(*one)
        except UnavailableError:
            return False
        return True

    def supports_flags(self, name: str) -> bool:
        """Return whether the dtype has the flags of a function, so that they are compared."""
        scalar, one = self._one(name)
        try:
            scalar.flagged(name, *one)
        except UnavailableError:
            return False
        return True

    def key(self) -> dict[str, Any]:
        """Return everything that findings depend on: the comparison, and the kernels' sources."""
        from numlean_kernels.targets.cache import source_hash

        return {**asdict(self), "kernels": source_hash()}

    def batches(self, function: Function, count: int) -> int:
        """Return the number of batches that hold ``count`` cases, or of all if those are fewer."""
        if self.exhaustive:
            count = min(count, count_of_all(self.format(), function.arity))
        return -(-count // BATCH)

    def batch(self, function: Function, number: int) -> list[Bits]:
        """Return the operands of one batch."""
        scalar, reference = self.scalar_and_reference()
        if self.exhaustive:
            return all_operands(reference.format, function.arity, number)
        return elementary_operands(scalar, function, number, self.seed)

    def _one(self, name: str) -> tuple[KernelScalar, list[Bits]]:
        scalar = self.scalar_and_reference()[0]
        return scalar, [scalar.from_float(np.array([1.0]))] * FUNCTIONS[name].arity


def verify(
    comparison: ElementaryComparison,
    name: str,
    count: int,
    *,
    executor: Executor = HERE,
    done: int = 0,
    findings: Findings | None = None,
    on_batch: Callable[[int, Findings], None] | None = None,
) -> Findings:
    """Compare a function at ``count`` operands, or at all there are.

    Args:
        comparison: The arithmetic and the operands.
        name: The function.
        count: The maximum number of operands.
        executor: Compares the batches; the findings do not depend on it.
        done: The number of batches compared earlier.
        findings: The findings of those batches.
        on_batch: A function that is called after each batch with the number of batches and the
            findings so far.
    """
    total = comparison.batches(comparison.function(name), count)
    work = partial(compare_batch, comparison, name, count)
    findings = findings or Findings()
    for part in executor.in_order(work, range(done, total), name):
        done, findings = done + 1, findings + part
        if on_batch is not None:
            on_batch(done, findings)
    return findings


def compare_batch(comparison: ElementaryComparison, name: str, count: int, number: int) -> Findings:
    """Compare a function on one batch, but on no more operands than ``count`` still allows."""
    _, reference = comparison.scalar_and_reference()
    function = FUNCTIONS[name]
    x = [a[: count - number * BATCH] for a in comparison.batch(function, number)]
    # The positions differ from batch to batch and have no common divisor.
    measured = worth_measuring(reference.format, x, offset=number * 0x9E3779B1 + 0x1234567)
    results = reference.compute(function, x, measured)
    actual, raised = _ours(comparison, name, x)
    outcome = differences(
        reference.format,
        x,
        (results.z, None if raised is None else results.raised),
        (actual, np.zeros(len(actual), np.uint8) if raised is None else raised),
        nans=nan_result(reference.format, choices_of(comparison.dtype), name, x),
    )
    k = results.unsound
    unsound = None if k is None else tuple(int(a[k]) for a in x)
    return Findings(outcome, results.referred, results.worst, unsound, results.hard_cases)


def _ours(comparison: ElementaryComparison, name: str, x: list[Bits]) -> tuple[Bits, Raised | None]:
    scalar = comparison.scalar_and_reference()[0]
    operands = [scalar.from_bits(a) for a in x]
    if comparison.supports_flags(name):
        z, raised = scalar.flagged(name, *operands)
        return scalar.to_bits(z), raised
    return scalar.to_bits(getattr(scalar, name)(*operands)), None


@cache
def _scalar_and_reference(dtype: str) -> tuple[KernelScalar, FilteredReference]:
    scalar = get_scalar(dtype)
    if not isinstance(scalar, KernelScalar) or scalar.format is None:
        raise UnavailableError(
            f"{dtype} has no encodings, so it cannot be verified; use a dtype that has"
        )
    return scalar, FilteredReference(scalar.format, choices_of(dtype))
