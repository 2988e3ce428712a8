"""Operations on numbers in limbs against exact rationals, and against mpmath's routines."""

import random
from fractions import Fraction

import mpmath
import numpy as np
import pytest
from mpmath import libmp

from numlean import NumleanError, get_scalar

PRECISIONS = (1, 2, 24, 53, 63, 64, 65, 113, 128, 200, 512, 1024)
SPECIALS = (libmp.fzero, libmp.finf, libmp.fninf, libmp.fnan)


def numbers(rng, precision, count):
    """Yield numbers of all kinds: long, short, all ones, a bit above a power of two, far apart."""
    for _ in range(count):
        bits = rng.randint(1, precision)
        significand = rng.choice(
            [
                *(rng.getrandbits(bits) | 1, (1 << bits) - 1, 1, (1 << bits >> 1) + 1),
                *((1 << precision) - rng.choice([1, 2, 3]), rng.getrandbits(precision) | 1),
            ]
        )
        far = rng.choice([0, 1, precision, 2 * precision, 64, 130, 5000])
        value = rng.choice([1, -1]) * max(significand, 1), rng.randint(-far, far)
        exact = libmp.mpf_pos(libmp.from_man_exp(*value), precision, "n")
        yield rng.choice([*[exact] * 16, *SPECIALS])


def neighbours(rng, precision, x):
    """Return an operand that a number cancels with, or that lies where its sum is a tie."""
    if not x[1]:
        return x
    off = libmp.from_man_exp(rng.choice([1, -1]), x[2] + x[3] - precision - rng.choice([0, 1, 2]))
    near = libmp.mpf_neg(libmp.mpf_pos(libmp.mpf_add(x, off), precision, "n"))
    return rng.choice([near, off, libmp.mpf_neg(x), x])


def operands(precision, count=250):
    rng = random.Random(precision)
    xs = list(numbers(rng, precision, count))
    ys = list(numbers(rng, precision, count // 2))
    ys += [neighbours(rng, precision, x) for x in xs[len(ys) :]]
    zs = list(numbers(rng, precision, count // 2))
    for x, y in list(zip(xs, ys, strict=True))[len(zs) :]:
        zs.append(libmp.mpf_neg(libmp.mpf_pos(libmp.mpf_mul(x, y), precision, "n")))
    return xs, ys, zs


def stored(s, values):
    return s.from_exact([mpmath.mp.make_mpf(value) for value in values])


def pair(precision):
    return get_scalar(f"mp:{precision}", "cpu"), get_scalar(f"mp:{precision}@engine=mpmath")


@pytest.mark.parametrize("precision", PRECISIONS)
def test_every_operation_has_the_bits_of_mpmath(precision):
    limbs, reference = pair(precision)
    xyz = operands(precision)
    (x, y, z), (a, b, c) = ([stored(s, v) for v in xyz] for s in (limbs, reference))
    for name in ("neg", "abs", "sqrt"):
        found, expected = getattr(limbs, name)(x), getattr(reference, name)(a)
        assert limbs.to_bytes(found) == reference.to_bytes(expected), name
    for name in (
        *("add", "sub", "mul", "div", "copy_sign"),
        *("minimum", "maximum", "min_num", "max_num"),
    ):
        found, expected = getattr(limbs, name)(x, y), getattr(reference, name)(a, b)
        assert limbs.to_bytes(found) == reference.to_bytes(expected), name
    for name in ("compare", "eq", "lt", "le"):
        found, expected = getattr(limbs, name)(x, y), getattr(reference, name)(a, b)
        assert found.dtype == expected.dtype
        assert np.array_equal(found, expected), name
    assert limbs.to_bytes(limbs.fma(x, y, z)) == reference.to_bytes(reference.fma(a, b, c))


def rounded(value, precision):
    """Round a rational to nearest even."""
    if not value:
        return libmp.fzero
    top = value.numerator.bit_length() - value.denominator.bit_length()
    place = top - precision - 2
    scaled = abs(value) / Fraction(2) ** place
    sticky = int(scaled) << 1 | (scaled.denominator != 1)
    whole = -sticky if value < 0 else sticky
    return libmp.mpf_pos(libmp.from_man_exp(whole, place - 1), precision, "n")


def rational(value):
    return (-1) ** value[0] * Fraction(int(value[1])) * Fraction(2) ** int(value[2])


@pytest.mark.parametrize("precision", [2, 24, 64, 65, 200])
def test_sums_products_and_quotients_are_the_rationals_rounded_once(precision):
    limbs, _ = pair(precision)
    triples = zip(*operands(precision), strict=True)
    finite = [t for t in triples if all(v[1] and abs(v[2]) < 900 for v in t)][:80]
    x, y, z = (stored(limbs, v) for v in zip(*finite, strict=True))
    exact = [[rational(v) for v in triple] for triple in finite]
    for found, expected in (
        (limbs.add(x, y), [a + b for a, b, _ in exact]),
        (limbs.sub(x, y), [a - b for a, b, _ in exact]),
        (limbs.mul(x, y), [a * b for a, b, _ in exact]),
        (limbs.div(x, y), [a / b for a, b, _ in exact]),
        (limbs.fma(x, y, z), [a * b + c for a, b, c in exact]),
    ):
        values = [value._mpf_ for value in limbs.to_exact(found)]
        assert values == [rounded(value, precision) for value in expected]


def test_a_fused_sum_counts_an_addend_far_below_the_product():
    # The product is a bit less than a tie, by less than the addend adds.
    a, b = libmp.from_man_exp(8796093022209, 110), libmp.from_man_exp((1 << 129) - 1, -129)
    for s in (get_scalar("mp:129"), get_scalar("mp:129@engine=mpmath")):
        x, y = stored(s, [a]), stored(s, [b])
        (found,) = s.to_exact(s.fma(x, y, y))
        expected = rounded(rational(a) * rational(b) + rational(b), 129)
        assert found._mpf_ == expected, s.name


@pytest.mark.parametrize("precision", [24, 200, 512])
def test_sums_and_products_of_arrays_have_the_bits_of_mpmath(precision):
    limbs, reference = pair(precision)
    rng = np.random.default_rng(precision)
    values = rng.standard_normal((3, 4, 5)) * np.exp2(rng.integers(-40, 40, (3, 4, 5)))
    values[0, 1, 2], values[1, 2, 3] = 0.0, np.inf
    (x, third), (a, other) = (
        (s.from_float(values), s.div(s.from_float(1.0), s.from_float(3.0)))
        for s in (limbs, reference)
    )
    x, a = limbs.mul(x, third), reference.mul(a, other)
    index = np.array([[0, 2, -1, 1], [3, 3, 0, -1], [1, 2, 0, 4]])
    places = np.array([2, 0, -1])
    for name, one, two in (
        ("bmm", (x, x.swapaxes(1, 2)), (a, a.swapaxes(1, 2))),
        ("matmul", (x[0], x[1].T), (a[0], a[1].T)),
        ("take_along_axis", (x, index), (a, index)),
        ("scatter_along_axis", (x[:, :, 0], index, 5), (a[:, :, 0], index, 5)),
        ("take", (x, np.array([0, 59, -1, 7])), (a, np.array([0, 59, -1, 7]))),
        ("where", (values > 0, x), (values > 0, a)),
        ("where", (values > 0, x, limbs.neg(x)), (values > 0, a, reference.neg(a))),
        ("scatter_add", (x, places, (3, 4, 5)), (a, places, (3, 4, 5))),
        ("concat", ([x, x[:1]], 0), ([a, a[:1]], 0)),
    ):
        found, expected = getattr(limbs, name)(*one), getattr(reference, name)(*two)
        assert found.shape == expected.shape
        assert limbs.to_bytes(found) == reference.to_bytes(expected), name
    for axis in (0, 1, 2):
        for name in ("sum", "max"):
            found, expected = getattr(limbs, name)(x, axis), getattr(reference, name)(a, axis)
            assert limbs.to_bytes(found) == reference.to_bytes(expected), name
        assert np.array_equal(limbs.argmax(x, axis), reference.argmax(a, axis))
        found = limbs.sum(x, axis, reduction="pairwise")
        assert limbs.to_bytes(found) == reference.to_bytes(
            reference.sum(a, axis, reduction="pairwise")
        )
    for contraction in ("separate", "fma"):
        found = limbs.matmul(x[0], x[2].T, contraction=contraction)
        expected = reference.matmul(a[0], a[2].T, contraction=contraction)
        assert limbs.to_bytes(found) == reference.to_bytes(expected), contraction


def test_the_interpreter_computes_on_the_same_storage_with_the_same_bits():
    limbs, interpreted = get_scalar("mp:70"), get_scalar("mp:70", "python")
    x = limbs.from_float([0.1, -3.0, np.inf, 0.0, 1e-3])
    assert limbs.storage_dtype == interpreted.storage_dtype
    for name in ("exp", "neg", "sqrt", "sum"):
        found, expected = getattr(limbs, name)(x), getattr(interpreted, name)(x)
        assert found.tobytes() == expected.tobytes(), name
    found = interpreted.sum(x, reduction="pairwise")
    assert found.tobytes() == limbs.sum(x, reduction="pairwise").tobytes()
    assert interpreted.mul(x, x).tobytes() == limbs.mul(x, x).tobytes()


@pytest.mark.parametrize("precision", [1, 24, 53, 60, 64, 200])
def test_numbers_enter_and_leave_as_those_of_mpmath(precision):
    limbs, reference = pair(precision)
    floats = [0.0, -0.0, np.inf, -np.inf, np.nan, 0.1, -1e300, 5e-324, 1.5, 2.5, 3.5, -1 / 3]
    x, a = limbs.from_float(floats), reference.from_float(floats)
    assert limbs.to_bytes(x) == reference.to_bytes(a)
    tiny = [2.0**-1074, 3 * 2.0**-1074, 1.0, -(2.0**-1022)]
    y, b = limbs.from_float(tiny), reference.from_float(tiny)
    third = (limbs.div(y, limbs.from_float(3.0)), reference.div(b, reference.from_float(3.0)))
    for one, two in ((x, a), (y, b), third):
        found, expected = limbs.to_float(one), reference.to_float(two)
        assert np.array_equal(found.view(np.uint64), expected.view(np.uint64))
    integers = [0, 1, -1, 2**62, -(2**63), 2**63 - 1, 123456789012345678]
    assert limbs.to_bytes(limbs.from_int(integers)) == reference.to_bytes(
        reference.from_int(integers)
    )


def test_exponents_that_no_word_holds_have_the_bits_of_mpmath():
    limbs, reference = pair(53)
    values = [mpmath.ldexp(3, 2**58), mpmath.ldexp(-5, -(2**59)), mpmath.mpf(7), mpmath.mpf(0)]
    x, a = limbs.from_exact(values), reference.from_exact(values)
    for _ in range(3):
        x, a = limbs.mul(x, x), reference.mul(a, a)
        assert limbs.to_bytes(x) == reference.to_bytes(a)
    assert abs(limbs.to_exact(x)[0]._mpf_[2]) > 2**60
    one, two = limbs.from_float([1.0] * 4), reference.from_float([1.0] * 4)
    for name in ("add", "sub", "mul", "div", "compare", "maximum", "copy_sign"):
        for y, b in ((x, a), (limbs.neg(x[::-1]), reference.neg(a[::-1])), (one, two)):
            found, expected = getattr(limbs, name)(x, y), getattr(reference, name)(a, b)
            if name == "compare":
                assert np.array_equal(found, expected)
            else:
                assert limbs.to_bytes(found) == reference.to_bytes(expected), name
    for name in ("sqrt", "log", "tanh", "sum", "argmax", "neg", "to_float"):
        found, expected = getattr(limbs, name)(x), getattr(reference, name)(a)
        if name in ("argmax", "to_float"):
            assert np.array_equal(found, expected)
        else:
            assert limbs.to_bytes(found) == reference.to_bytes(expected), name
    pairwise = limbs.sum(x, reduction="pairwise")
    assert limbs.to_bytes(pairwise) == reference.to_bytes(reference.sum(a, reduction="pairwise"))
    power = limbs.exp(limbs.from_float([1e60]))
    assert limbs.to_bytes(power) == reference.to_bytes(reference.exp(reference.from_float([1e60])))


def test_an_engine_is_one_of_two_and_has_to_fit_the_precision():
    with pytest.raises(NumleanError, match="limbs, mpmath"):
        get_scalar("mp:24@engine=gmp")
    with pytest.raises(NumleanError, match="up to 1024 bits"):
        get_scalar("mp:1025@engine=limbs")
    assert get_scalar("mp:24@engine=limbs") == get_scalar("mp:24")
    assert get_scalar("mp:24@engine=limbs", "python") == get_scalar("mp:24", "python")
    assert get_scalar("mp:1025@engine=mpmath") == get_scalar("mp:1025")
    assert get_scalar("mp:1025").storage_dtype.hasobject
