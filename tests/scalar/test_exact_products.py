"""Exact sums of products, rounded once, against rational arithmetic."""

from fractions import Fraction
from itertools import permutations

import numpy as np
import pytest

from numlean import Flags, get_scalar
from numlean.errors import NumleanError, ShapeError, StorageError, UnavailableError
from numlean.scalar.exact import to_mpf
from numlean.scalar.exact_sum import exact_sum
from numlean.scalar.record import Record
from numlean.scalar.wrappers.counting import CountingScalar

RNG = np.random.default_rng(51)
DTYPES = ("e4m3", "e5m2", "bfloat16", "binary16", "tf32", "float32", "ieee32exec", "float64")
ROUNDINGS = ("ties_to_away", "toward_zero", "toward_positive", "toward_negative", "to_odd")
OPTIONS = (
    *(f"ieee:e4m3@round={rounding}" for rounding in ROUNDINGS),
    *(f"bfloat16@round={rounding}" for rounding in ROUNDINGS),
    *("bfloat16@overflow=saturate", "e4m3@overflow=saturate", "binary16@subnormal=flush"),
)
EDGES = (0.0, -0.0, 1.0, -1.0, 3.0, 1e-3)


def scalar_of(dtype):
    return get_scalar(dtype, "python")


F32, F64, E4M3, BF16 = map(scalar_of, ("float32", "float64", "e4m3", "bfloat16"))


def random(scalar, *shape):
    """Return finite numbers of all exponents, half of them with neighbours in magnitude."""
    format = scalar.format
    bits = RNG.integers(0, format.max_finite, shape, dtype=np.uint64)
    bits |= RNG.integers(0, 2, shape, dtype=np.uint64) * np.uint64(format.sign_mask)
    near = scalar.from_float(RNG.choice(EDGES, shape) * RNG.standard_normal(shape))
    return np.where(RNG.random(shape) < 0.5, scalar.from_bits(bits), near)


def fractions(scalar, x):
    found = np.empty(x.shape, dtype=object)
    for index, value in np.ndenumerate(scalar.to_float(x)):
        found[index] = Fraction(float(value))
    return found


def rounded(scalar, value):
    """Return the encoding of a rational that is not zero."""
    return int(scalar.to_bits(scalar.from_float(np.array([value], dtype=object)))[0])


def check(output, left, right, addend, *, terms):
    a, b = random(left, 2, terms), random(right, terms, 3)
    if terms > 1 and left == right:
        b[terms // 2, :] = b[0]  # products that cancel
        a[:, terms // 2] = left.neg(a[:, 0])
    further = () if addend is None else (addend, random(addend, 3))
    z = output.to_bits(output.exact_product(left, a, right, b, *further))
    exact = fractions(left, a) @ fractions(right, b) if terms else np.zeros((2, 3), dtype=object)
    if further:
        exact = exact + fractions(*further)
    for index in np.ndindex(z.shape):
        if exact[index]:
            assert int(z[index]) == rounded(output, exact[index]), (output.name, exact[index])
        else:
            sign = output.format.sign_mask if output.rounding == "toward_negative" else 0
            assert int(z[index]) in (0, sign)


@pytest.mark.parametrize("output", [*DTYPES, *OPTIONS])
def test_a_sum_of_random_and_cancelling_products_is_rounded_once(output):
    for k in range(14):
        left, right, addend = (scalar_of(DTYPES[i]) for i in RNG.integers(0, len(DTYPES), 3))
        right = left if k % 2 else right
        check(scalar_of(output), left, right, addend if k % 3 else None, terms=k % 7)


def test_a_sum_is_exact_however_far_apart_its_terms_are():
    greatest, least = 1.7976931348623157e308, 5e-324
    a = F64.from_float([[greatest, least, -greatest, 2.0**-537, 1.0, -1.0]])
    b = F64.from_float([[greatest], [least], [greatest], [2.0**-537], [2.0**60], [2.0**60]])
    assert F64.to_float(F64.exact_product(F64, a, F64, b)) == 5e-324
    assert F64.to_float(F64.exact_product(F64, a[:, :3], F64, b[:3])) == 0
    up = scalar_of("binary64exec@round=toward_positive")
    assert up.to_float(up.exact_product(F64, a[:, :3], F64, b[:3])) == 5e-324
    assert F64.to_float(F64.exact_product(F64, a[:, :1], F64, b[:1])) == np.inf


def test_one_unit_far_below_a_tie_decides_it():
    a, one = F32.from_float([[1.0, 2.0**-9, 2.0**-140]]), F32.from_float([[1.0], [1.0], [1.0]])
    assert BF16.to_float(BF16.exact_product(F32, a, F32, one)) == 1
    tie = F32.from_float([[1.0, 2.0**-8, 2.0**-140]])
    assert BF16.to_float(BF16.exact_product(F32, tie[:, :2], F32, one[:2])) == 1
    assert BF16.to_float(BF16.exact_product(F32, tie, F32, one)) == 1 + 2.0**-7
    assert BF16.to_float(BF16.exact_product(F32, tie, F32, F32.neg(one))) == -1 - 2.0**-7


def test_no_order_and_no_grouping_of_terms_is_visible():
    values = np.array([1e30, 1.5, -1e30, 3e-39, np.inf])
    for count in (4, 5):
        found = set()
        for order in permutations(range(count)):
            a = F32.from_float(values[list(order)]).reshape(1, count)
            z = F32.exact_product(F32, a, F32, F32.from_float(np.ones((count, 1))))
            found.add(F32.to_bytes(z))
        assert len(found) == 1


def test_an_element_does_not_depend_on_the_number_of_elements():
    scalar = get_scalar("bfloat16", "cpu")
    a, b, c = (scalar.from_float(RNG.standard_normal(s)) for s in ((70, 3), (3, 300), (300,)))
    z = scalar.exact_product(scalar, a, scalar, b, scalar, c)
    for each in (scalar, BF16):
        few = each.exact_product(each, a[60:], each, b[:, 290:], each, c[290:])
        assert z[60:, 290:].tolist() == few.tolist()


@pytest.mark.parametrize("dtype", ["float32", "ieee32exec", "binary16@round=toward_negative"])
def test_exact_sums_of_few_bits_are_those_of_ordered_sums_signs_of_zeros_included(dtype):
    scalar = scalar_of(dtype)
    x = scalar.from_float([0.0, -0.0, 1.0, -1.0])
    a = np.stack(np.meshgrid(x, x, x), -1).reshape(-1, 3)
    z = scalar.exact_product(scalar, a, scalar, a.T)
    assert scalar.to_bytes(z) == scalar.to_bytes(scalar.matmul(a, a.T))
    empty = scalar.exact_product(scalar, a[:2, :0], scalar, a.T[:0, :2])
    assert scalar.to_bits(empty).tolist() == [[0, 0], [0, 0]]


SPECIALS = (
    ([np.inf, 1.0], [1.0, 1.0], np.inf, 0),
    ([-np.inf, 1.0], [1.0, 1.0], -np.inf, 0),
    ([np.inf, np.inf], [1.0, -1.0], np.nan, 1),
    ([np.inf, 1.0], [0.0, 1.0], np.nan, 1),
    ([np.nan, 1.0], [0.0, 1.0], np.nan, 0),
    ([np.nan, np.inf], [1.0, 0.0], np.nan, 1),
    ([np.nan, np.inf, np.inf], [1.0, 1.0, -1.0], np.nan, 0),
)


@pytest.mark.parametrize(("a", "b", "expected", "invalid"), SPECIALS)
@pytest.mark.parametrize("dtype", ["ieee32exec", "float32", "e5m2", "mp:30"])
def test_infinities_and_nans(dtype, a, b, expected, invalid):
    scalar = scalar_of(dtype)
    operands = scalar.from_float([a]), scalar.from_float(np.reshape(b, (-1, 1)))
    flags = Flags() if dtype == "ieee32exec" else None
    z = scalar.exact_product(scalar, operands[0], scalar, operands[1], flags=flags)
    assert scalar.to_float(z).tolist() == [[pytest.approx(expected, nan_ok=True)]]
    assert flags is None or flags == Flags(invalid=invalid)


def test_a_nan_is_the_default_one_and_a_format_without_infinity_overflows_by_its_rule():
    payload = BF16.from_bits([[0xFFD5]])
    one = BF16.from_float([[1.0]])
    assert BF16.to_bits(BF16.exact_product(BF16, payload, BF16, one)) == 0x7FC0
    far = BF16.from_float([[1000.0]])
    assert np.isnan(E4M3.to_float(E4M3.exact_product(BF16, far, BF16, one)))
    saturating = scalar_of("e4m3@overflow=saturate")
    for x in (far, BF16.from_float([[np.inf]])):
        z = saturating.exact_product(BF16, x, BF16, BF16.neg(one))
        assert saturating.to_float(z) == -448


def test_every_element_raises_the_flags_of_its_one_rounding():
    scalar = CountingScalar(scalar_of("binary16"))
    a = F64.from_float([[1.0], [2.0**-30], [1e9], [1.0 + 2.0**-20]])
    flags = Flags()
    one = F64.from_float([[1.0]])
    scalar.exact_product(F64, a, F64, one, flags=flags)
    assert flags == Flags(overflow=1, underflow=1, inexact=3)
    assert scalar.counts == {"exact_product": flags}
    signalling = BF16.from_bits([[0x7F81]])
    scalar.inner.exact_product(BF16, signalling, BF16, BF16.from_float([[1.0]]), flags=flags)
    assert flags.invalid == 1


def test_numbers_without_encodings_are_added_exactly_too():
    wide = scalar_of("mp:40")
    a = wide.from_string(["1e1000000000000000000", "1e-400", "-1e1000000000000000000"])
    one = wide.from_float(np.ones((3, 1)))
    z = wide.exact_product(wide, a.reshape(1, 3), wide, one)
    assert wide.to_bytes(z) == wide.to_bytes(a[1:2])
    third = wide.from_string(["1/3"]).reshape(1, 1)
    assert F32.exact_product(wide, third, wide, one[:1]) == F32.cast_from(wide, third)
    z = wide.exact_product(
        F32, F32.from_float([[3.0]]), E4M3, E4M3.from_float([[0.5]]), wide, third
    )
    assert wide.to_string(z[0]) == wide.to_string(wide.add(wide.from_float([1.5]), third[0]))
    down, zero = scalar_of("bfloat16@round=toward_negative"), wide.from_float([[0.0]])
    assert down.to_bits(down.exact_product(wide, zero, wide, zero)) == 0
    assert down.to_bits(down.exact_product(wide, zero, wide, wide.neg(third))) == 0x8000
    with pytest.raises(UnavailableError, match="exact_product of mp:40 keeps no flags"):
        wide.exact_product(wide, third, wide, third, flags=Flags())


def test_a_sum_of_numbers_with_unbounded_exponents_needs_bounded_memory():
    for bits in (1, 24, 53):
        for _ in range(200):
            count = int(RNG.integers(1, 7))
            terms = [
                (int(m), int(e) * int(RNG.choice([1, 40])))
                for m, e in zip(
                    RNG.integers(-9, 10, count), RNG.integers(-12, 13, count), strict=True
                )
            ]
            whole = sum((Fraction(m) * Fraction(2) ** e for m, e in terms), Fraction(0))
            found = exact_sum(terms, bits)
            mp = scalar_of(f"mp:{max(bits, 2)}")
            expected = mp.from_float(np.array([whole], dtype=object))
            assert mp.from_exact([to_mpf(found)]).tolist() == expected.tolist()
            assert (found.significand == 0) == (whole == 0)
    far = exact_sum([(1, 10**30), (-1, 0), (1, 0), (1, -(10**30))], 24)
    assert far.bits < 200


def test_a_recorded_product_is_repeated_with_new_numbers():
    for dtype, device in (("bfloat16", "python"), ("bfloat16", "cpu"), ("mp:30", "python")):
        scalar, steps = get_scalar(dtype, device), Record()
        twin = steps.twin(scalar)
        a, b, c = (scalar.from_float(RNG.standard_normal(s)) for s in ((2, 3), (3, 2), (2,)))
        z = twin.exact_product(twin, a, twin, b, twin, c)
        a[...] = scalar.from_float(RNG.standard_normal((2, 3)))
        scalar.compile(steps)()
        expected = scalar.exact_product(scalar, a, scalar, b, scalar, c)
        assert scalar.to_bytes(z) == scalar.to_bytes(expected)


def test_rounding_at_random_gives_both_neighbours_by_the_distance():
    scalar = get_scalar("bfloat16@round=stochastic,seed=9", "python")
    one = F32.from_float(np.ones((1, 400)))
    a = F32.from_float([[1.0 + 2.0**-9]])
    z = scalar.to_float(scalar.exact_product(F32, a, F32, one))
    assert set(z.ravel()) == {1.0, 1.0 + 2.0**-7}
    assert 60 < np.count_nonzero(z != 1) < 140
    exact = scalar.exact_product(F32, a, F32, F32.from_float([[0.0]]))
    assert scalar.to_float(exact) == 0
    wide = scalar_of("mp:30")
    with pytest.raises(UnavailableError, match="encodings"):
        scalar.exact_product(wide, wide.from_float([[1.0]]), F32, one)


def test_operands_that_do_not_fit_are_refused():
    a = F32.from_float(np.ones((2, 3)))
    with pytest.raises(ShapeError, match=r"\(2, 3\) and \(2, 3\)"):
        F32.exact_product(F32, a, F32, a)
    with pytest.raises(ShapeError, match=r"broadcast to \(2, 2\), got \(3,\)"):
        F32.exact_product(F32, a, F32, a.T, F32, a[0])
    with pytest.raises(StorageError, match="bfloat16"):
        F32.exact_product(BF16, a, F32, a.T)
    with pytest.raises(NumleanError, match="or neither"):
        F32.exact_product(F32, a, F32, a.T, F32)
