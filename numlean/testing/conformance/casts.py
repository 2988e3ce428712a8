"""Checks of casts from other Scalars, against exact rationals."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np

from numlean.errors import NumleanError, StorageError, UnavailableError
from numlean.scalar.conversion import check_options
from numlean.scalar.finiteness import is_finite
from numlean.scalar.protocol import Scalar, Storage
from numlean.scalar.registry import scalar_on
from numlean.testing.conformance.checks import NotApplicableError, Subject, check, expect_error
from numlean.testing.reference import Number, Reference, reference_of


@check("float64", "e4m3", "mp:100")
def a_cast_rounds_the_exact_value_of_a_number_once(subject: Subject, dtype: str) -> None:
    """Check zeros by their sign, subnormal numbers, infinities and NaNs as well."""
    reference, source = subject.reference, _source(subject.scalar, dtype)
    own = reference_of(source)
    assert own is not None
    x = np.concatenate([own.edges(), own.random(np.random.default_rng(197), 200)])
    expected = [_cast(reference, a) for a in own.numbers(x)]
    reference.check(subject.scalar.cast_from(source, x), expected)


@check()
def a_cast_takes_and_keeps_any_shape_and_stride(subject: Subject) -> None:
    """Check that the argument is not changed, and that the result has memory of its own."""
    scalar, source = subject.repeatable, _source(subject.scalar, "float64")
    x = source.from_float([[0.5, 1.0, 2.0], [0.25, 3.0, 1.5]])
    before, z = source.to_bytes(x), scalar.cast_from(source, x)
    assert scalar.cast_from(source, x.T).tolist() == z.T.tolist()
    assert scalar.cast_from(source, x[:, ::-2]).tolist() == z[:, ::-2].tolist()
    assert scalar.cast_from(source, x[:0]).shape == (0, 3)
    single = scalar.cast_from(source, np.asarray(x[0, 0]))
    assert single.shape == ()
    assert single.dtype == scalar.storage_dtype
    assert single.tolist() == z.tolist()[0][0]
    z[...] = scalar.from_float(5.0)
    assert source.to_bytes(x) == before


@check("float64", "mp:100")
def a_cast_refuses_arrays_that_are_not_of_its_source(subject: Subject, dtype: str) -> None:
    """Check that the source, and not the result, determines which arrays are numbers."""
    scalar, source = subject.repeatable, _source(subject.scalar, dtype)
    for wrong in (np.zeros(2, np.complex64), [1.0], 1.0):
        with expect_error(StorageError, source.name):
            scalar.cast_from(source, wrong)  # type: ignore[arg-type]


@check()
def a_conversion_rounds_in_the_direction_it_is_given(subject: Subject) -> None:
    """Check that conversions to both sides enclose a number, and that others are one of them."""
    scalar, source = subject.scalar, _source(subject.scalar, "float64")
    _check_has_conversions(scalar, source)
    own = scalar.with_reset_stream()
    x = source.from_float(_between_numbers(own, source))
    below, above, inward, outward = (
        _values(own, own.cast_from(source, x, rounding=rounding))
        for rounding in ("toward_negative", "toward_positive", "toward_zero", "away_from_zero")
    )
    values = _values(source, x)
    for low, value, high in zip(below, values, above, strict=True):
        assert low <= value <= high, f"{value} is not between {low} and {high}"
    assert (below, above) == (inward, outward)
    random = []
    for _ in range(2):
        own.start_step(3)
        random.append(_values(own, own.cast_from(source, x, rounding="stochastic")))
    assert random[0] == random[1], "a stochastic conversion is not a function of the step"
    nearest = _values(own, own.cast_from(source, x, rounding="ties_to_even"))
    for found in (nearest, random[0]):
        assert all(z in ends for z, *ends in zip(found, below, above, strict=True))
    again = own.cast_from(own, own.cast_from(source, x), rounding="toward_zero")
    assert own.to_bytes(again) == own.to_bytes(own.cast_from(own, again))


@check()
def a_conversion_that_saturates_gives_no_infinity(subject: Subject) -> None:
    """Check infinities of both signs, with the greatest number in their place."""
    scalar, source = subject.scalar, _source(subject.scalar, "float64")
    _check_has_conversions(scalar, source)
    x = source.from_float([math.inf, 1e300])
    try:
        z = scalar.cast_from(source, x, overflow="saturate")
    except NumleanError:
        raise NotApplicableError("there is no greatest number") from None
    ends = scalar.to_exact(z)
    assert is_finite(scalar, z).all(), f"{ends} are not both finite"
    assert ends[0] >= ends[1] > 0, f"{ends[0]} stands for infinity"


def _between_numbers(scalar: Scalar, source: Scalar) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return numbers, of about 1 if possible, that lie between two positive ones of a Scalar.

    Raises:
        NotApplicableError: It has no two numbers there.
    """
    grid = source.from_float(np.linspace(0.3, 1.5, 25))
    own = _values(scalar, scalar.cast_from(source, grid, rounding="ties_to_even"))
    positive = [float(value) for value in own if value > 0]
    if len(set(positive)) < 2:
        raise NotApplicableError("there are no two numbers from 0.3 to 1.5")
    return np.random.default_rng(211).uniform(min(positive), max(positive), 12)


def _check_has_conversions(scalar: Scalar, source: Scalar) -> None:
    """Check that a Scalar has conversions with choices of their own.

    Raises:
        NotApplicableError: It has not.
    """
    try:
        check_options(scalar, "cast_from", {"rounding": "toward_zero"})
        scalar.cast_from(source, source.from_float([0.5]), rounding="toward_zero")
    except UnavailableError as error:
        raise NotApplicableError(str(error)) from None


def _values(scalar: Scalar, x: Storage) -> list[Any]:
    return list(scalar.to_exact(x).flat)


def _source(scalar: Scalar, dtype: str) -> Scalar:
    """Return the Scalar of a dtype, on the same device if it runs there."""
    return scalar_on(dtype, scalar.device)


def _cast(reference: Reference, a: Number) -> Number:
    """Return the number of a Scalar that a number of another one becomes."""
    if isinstance(a, Fraction):
        return reference.rounded(a)
    if math.isfinite(a):
        return reference.rounded(Fraction(0), math.copysign(1.0, a))
    return reference.infinite(a) if math.isinf(a) else reference.undefined()
