import random

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
    from fractions import Fraction

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


@pytest.mark.parametrize("text", ["", "one", "1e", "0x", "--1", "1e999999", "1,5", "0x1.8p"])
def test_texts_that_are_not_numbers_are_shown(text):
    with pytest.raises(NumleanError, match=text.replace(".", r"\.") or "''"):
        get_scalar("float32").from_string(text)


@pytest.mark.parametrize("dtype", ["ieee32exec", "mp:60"])
@pytest.mark.parametrize("text", ["9" * 5000, "-1/" + "3" * 5000, "0." + "1" * 5000])
def test_a_number_of_too_many_digits_is_refused_in_one_line(dtype, text):
    with pytest.raises(NumleanError, match="at most 4300 decimal digits"):
        get_scalar(dtype).from_string(text)
