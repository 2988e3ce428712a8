"""Compare casts from binary32 with those of ml_dtypes, for all 2**32 inputs.

python tools/verify_conversions.py [--dtype e4m3 ...] [--part K]

Prints a line for each format; exit status 1 if a result differs. NaNs are equal whatever their
bits; in formats without NaN, where the two libraries substitute different numbers for it, NaNs are
left out. ``--part K`` takes one of every K blocks of 2**22 inputs.
"""

from __future__ import annotations

import argparse
import sys
import time

import ml_dtypes
import numpy as np

from numlean import get_scalar

TYPES = {
    "e4m3": ml_dtypes.float8_e4m3fn,
    "e5m2": ml_dtypes.float8_e5m2,
    "e2m1": ml_dtypes.float4_e2m1fn,
    "e3m2": ml_dtypes.float6_e3m2fn,
    "e2m3": ml_dtypes.float6_e2m3fn,
    "e4m3fnuz": ml_dtypes.float8_e4m3fnuz,
    "e5m2fnuz": ml_dtypes.float8_e5m2fnuz,
    "e4m3b11fnuz": ml_dtypes.float8_e4m3b11fnuz,
    "e4m3ieee": ml_dtypes.float8_e4m3,
    "e3m4": ml_dtypes.float8_e3m4,
    "bfloat16": ml_dtypes.bfloat16,
}
"""The types of ml_dtypes by our dtypes. Its conversions to e8m0 round ties up."""

_BLOCK = 1 << 22


def main() -> int:
    """Compare, and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dtype", action="append", choices=list(TYPES), help="default: all")
    parser.add_argument("--part", type=int, default=1, metavar="K", help="one block in K")
    arguments = parser.parse_args()
    wrong = 0
    for dtype in arguments.dtype or TYPES:
        started = time.perf_counter()
        cases, differences, first = compared(dtype, arguments.part)
        wrong += differences
        seconds = time.perf_counter() - started
        print(f"{dtype:<12} {cases:>13,} casts, {differences:,} differences, {seconds:.0f} s")
        if first:
            print(f"  {first}")
    return 1 if wrong else 0


def compared(dtype: str, part: int) -> tuple[int, int, str]:
    """Return the number of casts compared and of differences, and the first difference."""
    source, scalar = get_scalar("float32"), get_scalar(dtype)
    cases, differences, first = 0, 0, ""
    format = scalar.format
    assert format is not None
    for start in range(0, 1 << 32, _BLOCK * part):
        bits = np.arange(start, start + _BLOCK, dtype=np.uint64).astype(np.uint32)
        x = bits.view(np.float32)
        ours = scalar.to_bits(scalar.cast_from(source, x))
        with np.errstate(all="ignore"):
            theirs = x.astype(TYPES[dtype]).view(format.storage_dtype)
        same = (ours == theirs) | (format.is_nan(ours) & format.is_nan(theirs))
        counted = np.ones(x.shape, np.bool_) if format.has_nan else ~np.isnan(x)
        found = np.flatnonzero(counted & ~same)
        cases, differences = cases + int(counted.sum()), differences + len(found)
        if len(found) and not first:
            k = found[0]
            first = f"{bits[k]:#010x}: ours {ours[k]:#x}, ml_dtypes {theirs[k]:#x}"
    return cases, differences, first


if __name__ == "__main__":
    sys.exit(main())
