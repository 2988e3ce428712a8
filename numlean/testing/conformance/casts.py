"""Checks of casts from other Scalars, against exact rationals."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np

from numlean.errors import StorageError
from numlean.scalar.protocol import Scalar
from numlean.scalar.registry import scalar_on
from numlean.testing.conformance.checks import Subject, check, expect_error
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
    assert single.item() == z[0, 0]
    z[...] = scalar.from_float(5.0)
    assert source.to_bytes(x) == before


@check("float64", "mp:100")
def a_cast_refuses_arrays_that_are_not_of_its_source(subject: Subject, dtype: str) -> None:
    """Check that the source, and not the result, determines which arrays are numbers."""
    scalar, source = subject.repeatable, _source(subject.scalar, dtype)
    for wrong in (np.zeros(2, np.complex64), [1.0], 1.0):
        with expect_error(StorageError, source.name):
            scalar.cast_from(source, wrong)  # type: ignore[arg-type]


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
