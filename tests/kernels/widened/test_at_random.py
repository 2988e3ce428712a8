"""Stochastic rounding known from binary64 has the bits of the routines in integers."""

from dataclasses import replace
from fractions import Fraction
from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numba import njit

from numlean import get_scalar
from numlean_kernels.formats import BINARY32, BINARY64, NAMED, parse_p3109
from numlean_kernels.formats.parametric import parse_format
from numlean_kernels.ieee import Arithmetic, NanRule, Overflow, RandomBits, Rounding, Subnormal
from numlean_kernels.ieee.arithmetic import Tininess
from numlean_kernels.ieee.convert import cast_name
from numlean_kernels.loops.elementwise import elementwise
from numlean_kernels.protocol import kernel_for, known_results_of
from numlean_kernels.tables.ieee import ieee_table
from numlean_kernels.tables.widened import widened_operations, widened_table
from numlean_kernels.targets.cpu import CPU
from numlean_kernels.targets.python import PYTHON
from numlean_kernels.widened import at_random
from numlean_kernels.widened.builder import WideBuilder

ARITIES = {"add": 2, "sub": 2, "mul": 2, "div": 2, "sqrt": 1, "fma": 3}
FORMATS = ("bfloat16", "binary16", "tf32", "e4m3", "e5m2")
EXTREMES = (0, 1, (1 << 10) - 1, 1 << 10, (1 << 63) - 1, (1 << 64) - 1, (1 << 64) - 1024)
RNG = np.random.default_rng(25)


def format_of(name):
    return get_scalar(name, "python").format


def at_random_of(format, **choices):
    return Arithmetic(format, Rounding.STOCHASTIC, **choices)


def special_codes(format):
    """Return the encodings next to the ends of the ranges, of both signs, and some others."""
    ends = (0, format.least_normal, format.one, format.max_finite, format.magnitude_mask)
    near = {end + d for end in ends for d in (-2, -1, 0, 1, 2)}
    near |= {format.least_normal >> k for k in range(1, format.precision)}
    near |= set(RNG.integers(0, format.magnitude_mask, 20).tolist())
    magnitudes = [m for m in sorted(near) if 0 <= m <= format.magnitude_mask]
    return [m | sign for m in magnitudes for sign in {0, format.sign_mask}]


def sampled(format, arity, count):
    return RNG.choice(np.array(special_codes(format)), (count, arity))


def random_words(count):
    """Return words of which some have the bits that decide next to a carry."""
    words = RNG.integers(0, 1 << 64, count, np.uint64)
    words[: count // 4] = RNG.choice(np.array(EXTREMES, np.uint64), count // 4)
    return words


def known_part(arithmetic, name, operands, words):
    """Return the part of results that are known; check that they are the plain ones."""
    builder = WideBuilder(arithmetic, PYTHON, BINARY64)
    usual = builder.routine(at_random.MAKERS[name])
    plain, known = ieee_table(arithmetic, PYTHON)[name], 0
    with np.errstate(all="ignore"):
        for bits, word in zip(operands.tolist(), words.tolist(), strict=True):
            z, is_known = usual(*bits, word)
            expected = int(plain(*bits, word)) if is_known else z
            assert z == expected, (arithmetic.key, name, list(map(hex, bits)), hex(word))
            known += bool(is_known)
    return known / len(words)


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("name", ARITIES)
def test_results_that_are_known_are_those_of_the_integers(format, name):
    arithmetic = at_random_of(format_of(format))
    operands = sampled(arithmetic.format, ARITIES[name], 300)
    known_part(arithmetic, name, operands, random_words(300))


@pytest.mark.parametrize("random", [RandomBits(v, n) for v in "abc" for n in (1, 4, 13)], ids=str)
@pytest.mark.parametrize("name", ARITIES)
def test_results_with_few_random_bits_are_those_of_the_integers(random, name):
    arithmetic = at_random_of(format_of("bfloat16"), random=random)
    operands = sampled(arithmetic.format, ARITIES[name], 200)
    known_part(arithmetic, name, operands, random_words(200))


@pytest.mark.parametrize(
    "choices",
    [
        *({"nan": rule} for rule in NanRule if rule is not NanRule.MAX),
        *({"overflow": overflow} for overflow in Overflow),
        *({"subnormal": Subnormal.FLUSH, "tininess": each} for each in Tininess),
    ],
    ids=lambda choices: "-".join(choice.value for choice in choices.values()),
)
@pytest.mark.parametrize("format", ["e5m2", "e4m3", "bfloat16"])
def test_rules_of_nans_overflow_and_subnormals_are_kept(format, choices):
    arithmetic = replace(at_random_of(format_of(format)), **choices)
    for name, arity in ARITIES.items():
        known_part(arithmetic, name, sampled(arithmetic.format, arity, 60), random_words(60))


def near_carries(format, exact):
    """Return words whose number drawn is next to that from which a magnitude is rounded up."""
    lost = 53 - format.precision
    bits = np.abs(exact).view(np.uint64)
    tiny = np.abs(exact) < 2.0**format.emin
    bits = np.where(tiny, (np.abs(exact) + 2.0**format.emin).view(np.uint64), bits)
    units = -(bits.astype(np.int64)) + RNG.integers(-2, 3, exact.shape)
    units = (units & ((1 << lost) - 1)).astype(np.uint64) << np.uint64(10)
    return units | RNG.choice(np.array([0, 1, 512, 1023], np.uint64), exact.shape)


def launched(table, name, operands):
    z = np.empty(operands[0].shape, operands[0].dtype)
    kernel_for(CPU, elementwise(name, len(operands)), table)(z.shape, *operands, z)
    return z


@cache
def known(arithmetic, name):
    """Return a function of arrays that returns usual results, and which of them are known."""
    usual = known_results_of(widened_table(arithmetic, CPU)[name])

    def binary(x, y, words, z, is_known):
        for i in range(z.size):
            z[i], is_known[i] = usual(x[i], y[i], words[i])

    def ternary(w, x, y, words, z, is_known):
        for i in range(z.size):
            z[i], is_known[i] = usual(w[i], x[i], y[i], words[i])

    run = njit(error_model="numpy")(binary if ARITIES[name] == 2 else ternary)

    def results(*operands):
        z, is_known = np.empty_like(operands[0]), np.empty(operands[0].shape, np.bool_)
        run(*operands, z, is_known)
        return z, is_known

    return results


def assert_known_results_agree(arithmetic, name, operands):
    """Check results one by one, and those of the kernel; return the part that is known."""
    z, is_known = known(arithmetic, name)(*operands)
    plain = launched(ieee_table(arithmetic, CPU), name, operands)
    assert np.array_equal(z[is_known], plain[is_known])
    assert np.array_equal(launched(widened_table(arithmetic, CPU), name, operands), plain)
    return np.mean(is_known)


@pytest.mark.parametrize(
    ("format", "name", "of"), [("e4m3", "mul", np.multiply), ("e5m2", "add", np.add)]
)
def test_all_pairs_of_eight_bits_agree_with_many_words(format, name, of):
    s = get_scalar(format)
    a, b = (x.ravel().astype(np.uint8) for x in np.indices((256, 256)))
    arithmetic = at_random_of(s.format)
    with np.errstate(all="ignore"):
        exact = of(s.to_float(a), s.to_float(b))
        several = [random_words(a.size), *(near_carries(s.format, exact) for _ in range(4))]
    several += [np.full(a.size, word, np.uint64) for word in (0, (1 << 64) - 1)]
    for words in several:
        assert_known_results_agree(arithmetic, name, (a, b, words))
    random = RNG.integers(0, 1 << 64, a.size, np.uint64)
    assert assert_known_results_agree(arithmetic, name, (a, b, random)) > 0.9


@pytest.mark.parametrize(
    ("format", "name", "of"),
    [
        ("bfloat16", "add", np.add),
        ("bfloat16", "mul", np.multiply),
        ("binary16", "div", np.divide),
        ("tf32", "fma", lambda x, y, z: x * y + z),
    ],
)
def test_random_operands_next_to_a_carry_agree(format, name, of):
    s, count = get_scalar(format), 100_000
    arithmetic, mask = at_random_of(s.format), (1 << s.format.width) - 1
    operands = RNG.integers(0, mask, (ARITIES[name], count), s.storage_dtype)
    # Half of all operands have exponents near each other.
    operands[:, ::2] = s.from_float(RNG.standard_normal((ARITIES[name], count // 2)))
    with np.errstate(all="ignore"):
        words = near_carries(s.format, of(*map(s.to_float, operands)))
    words[1::4] = random_words(count)[1::4]
    assert_known_results_agree(arithmetic, name, (*operands, words))


def rounded(format, x, word):
    """Return a positive fraction rounded with a random word, from the definition."""
    guard = 63 - format.precision
    exponent = x.numerator.bit_length() - x.denominator.bit_length()
    exponent -= x < Fraction(2) ** exponent
    unit = Fraction(2) ** (max(exponent, format.emin) - 62)
    units = x / unit
    t = int(units) | (units.denominator != 1)
    kept = (t + (word & ((1 << guard) - 1))) >> guard
    return kept * unit * (1 << guard), t


@given(st.data())
@pytest.mark.parametrize("format", ["bfloat16", "e4m3", "binary16"])
@pytest.mark.parametrize("name", ["mul", "div", "from_binary64"])
def test_results_follow_the_definition_in_fractions(format, name, data):
    format = format_of(format)
    s, guard = get_scalar(format.name, "python"), 63 - format.precision
    codes = st.integers(1, format.max_finite)
    if name == "from_binary64":
        value = data.draw(st.floats(2.0 ** (format.emin - 80), 2.0 ** (format.emax - 1)))
        operands, x = (int(np.float64(value).view(np.uint64)),), Fraction(value)
    else:
        operands = data.draw(codes), data.draw(codes)
        a, b = (Fraction(float(s.to_float(np.array(c, s.storage_dtype)))) for c in operands)
        x = a * b if name == "mul" else a / b
    t = rounded(format, x, 0)[1]
    near = (-t + data.draw(st.integers(-2, 2))) % (1 << guard)
    word = data.draw(st.sampled_from([near, (near + 1024) % (1 << guard), 0, (1 << 64) - 1]))
    usual = WideBuilder(at_random_of(format), PYTHON, BINARY64).routine(at_random.MAKERS[name])
    z, is_known = usual(*operands, word)
    expected = rounded(format, x, word)[0]
    greatest = Fraction(float(s.to_float(np.array(format.max_finite, s.storage_dtype))))
    if is_known and expected <= greatest:
        assert Fraction(float(s.to_float(np.array(z, s.storage_dtype)))) == expected
    plain = ieee_table(at_random_of(format), PYTHON)[name](*operands, word)
    assert not is_known or z == plain


@pytest.mark.parametrize("name", ["add", "mul", "div", "sqrt", "fma"])
def test_nearly_all_results_of_random_words_are_known(name):
    arithmetic, s = at_random_of(format_of("bfloat16")), get_scalar("bfloat16", "python")
    numbers = s.from_float(np.abs(RNG.standard_normal((200, ARITIES[name]))))
    words = RNG.integers(0, 1 << 64, 200, np.uint64)
    assert known_part(arithmetic, name, numbers, words) == 1


@pytest.mark.parametrize("random", [None, *(RandomBits(v, 4) for v in "abc")], ids=str)
def test_exact_results_with_few_random_bits_are_known(random):
    arithmetic, s = (
        at_random_of(format_of("bfloat16"), random=random),
        get_scalar("bfloat16", "python"),
    )
    powers = s.from_float(2.0 ** RNG.integers(-8, 9, (100, 2)))
    words = RNG.integers(0, 1 << 64, 100, np.uint64)
    assert known_part(arithmetic, "mul", powers, words) == 1
    assert known_part(arithmetic, "add", powers, words) == 1


def test_a_tiny_product_is_rounded_up_by_the_greatest_word_alone():
    s = get_scalar("bfloat16", "python")
    least, table = 1, ieee_table(at_random_of(s.format), PYTHON)
    usual = WideBuilder(at_random_of(s.format), PYTHON, BINARY64).routine(at_random.MAKERS["mul"])
    greatest = (1 << 55) - 1
    assert (table["mul"](least, least, greatest), table["mul"](least, least, greatest - 1)) == (
        1,
        0,
    )
    assert [usual(least, least, word)[1] for word in (greatest, greatest - 1024)] == [False, True]


def test_formats_that_do_not_qualify_keep_the_integers():
    e10m5, e5m27 = (parse_format(text) for text in ("e10m5", "e5m27"))
    for format in (e10m5, e5m27, parse_p3109("8.4"), BINARY64):
        arithmetic = at_random_of(format)
        assert widened_operations(arithmetic) == ()
        routine = widened_table(arithmetic, CPU)["add"]
        assert routine is ieee_table(arithmetic, CPU)["add"]
    assert widened_operations(at_random_of(BINARY32)) == tuple(ARITIES)


@pytest.mark.parametrize("text", ["e8m25", "e8m23", "e9m20", "e9m5", "e2m1", "e4m1"])
def test_formats_at_the_ends_of_what_qualifies_agree(text):
    arithmetic = at_random_of(parse_format(text))
    assert widened_operations(arithmetic) == tuple(ARITIES)
    assert can_be_made(arithmetic)
    for name, arity in ARITIES.items():
        known_part(arithmetic, name, sampled(arithmetic.format, arity, 80), random_words(80))


def can_be_made(arithmetic):
    """Return whether all fast routines exist, those of the nearest rounding included."""
    nearest = replace(arithmetic, rounding=Rounding.TIES_TO_EVEN)
    table = widened_table(arithmetic, CPU)
    return {"add", "mul"} <= set(widened_operations(nearest)) and all(
        table[name] for name in (*at_random.MAKERS, *at_random.CARRIED_MAKERS)
    )


def test_the_interpreter_keeps_the_integers():
    arithmetic = at_random_of(format_of("bfloat16"))
    assert known_results_of(widened_table(arithmetic, PYTHON)["add"]) is None
    assert known_results_of(widened_table(arithmetic, CPU)["add"]) is not None


@pytest.mark.parametrize("source", ["binary64exec", "ieee32exec", "e4m3"])
def test_casts_agree(source):
    from_format = format_of(source)
    arithmetic = at_random_of(format_of("e5m2"))
    name = cast_name(from_format)
    codes = np.array(special_codes(from_format) * 40, from_format.storage_dtype)
    words, results = random_words(codes.size), []
    for make in (ieee_table, widened_table):
        z = np.empty(codes.shape, np.uint8)
        kernel_for(CPU, elementwise(name, 2), make(arithmetic, CPU))(z.shape, codes, words, z)
        results.append(z)
    assert np.array_equal(*results)


def test_named_formats_that_qualify_are_as_documented():
    having = {each.name for each in NAMED if widened_operations(at_random_of(each.format))}
    assert {"binary16", "bfloat16", "tf32", "e4m3", "e5m2"} <= having
    assert "binary64exec" not in having
