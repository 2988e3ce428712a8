"""Formats of IEEE P3109, against the formulas of the draft in exact rationals.

``tools/verify_p3109.py`` does this for all formats of up to 8 bits.
"""

import math
import struct
from itertools import pairwise

import pytest

from numlean_kernels.formats import parse_p3109
from numlean_kernels.ieee import Arithmetic, Overflow, Rounding
from numlean_kernels.tables.exact import encoder
from numlean_kernels.tables.ieee import ieee_table
from numlean_kernels.targets import get_target
from p3109_draft import DIRECTIONS, Draft

PYTHON = get_target("python")
NAMES = [
    *(f"{k}.{p}{domain}" for k in (3, 5, 6) for p in range(1, k) for domain in ("", "f")),
    *(f"{k}.{p}u{domain}" for k in (3, 5) for p in range(1, k + 1) for domain in ("", "f")),
    *("8.3", "8.4", "8.1", "8.5f", "8.4u", "8.8uf"),
]


def ours(format, code):
    z = ieee_table(Arithmetic(format), PYTHON)["to_binary64"](code)
    return float.fromhex(hex_of(int(z)))


def hex_of(bits):
    return struct.unpack("<d", struct.pack("<Q", bits))[0].hex()


@pytest.mark.parametrize("name", NAMES)
def test_every_code_has_the_value_of_the_draft(name):
    draft, format = Draft(name), parse_p3109(name)
    for code in range(1 << draft.k):
        value, found = draft.value(code), ours(format, code)
        assert found == value or (math.isnan(found) and math.isnan(value)), code
    assert (format.max_finite, format.default_nan) == (draft.greatest, draft.nan)


@pytest.mark.parametrize("rounding", DIRECTIONS)
@pytest.mark.parametrize("name", ["4.2", "4.1", "5.3u", "5.1u", "4.4u", "6.2f", "5.2uf", "3.1"])
def test_values_between_and_beyond_numbers_are_rounded_as_in_the_draft(name, rounding):
    draft, format = Draft(name), parse_p3109(name)
    finite = [draft.value(code) for code in range(draft.greatest + 1)]
    step = finite[-1] - finite[-2]
    points = [*finite, finite[-1] + step, finite[-1] + 2 * step, finite[-1] * 5]
    eighths = [a + (b - a) * k / 8 for a, b in pairwise(points) for k in (1, 3, 4, 5, 8)]
    for saturation in ("saturate", "infinite") if draft.extended else ("saturate",):
        overflow = Overflow(saturation)
        encode = encoder(Arithmetic(format, Rounding(rounding), overflow=overflow))
        for x in [*eighths, *(-q for q in eighths)]:
            exponent = x.denominator.bit_length() - 1
            z = encode(int(x < 0), abs(x.numerator), -exponent)
            assert z == draft.encode(x, rounding, saturation), (x, saturation)
