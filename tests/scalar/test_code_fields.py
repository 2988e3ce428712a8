"""The fields of codes, against values computed from them."""

from fractions import Fraction

import pytest

from numlean.play.scalars.loading import load
from numlean.scalar.code_fields import fields_of
from numlean.scalar.exact import exact_of


def _value(scalar, code):
    value = exact_of(scalar.to_exact(scalar.from_bits([code]))[0])
    sign = -1 if value.sign else 1
    return sign * int(value.significand) * Fraction(2) ** int(value.exponent)


def _parts(scalar, code):
    return {field.kind: field.bits for field in fields_of(scalar, code)}


def test_the_fields_of_binary32():
    parts = _parts(load("float32"), 0xBF800001)
    assert parts == {"sign": "1", "exponent": "01111111", "fraction": "0" * 22 + "1"}


def test_an_unsigned_format_has_no_sign():
    assert _parts(load("e8m0"), 0x7F) == {"exponent": "01111111"}


@pytest.mark.parametrize("size", [0, 1, 2, 3])
def test_every_posit_has_the_value_of_its_fields(size):
    # Posit Standard (2022), section 3.3.2: ((1 - 3 s) + f) * 2**((1 - 2 s) (4 r + e + s)).
    scalar = load(f"posit:8.{size}")
    for code in range(256):
        if code in (0, 128):
            continue
        parts = _parts(scalar, code)
        assert sum(map(len, parts.values())) == 8
        s, regime = int(parts["sign"]), parts["regime"]
        run = len(regime) if regime == regime[0] * len(regime) else len(regime) - 1
        r = run - 1 if regime[0] == "1" else -run
        e = int(parts.get("exponent", "").ljust(size, "0") or "0", 2)
        fraction = parts.get("fraction", "")
        f = Fraction(int(fraction or "0", 2), 1 << len(fraction))
        power = (1 - 2 * s) * ((r << size) + e + s)
        assert _value(scalar, code) == ((1 - 3 * s) + f) * Fraction(2) ** power


def test_every_takum_has_the_value_of_its_fields():
    # Hunhold, "Beating Posits at Their Own Game" (2024), definition 1, in its linear form.
    scalar = load("takum:12")
    for code in range(0, 4096, 7):
        if code in (0, 2048):
            continue
        parts = _parts(scalar, code)
        assert "".join(parts.values()) == f"{code:012b}"
        s, d, regime = (int(parts[kind], 2) for kind in ("sign", "direction", "regime"))
        r = regime if d else 7 - regime
        characteristic = parts.get("exponent", "").ljust(r, "0")
        count = int(characteristic or "0", 2)
        c = 2**r - 1 + count if d else -(2 ** (r + 1)) + 1 + count
        mantissa = parts.get("fraction", "")
        f = Fraction(int(mantissa or "0", 2), 1 << len(mantissa))
        assert _value(scalar, code) == ((1 - 3 * s) + f) * Fraction(2) ** ((-1) ** s * (c + s))


def test_the_fields_of_fixed_point_and_logarithmic_numbers():
    assert _parts(load("fixed:4.4"), 0x95) == {"sign": "1", "integer": "001", "fraction": "0101"}
    assert _parts(load("fixed:0.8u"), 0x95) == {"fraction": "10010101"}
    assert _parts(load("lns:4.4"), 0x095) == {"sign": "0", "exponent": "1001", "fraction": "0101"}
