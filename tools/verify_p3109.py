"""Compare the formats of IEEE P3109 of 3 to 8 bits with the formulas of the draft.

python tools/verify_p3109.py [NAME ...]

All widths K, precisions P, signed and unsigned, extended and finite, or those named (8.3uf). The
value of every code; then, in every direction with every saturation that the draft allows, the codes
of all numbers, of the middles between two, of values on both sides of each, of values beyond the
greatest and below the least, of infinities and NaN, all of both signs, from binary64. Exit status 1
if a code differs.
"""

import itertools
import math
import sys
import time
from fractions import Fraction

import numpy as np

from array_target import ARRAYS
from numlean_kernels.formats import parse_p3109
from numlean_kernels.ieee import Arithmetic, Overflow, Rounding
from numlean_kernels.tables.ieee import ieee_table
from p3109_draft import DIRECTIONS, SATURATIONS, Draft

WIDTHS = range(3, 9)
NAMES = [
    f"{k}.{p}{sign}{domain}"
    for k in WIDTHS
    for sign, most in (("", k - 1), ("u", k))
    for p in range(1, most + 1)
    for domain in ("", "f")
]
_NEAR = (0, 1, 7, 8, 9, 15)
"""Sixteenths of the distance to the next number."""


def values_of(draft):
    """Return the values to encode, which are all binary64 numbers."""
    finite = sorted(draft.codes)
    step = finite[-1] - finite[-2]
    points = [*finite, *(finite[-1] + k * step for k in (1, 2, 3)), finite[-1] * 5]
    between = [a + (b - a) * k / 16 for a, b in itertools.pairwise(points) for k in _NEAR]
    extreme = [Fraction(2) ** -1000, Fraction(2) ** 1000]
    positive = [*between, points[-1], *extreme, math.inf]
    return [*positive, *(-x for x in positive), math.nan]


def wrong_values(draft, format):
    """Return the codes whose values differ."""
    codes = np.arange(1 << draft.k)
    found, _ = ieee_table(Arithmetic(format), ARRAYS)["flagged to_binary64"](codes)
    values = np.asarray(found, np.uint64).view(np.float64)
    expected = np.array([float(draft.value(code)) for code in codes.tolist()])
    same = (values.view(np.uint64) == expected.view(np.uint64)) | (
        np.isnan(values) & np.isnan(expected)
    )
    return len(codes), [f"the value of {code:#x}" for code in np.flatnonzero(~same).tolist()]


def wrong_codes(draft, format, rounding, saturation, values, encodings):
    """Return the values whose codes differ in a direction with a saturation."""
    arithmetic = Arithmetic(format, Rounding(rounding), overflow=Overflow(saturation))
    found, _ = ieee_table(arithmetic, ARRAYS)["flagged from_binary64"](encodings)
    expected = [draft.encode(x, rounding, saturation) for x in values]
    where = np.flatnonzero(np.asarray(found).astype(np.int64) != np.array(expected))
    return [f"{rounding} {saturation}: the code of {values[k]}" for k in where.tolist()]


def compared(name):
    """Return the number of codes compared, and what differs."""
    draft, format = Draft(name), parse_p3109(name)
    specials = (format.max_finite, format.default_nan)
    assert specials == (draft.greatest, draft.nan), f"{name}: the special codes differ"
    count, wrong = wrong_values(draft, format)
    values = values_of(draft)
    assert all(x != x or float(x) == x for x in values)
    encodings = np.array([float(x) for x in values]).view(np.uint64)
    for rounding in DIRECTIONS:
        for saturation in SATURATIONS if draft.extended else ("saturate",):
            wrong += wrong_codes(draft, format, rounding, saturation, values, encodings)
            count += len(values)
    return count, wrong


def main():
    """Compare, and return the exit status."""
    started, total, differences, names = time.perf_counter(), 0, 0, sys.argv[1:] or NAMES
    for name in names:
        with np.errstate(all="ignore"):
            count, wrong = compared(name)
        total, differences = total + count, differences + len(wrong)
        for each in wrong[:3]:
            print(f"p3109:{name}: {each} differs")
    seconds = time.perf_counter() - started
    print(f"{len(names)} formats, {total:,} codes, {differences:,} differences, {seconds:.0f} s")
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main())
