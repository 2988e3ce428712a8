"""ArithmeticCheck of our arithmetic with a reference, in batches, on several processes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from typing import Final

import numpy as np

from numlean.errors import UnavailableError, UnknownNameError
from numlean.executors.executor import HERE, Executor
from numlean.scalar.dtype import Dtype
from numlean.scalar.kernel_scalar import KernelScalar
from numlean.scalar.operations import OPERATIONS, RELATIONS
from numlean.scalar.registry import get_scalar
from numlean.verification.double import Double
from numlean.verification.encoding import is_nan
from numlean.verification.hardware import Hardware
from numlean.verification.mpfr import Mpfr
from numlean.verification.nan_rules import nan_result
from numlean.verification.operands import (
    BATCH,
    Bits,
    all_operands,
    combinations_of_level_1,
    count_of_all,
    operands,
)
from numlean.verification.rationals import Rationals
from numlean.verification.reference import ArithmeticReference, Choices, Raised
from numlean.verification.softfloat import SoftFloat
from numlean_kernels.formats import Format
from numlean_kernels.ieee.to_integer import integer_dtype

REFERENCES: Final[dict[str, type[ArithmeticReference]]] = {
    "hardware": Hardware,
    "double": Double,
    "mpfr": Mpfr,
    "softfloat": SoftFloat,
    "rationals": Rationals,
}
"""The references by name."""

_OPTIONS: Final = {"round": "rounding"}


@dataclass(frozen=True)
class Mismatch:
    """One case in which two arithmetics differ.

    Attributes:
        operands: The operands' encodings.
        expected: The reference's encoding.
        actual: Our encoding.
        expected_flags: The reference's flags, or None if it has no flags.
        actual_flags: Our flags.
    """

    operands: tuple[int, ...]
    expected: int
    actual: int
    expected_flags: int | None
    actual_flags: int


@dataclass(frozen=True)
class CheckOutcome:
    """The result of a comparison.

    Attributes:
        cases: The number of operand tuples compared.
        mismatches: The number of them with different bits or flags.
        first: The first mismatch.
    """

    cases: int = 0
    mismatches: int = 0
    first: Mismatch | None = None

    def __add__(self, other: CheckOutcome) -> CheckOutcome:
        cases, mismatches = self.cases + other.cases, self.mismatches + other.mismatches
        return CheckOutcome(cases, mismatches, self.first or other.first)


@dataclass(frozen=True)
class ArithmeticCheck:
    """An arithmetic, a reference, and the operands to compare them on.

    Attributes:
        dtype: The emulated dtype under test, options included.
        reference: A key of ``REFERENCES``.
        operands: ``level 1``, ``level 2``, or ``all``; see :mod:`.operands`.
        seed: The seed of the operands of level 2.
    """

    dtype: str
    reference: str
    operands: str = "level 2"
    seed: int = 0

    def __post_init__(self) -> None:
        if self.reference not in REFERENCES:
            raise UnknownNameError("reference", self.reference, tuple(REFERENCES))
        if self.operands not in ("level 1", "level 2", "all"):
            raise UnknownNameError(
                "choice of operands", self.operands, ("level 1", "level 2", "all")
            )
        self.scalar_and_reference()

    def scalar_and_reference(self) -> tuple[KernelScalar, ArithmeticReference]:
        """Return the Scalar and its reference.

        Raises:
            NumleanError: The reference has no such arithmetic.
        """
        return _scalar_and_reference(self.dtype, self.reference)

    def format(self) -> Format:
        """Return the format of the encodings."""
        format = self.scalar_and_reference()[0].format
        assert format is not None
        return format

    def batch(self, arity: int, number: int) -> list[Bits]:
        """Return the operands of one batch."""
        if self.operands == "all":
            return all_operands(self.format(), arity, number)
        level = int(self.operands.removeprefix("level "))
        return operands(self.format(), arity, number, self.seed, level=level)

    def batches(self, arity: int, count: int) -> int:
        """Return the number of batches that hold ``count`` cases, or of all if those are fewer."""
        if self.operands == "all":
            count = min(count, count_of_all(self.format(), arity))
        if self.operands == "level 1":
            count = min(count, combinations_of_level_1(self.format(), arity))
        return -(-count // BATCH)


def verify(
    comparison: ArithmeticCheck,
    operation: str,
    count: int,
    *,
    executor: Executor = HERE,
    on_batch: Callable[[int], None] | None = None,
) -> CheckOutcome:
    """Compare at least ``count`` operand tuples, in whole batches, or all there are.

    Args:
        comparison: The arithmetic, the reference and the operands.
        operation: An operation that the reference has.
        count: The number of operand tuples.
        executor: Compares the batches; the outcome does not depend on it.
        on_batch: A function that is called after each batch with the number of cases so far.
    """
    _, reference = comparison.scalar_and_reference()
    if operation not in reference.operations:
        known = tuple(reference.operations)
        raise UnknownNameError(f"operation of {comparison.reference}", operation, known)
    batches = comparison.batches(reference.operations[operation], count)
    outcome = CheckOutcome()
    work = partial(compare_batch, comparison, operation)
    what = f"{operation} against {comparison.reference}"
    for part in executor.in_order(work, range(batches), what):
        outcome += part
        if on_batch is not None:
            on_batch(outcome.cases)
    return outcome


def compare_batch(comparison: ArithmeticCheck, operation: str, number: int) -> CheckOutcome:
    """Compare the arithmetic and its reference on one batch."""
    scalar, reference = comparison.scalar_and_reference()
    x = comparison.batch(reference.operations[operation], number)
    return compare(scalar, reference, operation, x)


def compare(
    scalar: KernelScalar, reference: ArithmeticReference, operation: str, x: list[Bits]
) -> CheckOutcome:
    """Compare an arithmetic and a reference on arrays of encodings."""
    format = scalar.format
    assert format is not None
    expected, expected_flags = reference.compute(operation, x)
    actual, raised = _ours(scalar, operation, x, flags=expected_flags is not None)
    is_known = reference.has_nan_bits or gives_integers(operation)
    return differences(
        format,
        x,
        (expected, expected_flags),
        (actual, raised),
        nans=None if is_known else nan_result(format, reference.choices, operation, x),
    )


def differences(
    format: Format,
    x: list[Bits],
    expected: tuple[Bits, Raised | None],
    actual: tuple[Bits, Raised],
    *,
    nans: Bits | None = None,
) -> CheckOutcome:
    """Count the places where two arithmetics differ in results or flags, and show the first.

    Args:
        format: The format of the operands, and of results that are encodings.
        x: The operands.
        expected: A reference's results and flags; without flags, only results are compared.
        actual: Our results and flags.
        nans: The NaNs that replace those of the reference; None if its own have the right bits, or
            results are not encodings.
    """
    (right, right_flags), (ours, our_flags) = expected, actual
    if nans is not None:
        right = np.where(is_nan(format, right), nans, right)
    wrong = ours != right
    if right_flags is not None:
        wrong |= our_flags != right_flags
    found = np.flatnonzero(wrong)
    first = None
    if len(found):
        k = found[0]
        first = Mismatch(
            operands=tuple(int(a[k]) for a in x),
            expected=int(right[k]),
            actual=int(ours[k]),
            expected_flags=None if right_flags is None else int(right_flags[k]),
            actual_flags=int(our_flags[k]),
        )
    return CheckOutcome(len(x[0]), len(found), first)


def gives_integers(operation: str) -> bool:
    """Return whether the results of an operation are integers or truth values."""
    is_relation = operation.removeprefix("signalling_") in RELATIONS
    return is_relation or integer_dtype(operation) is not None


def _ours(scalar: KernelScalar, operation: str, x: list[Bits], *, flags: bool) -> tuple[Bits, Bits]:
    if flags and operation not in _WITHOUT_FLAGS:
        return scalar.flagged(operation, *x)
    compute = getattr(scalar, operation) if operation in OPERATIONS else None
    z = scalar.apply(operation, *x) if compute is None else compute(*x)
    return z, np.zeros(len(x[0]), np.uint8)


_WITHOUT_FLAGS: Final = ("total_order",)


@cache
def _scalar_and_reference(dtype: str, reference: str) -> tuple[KernelScalar, ArithmeticReference]:
    scalar = get_scalar(dtype)
    if not isinstance(scalar, KernelScalar) or scalar.format is None:
        raise UnavailableError(
            f"{dtype} has no encodings, so it cannot be verified; use an emulated dtype"
        )
    return scalar, REFERENCES[reference](scalar.format, choices_of(dtype))


def choices_of(dtype: str) -> Choices:
    """Return the choices that a dtype's options select."""
    options, format = dict(Dtype.parse(dtype).options), get_scalar(dtype).format
    if format is not None:
        options.setdefault("overflow", format.usual_overflow)
    return Choices(**{_OPTIONS.get(name, name): value for name, value in options.items()})
