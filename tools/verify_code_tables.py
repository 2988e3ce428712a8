"""Compare every table of results on codes of at most eight bits with the routine's kernel.

python tools/verify_code_tables.py [DTYPE ...]

By default all named formats of at most eight bits in every deterministic rounding, in each with
every value of one option (NaN rule, overflow, subnormals, tininess), and posits, takums,
fixed-point and logarithmic numbers. All pairs of codes, products of matrices and sums; elementary
functions of dtypes without options. Each variant compiles about ten kernels. Exit status 1 if a
result differs.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from numlean import get_scalar
from numlean.errors import NumleanError
from numlean.scalar.codec import CodesCodec
from numlean.scalar.elementary import ARITIES
from numlean.scalar.kernel_scalar import KernelScalar
from numlean.verification.scalars import variants
from numlean_kernels.formats import NAMED
from numlean_kernels.ieee import Rounding

BASES = (
    *(each.name for each in NAMED if each.format.width <= 8),
    *("p3109:8.4", "p3109:8.3u", "posit8", "posit:6", "takum8", "fixed:4.4", "fixed:0.8u"),
    *("lns:4.3", "lns:2.2"),
)
PAIRS = ("add", "sub", "mul", "div", "rem")
SINGLE = ("sqrt", "logb", "round_to_integral")
FUNCTIONS = tuple(name for name, count in ARITIES.items() if count == 1)
DIRECTIONS = [r.value for r in Rounding if r is not Rounding.STOCHASTIC]


def calls(codes: Any, *, is_usual: bool) -> Iterator[tuple[str, Any]]:
    """Yield operations by name, as functions of a Scalar; elementary ones if it has no option."""
    x, y = np.repeat(codes, codes.size), np.tile(codes, codes.size)
    for name in PAIRS:
        yield name, lambda s, name=name: getattr(s, name)(x, y)
    for name in (*SINGLE, *(FUNCTIONS if is_usual else ())):
        yield name, lambda s, name=name: getattr(s, name)(codes)
    for way in DIRECTIONS if is_usual else ():
        yield f"round_to_integral {way}", lambda s, way=way: s.round_to_integral(codes, way)
    square = np.resize(codes, (64, 64))
    yield "matmul", lambda s: s.matmul(square, square.T.copy())
    yield "sum", lambda s: s.sum(square, axis=1)


def is_known(dtype: str) -> bool:
    """Return whether a dtype exists, as not every format has every option, and is deterministic."""
    try:
        return isinstance(get_scalar(dtype), KernelScalar)
    except NumleanError:
        return False


def differences(dtype: str) -> int:
    """Return the number of results that differ, and print where."""
    scalar = get_scalar(dtype)
    assert isinstance(scalar, KernelScalar)
    codec = scalar.codec
    width = codec.code_width if isinstance(codec, CodesCodec) else scalar.format.width
    codes = np.arange(1 << width, dtype=np.uint8)
    plain, found = replace(scalar, uses_code_tables=False), 0
    for name, call in calls(codes, is_usual="@" not in dtype):
        try:
            expected = call(plain)
        except NumleanError:
            continue
        count = int(np.count_nonzero(call(scalar) != expected))
        if count:
            print(f"{dtype} {name}: {count} of {expected.size} results differ", flush=True)
        found += count
    return found


def main(dtypes: list[str]) -> int:
    """Compare dtypes, and return the exit status."""
    total, started = 0, time.perf_counter()
    for base in dtypes or BASES:
        tried = [dtype for dtype in variants(base) if is_known(dtype)]
        found = sum(differences(dtype) for dtype in tried)
        seconds = time.perf_counter() - started
        print(f"{base}: {len(tried)} arithmetics, {found} differences, {seconds:.0f} s", flush=True)
        total += found
    return 1 if total else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
