import random
from fractions import Fraction

import numpy as np
import pytest

from numlean import NumleanError, get_scalar


def hard_decimals():
    """Yield decimals on and next to the middle of two binary32 numbers, and random ones."""
    source = random.Random(89)
    for _ in range(200):
        x = np.uint32(source.randrange(1, 0x7F7FFFFF)).view(np.float32)
        middle = (float(x) + float(np.nextafter(x, np.float32(np.inf)))) / 2  # exact in binary64
        text = f"{middle:.60e}"
        yield text
        yield text.replace("e", "0000000000000000001e")
        yield f"{source.uniform(-10, 10)!r}e{source.randrange(-40, 38)}"


def test_decimals_are_rounded_once():
    s = get_scalar("ieee32exec")
    for text in hard_decimals():
        # numpy reads a long text through binary64, twice rounded; Fraction does not.
        assert s.to_bits(s.from_string(text)) == rounded(text), text


def rounded(text):
    exact = Fraction(text)
    with np.errstate(over="ignore", under="ignore"):
        near = np.float32(float(exact))
    below, above = (np.nextafter(near, np.float32(end)) for end in (-np.inf, np.inf))
    finite = [c for c in (below, near, above) if np.isfinite(c)]
    best = min(finite, key=lambda c: (abs(Fraction(float(c)) - exact), c.view(np.uint32) & 1))
    return best.view(np.uint32)


@pytest.mark.parametrize("dtype", ["float64", "binary64exec"])
def test_the_shortest_decimal_of_binary64_is_python_s(dtype):
    s = get_scalar(dtype)
    bits = np.random.default_rng(97).integers(0, 0x7FF0 << 48, 200).astype(np.uint64)
    expected = [repr(x) for x in bits.view(np.float64).tolist()]
    assert s.to_string(s.from_bits(bits)) == expected


@pytest.mark.parametrize("dtype", ["e4m3", "e5m2", "ieee:e3m2"])
def test_every_number_of_a_small_format_is_restored_from_its_decimal(dtype):
    s = get_scalar(dtype)
    every = s.from_bits(np.arange(1 << s.format.width, dtype=np.uint8))
    numbers = every[s.eq(every, every)]
    assert np.array_equal(s.from_string(s.to_string(numbers)), numbers)


def test_texts_of_all_kinds_are_read():
    s = get_scalar("float64")
    texts = ["1", "-2.5e-3", ".5", "7.", "0x1.8p1", "-0x.8", "inf", "-Infinity", " +3 ", "-0"]
    values = s.to_float(s.from_string(texts)).tolist()
    assert values == [1, -0.0025, 0.5, 7, 3, -0.5, np.inf, -np.inf, 3, 0]
    assert np.signbit(values[-1])
    assert s.to_string(s.from_string(["nan", "-nan", "-0.0", "inf"])) == [
        "nan",
        "nan",
        "-0.0",
        "inf",
    ]
    assert s.from_string("1").shape == ()


def test_texts_round_in_the_scalar_s_direction():
    down, up = (get_scalar(f"ieee32exec@round=toward_{way}") for way in ("negative", "positive"))
    assert down.from_string("0.1") + 1 == up.from_string("0.1")
    assert down.from_string("-0.1") - 1 == up.from_string("-0.1")


@pytest.mark.parametrize("text", ["", "one", "1e", ".", "0x", "--1", "1/0", "1,5", "0x1.8p"])
def test_texts_that_are_not_numbers_are_shown(text):
    with pytest.raises(NumleanError, match=text.replace(".", r"\.") or "''"):
        get_scalar("float32").from_string(text)


@pytest.mark.parametrize("dtype", ["ieee32exec", "mp:60"])
@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0." + "1" * 5000, "1/9"),  # no boundary of rounding is nearer than 10**-5000
        ("-1/" + "3" * 5000, "-3e-5000"),
        ("1" + "0" * 5000 + "e-5000", "1"),
        ("0x1" + "0" * 5000 + "p-20000", "1"),
        ("0." + "0" * 5000 + "25e5001", "2.5"),
    ],
)
def test_numbers_of_any_number_of_digits_are_rounded_once(dtype, text, value):
    s = get_scalar(dtype)
    assert np.array_equal(s.from_string(text), s.from_string(value))


def test_a_text_of_a_million_characters_is_the_longest():
    s = get_scalar("float64")
    assert s.from_string("1" + "0" * 999_989 + "e-999989") == 1
    with pytest.raises(NumleanError, match="at most 1,000,000 characters, got 1,000,001"):
        s.from_string("1" * 1_000_001)


@pytest.mark.parametrize("dtype", ["ieee32exec", "float64", "e4m3", "ieee:e11m52"])
def test_exponents_of_any_size_are_read(dtype):
    s = get_scalar(dtype)
    digits = "9" * 5000
    texts = [f"1e{digits}", f"-1e-{digits}", f"0e{digits}", f"0x1p{digits}", f"0x1p-{digits}"]
    expected = ["inf", "-0", "0", "inf", "0"]
    if s.format.has_infinity:
        assert s.to_bytes(s.from_string(texts)) == s.to_bytes(s.from_string(expected))
    assert s.to_bytes(s.from_string(texts[1:3])) == s.to_bytes(s.from_string(expected[1:3]))


def test_an_unbounded_arithmetic_reads_exponents_of_a_thousand_digits():
    s = get_scalar("mp:60")
    power = int("9" * 1000)
    assert s.to_string(s.from_string([f"3e{power}", f"3e-{power}"])) == [
        f"3e+{power}",
        f"3e-{power}",
    ]
    assert s.to_exact(s.from_string(f"0x1p{power}")).item()._mpf_[2] == power
    with pytest.raises(NumleanError, match=r"1,001 digits; an arithmetic .* at most 1,000"):
        s.from_string(f"1e1{'0' * 1000}")


@pytest.mark.parametrize("power", [99_999, 100_001, 123_456])
def test_powers_of_ten_round_as_exact_integers_do(power):
    s = get_scalar("mp:100")
    for text, exact in (
        (f"7e{power}", Fraction(7 * 10**power)),
        (f"7e-{power}", Fraction(7, 10**power)),
    ):
        value = s.to_exact(s.from_string(text)).item()._mpf_
        _, m, e, bits = (int(part) for part in value)
        assert bits <= 100
        # |m * 2**e - exact| <= half a unit of the 100th bit.
        unit = e + bits - 100
        error = abs(Fraction(m) * Fraction(2) ** e - exact)
        assert 2 * error <= Fraction(2) ** unit


def test_nans_with_payloads_are_encodings():
    # IEEE 754-2019, 3.4 and 6.2.1: the quiet bit is the first of the trailing significand.
    s = get_scalar("ieee32exec")
    texts = ["nan", "NaN(0x12)", "snan", "sNaN(18)", "-snan(0x3fffff)", "-nan(1)"]
    assert [hex(b) for b in s.to_bits(s.from_string(texts)).tolist()] == [
        *("0x7fc00000", "0x7fc00012", "0x7f800001", "0x7f800012", "0xffbfffff", "0xffc00001"),
    ]
    assert hex(get_scalar("float64").to_bits(get_scalar("float64").from_string("snan(5)"))) == (
        "0x7ff0000000000005"
    )


@pytest.mark.parametrize(
    ("dtype", "text", "words"),
    [
        ("e4m3", "snan", "e4m3 has a single NaN"),
        ("mp:24", "nan(1)", "a single NaN"),
        ("ieee32exec", "snan(0)", "payloads from 1 to 0x3fffff"),
        ("ieee32exec", "nan(0x400000)", "payloads from 1 to 0x3fffff"),
        ("ieee:e5m1", "snan", "no payloads"),
    ],
)
def test_a_nan_that_a_format_lacks_is_refused(dtype, text, words):
    with pytest.raises(NumleanError, match=words):
        get_scalar(dtype).from_string(text)


@pytest.mark.parametrize(
    ("dtype", "greatest"),
    [
        ("e4m3@overflow=saturate", 448),
        ("e5m2@overflow=saturate", 57344),
        ("e5m2@round=toward_zero", 57344),
        ("ieee32exec@round=toward_negative", 3.4028234663852886e38),
    ],
)
def test_the_decimal_of_the_greatest_number_is_next_to_it(dtype, greatest):
    # Everything beyond it rounds to it, so the shortest decimal that does would be 500 for 448.
    s = get_scalar(dtype, "python")
    x = s.from_float([greatest, -greatest if "zero" in dtype else greatest])
    for text in s.to_string(x):
        unit = greatest / 2 ** (s.format.precision - 1)
        assert abs(abs(float(text)) - greatest) <= unit
    assert np.array_equal(s.from_string(s.to_string(x)), x)


@pytest.mark.parametrize("texts", [None, 1, [None], ["1", 2.0]])
def test_what_is_not_a_text_is_refused_in_one_line(texts):
    with pytest.raises(NumleanError, match="text"):
        get_scalar("float32").from_string(texts)
