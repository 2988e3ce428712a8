"""Compare every operation on all operands of small formats with exact rationals, interpreted.

python tools/verify_small_formats.py [DTYPE ...]

The default dtypes are named formats and formats of P3109 of 4 and 6 bits. All pairs (of 4 bits all
triples of fma), in every deterministic rounding with every choice of overflow, results and flags,
then with tininess before rounding, with flushed subnormals, and with the greatest number for a
NaN. Nothing is compiled. Exit status 1 if a result differs.
"""

from __future__ import annotations

import itertools
import sys
import time
from collections.abc import Iterator

from numlean import get_scalar
from numlean.testing import ExactArithmetic
from numlean_kernels.formats import Format, Nans
from numlean_kernels.ieee import Arithmetic, NanRule, Overflow, Rounding, Subnormal, Tininess
from numlean_kernels.tables.ieee import ieee_table
from numlean_kernels.targets.python import PYTHON

DTYPES = (
    *("e2m1", "p3109:4.2", "p3109:4.1", "p3109:4.3f", "p3109:4.2u", "p3109:4.1uf", "p3109:4.4u"),
    *("e3m2", "e2m3", "p3109:6.3", "p3109:6.2f", "p3109:6.4u"),
)
PAIRS = (
    *("add", "sub", "mul", "div", "rem", "fmod", "next_after", "total_order"),
    *("minimum", "maximum", "min_num", "max_num", "minimum_number", "maximum_magnitude_number"),
    *("eq", "lt", "le", "compare", "signalling_lt", "signalling_compare"),
)
DIRECTIONS = [r for r in Rounding if r is not Rounding.STOCHASTIC]
SINGLE = (
    *("sqrt", "logb", "next_up", "next_down"),
    *(f"round_to_integral {r.value}" for r in DIRECTIONS),
    *(f"round_to_integral_exact {r.value}" for r in DIRECTIONS),
    *(f"to_{kind} {r.value}" for kind in ("int8", "uint32", "int64") for r in DIRECTIONS),
)
_QUIET = frozenset({"total_order"})
_POWERS = (-300, -9, -3, -2, -1, 0, 1, 2, 3, 9, 300)


def arithmetics(format: Format) -> Iterator[Arithmetic]:
    """Yield the arithmetics of a format."""
    kinds = [Overflow.SATURATE] if format.only_saturates else list(Overflow)
    kinds = [kind for kind in kinds if format.has_nan or kind is not Overflow.NAN]
    for rounding, overflow in itertools.product(DIRECTIONS, kinds):
        yield Arithmetic(format, rounding, overflow=overflow)
    usual = Overflow(format.usual_overflow)
    yield Arithmetic(format, tininess=Tininess.BEFORE, overflow=usual)
    yield Arithmetic(format, subnormal=Subnormal.FLUSH, overflow=usual)
    if not format.has_nan:
        yield Arithmetic(format, nan=NanRule.MAX)


def cases(format: Format) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Yield the operations and operands."""
    codes = range(1 << format.width)
    yield from itertools.product(SINGLE, ((a,) for a in codes))
    yield from (("scaleb", (a, n)) for a in codes for n in _POWERS)
    yield from itertools.product(PAIRS, list(itertools.product(codes, codes)))
    if format.width <= 4:
        yield from (("fma", operands) for operands in itertools.product(codes, repeat=3))


def compare(arithmetic: Arithmetic) -> tuple[int, int]:
    """Return the number of cases and of differences; print the first difference."""
    format, table, count, wrong = arithmetic.format, ieee_table(arithmetic, PYTHON), 0, 0
    model = ExactArithmetic(
        format,
        arithmetic.rounding.value,
        tininess=arithmetic.tininess.value,
        flush=arithmetic.subnormal is Subnormal.FLUSH,
        overflow=arithmetic.overflow.value,
        nan_rule=arithmetic.nan.value,
    )
    for name, operands in cases(format):
        expected = tuple(map(int, model.compute(name, *operands)))
        if name in _QUIET:
            found = int(table[name](*operands)), 0
        else:
            z, flags = table[f"flagged {name}"](*operands)
            found = int(z), int(flags)
        if format.nans is Nans.IEEE and format.is_nan(found[0]) and format.is_nan(expected[0]):
            found = expected[0], found[1]
        count += 1
        if found != expected:
            wrong += 1
            if wrong == 1:
                shown = ", ".join(map(hex, operands))
                print(f"  {arithmetic.key}: {name}({shown}) is {found}, not {expected}")
    return count, wrong


def main() -> int:
    """Compare, and return the exit status."""
    total = 0
    for dtype in sys.argv[1:] or DTYPES:
        format, started, count, wrong = get_scalar(dtype, "python").format, time.time(), 0, 0
        assert format is not None
        for arithmetic in arithmetics(format):
            more, differences = compare(arithmetic)
            count, wrong = count + more, wrong + differences
        seconds = time.time() - started
        print(f"{dtype:<12} {count:>11,} cases, {wrong:,} differences, {seconds:.0f} s", flush=True)
        total += wrong
    return 1 if total else 0


if __name__ == "__main__":
    sys.exit(main())
