"""Compare every operation on all operands of small formats with exact rationals.

python tools/verify_small_formats.py [--jobs J] [DTYPE ...]

The default dtypes are all formats of 4 and 6 bits: the named ones, those of IEEE 754, and those of
P3109. All operands of operations of one operand, all pairs, and all triples of fma (of at most 6
bits); every conversion to an integer; and binary64 numbers on and between those of the format. Each
in every direction with every choice of overflow, results and flags; then with tininess before
rounding, with flushed subnormals, and under every other NaN rule. Exit status 1 if a result
differs.

Routines are interpreted on whole arrays (``array_target``). An exact result is rounded once in each
arithmetic, for all operands that have it.
"""

from __future__ import annotations

import argparse
import itertools
import math
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from multiprocessing import get_context
from typing import Any

import numpy as np

from array_target import ARRAYS
from numlean import get_scalar
from numlean.testing import ExactArithmetic
from numlean.testing.rounding import round_to_integer
from numlean_kernels.flags import INVALID
from numlean_kernels.formats import Format
from numlean_kernels.ieee import Arithmetic, NanRule, Overflow, Rounding, Subnormal, Tininess
from numlean_kernels.tables.ieee import FURTHER_EXTREMA, SIGNALLING_COMPARISONS, ieee_table

_WIDTHS = (4, 6)
DTYPES = (
    *("e2m1", "e2m3", "e3m2", "ieee:e2m1", "ieee:e2m3", "ieee:e3m2", "ieee:e4m1"),
    *(f"p3109:{k}.{p}{d}" for k in _WIDTHS for p in range(1, k) for d in ("", "f")),
    *(f"p3109:{k}.{p}u{d}" for k in _WIDTHS for p in range(1, k + 1) for d in ("", "f")),
)
DIRECTIONS = [r for r in Rounding if r is not Rounding.STOCHASTIC]
INTEGERS = [f"{sign}int{width}" for sign in ("", "u") for width in (8, 16, 32, 64)]
TO_INTEGERS = frozenset(
    f"to_{kind} {r.value}{beyond}"
    for kind in INTEGERS
    for r in DIRECTIONS
    for beyond in ("", " saturate", " wrap")
)
SINGLE = (
    *("sqrt", "logb", "next_up", "next_down"),
    *(f"round_to_integral {r.value}" for r in DIRECTIONS),
    *(f"round_to_integral_exact {r.value}" for r in DIRECTIONS),
    *sorted(TO_INTEGERS),
)
EXACT: dict[str, Callable[..., Any]] = {
    "add": lambda x, y: x + y,
    "sub": lambda x, y: x - y,
    "mul": lambda x, y: x * y,
    "div": lambda x, y: x / y,
    "rem": lambda x, y: x - y * round_to_integer(x / y),
    "fmod": lambda x, y: x - y * math.trunc(x / y),
    "fma": lambda x, y, z: x * y + z,
}
"""The exact results of finite operands."""
ORDERS = (
    *("eq", "lt", "le", "compare", *SIGNALLING_COMPARISONS, "total_order"),
    *("minimum", "maximum", "min_num", "max_num", *FURTHER_EXTREMA),
)
"""Operations that round nothing. Their results depend on no option but the NaN rule, as those of
``TO_INTEGERS``, which have a direction of their own."""
FROM = "from_binary64"
_QUIET = frozenset({"total_order"})
_POWERS = (-300, -9, -3, -2, -1, 0, 1, 2, 3, 9, 300)
_WIDEST_FMA = 6
_SHOWN = 3


@dataclass(frozen=True)
class Cases:
    """An operation on several operands.

    Attributes:
        name: The operation.
        operands: An array for each operand.
        chosen: The places of the cases whose results stand for those of all others.
        group: For each case, which of the chosen ones has the same result.
    """

    name: str
    operands: list[np.ndarray]
    chosen: list[int]
    group: np.ndarray

    def operands_at(self, place: int) -> list[int]:
        """Return the operands of one case."""
        return [int(x[place]) for x in self.operands]


@dataclass(frozen=True)
class Operand:
    """An encoding as an operation takes it.

    Attributes:
        code: The encoding; of a subnormal number that is flushed, that of its zero.
        negative: The sign.
        units: The value in units of the least number; None for infinities and NaNs.
    """

    code: int
    negative: bool
    units: int | None


def arithmetics(format: Format) -> Iterator[Arithmetic]:
    """Yield the arithmetics of a format."""
    kinds = [Overflow.SATURATE] if format.only_saturates else list(Overflow)
    kinds = [kind for kind in kinds if format.has_nan or kind is not Overflow.NAN]
    for rounding, overflow in itertools.product(DIRECTIONS, kinds):
        yield Arithmetic(format, rounding, overflow=overflow)
    usual = Overflow(format.usual_overflow)
    yield Arithmetic(format, tininess=Tininess.BEFORE, overflow=usual)
    yield Arithmetic(format, subnormal=Subnormal.FLUSH, overflow=usual)
    for rule in NanRule:
        if rule is not NanRule.TORCHLEAN and (rule is not NanRule.MAX or not format.has_nan):
            yield Arithmetic(format, nan=rule, overflow=usual)


def model_of(arithmetic: Arithmetic) -> ExactArithmetic:
    """Return the model of an arithmetic in exact rationals."""
    return ExactArithmetic(
        arithmetic.format,
        arithmetic.rounding.value,
        tininess=arithmetic.tininess.value,
        flush=arithmetic.subnormal is Subnormal.FLUSH,
        overflow=arithmetic.overflow.value,
        nan_rule=arithmetic.nan.value,
    )


def all_cases(model: ExactArithmetic) -> list[Cases]:
    """Return the operations on all operands, in groups of equal results."""
    codes = np.arange(1 << model.format.width)
    found = [ungrouped(name, codes) for name in SINGLE]
    found.append(ungrouped("scaleb", np.repeat(codes, len(_POWERS)), np.tile(_POWERS, len(codes))))
    found.append(ungrouped(FROM, near_numbers(model)))
    pairs = all_tuples(codes, 2)
    found += [ungrouped(name, *pairs) for name in (*ORDERS, "next_after")]
    found += [grouped(model, name, *pairs) for name in EXACT if name != "fma"]
    if model.format.width <= _WIDEST_FMA:
        found.append(grouped(model, "fma", *all_tuples(codes, 3)))
    return found


def all_tuples(codes: np.ndarray, count: int) -> list[np.ndarray]:
    """Return all pairs or triples, as an array for each operand."""
    return [x.reshape(-1) for x in np.meshgrid(*[codes] * count, indexing="ij")]


def near_numbers(model: ExactArithmetic) -> np.ndarray:
    """Return binary64 encodings: of all numbers, of others between and beyond them, of specials."""
    format = model.format
    first = [] if format.has_zero else [Fraction(0)]
    numbers = first + [model.value(code) for code in range(format.max_finite + 1)]
    step = numbers[-1] - numbers[-2]
    numbers += [numbers[-1] + step, numbers[-1] + 2 * step, numbers[-1] * 5]
    between = [a + (b - a) * k / 8 for a, b in itertools.pairwise(numbers) for k in range(8)]
    values = [*map(float, between), 0.0, 1e-308, 5e-324, 1e308, math.inf, math.nan]
    encodings = np.array([*values, *(-x for x in values)]).view(np.uint64)
    assert all(float(x) == x for x in between)
    return np.append(encodings, np.uint64(0x7FF0000000000001))  # a signalling NaN


def ungrouped(name: str, *operands: np.ndarray) -> Cases:
    """Return cases each of which stands for itself."""
    count = len(operands[0])
    return Cases(name, list(operands), list(range(count)), np.arange(count))


def grouped(model: ExactArithmetic, name: str, *operands: np.ndarray) -> Cases:
    """Return cases in groups of equal ``keys``."""
    every = [operand_of(model, code) for code in range(1 << model.format.width)]
    first: dict[Any, int] = {}
    chosen: list[int] = []
    group = np.empty(len(operands[0]), np.int64)
    for place, given in enumerate(zip(*(x.tolist() for x in operands), strict=True)):
        key = key_of(name, [every[code] for code in given], units_of_one(model.format))
        if key not in first:
            first[key] = len(chosen)
            chosen.append(place)
        group[place] = first[key]
    return Cases(name, list(operands), chosen, group)


def units_of_one(format: Format) -> int:
    """Return the number of units of the least number in 1."""
    exponent = format.trailing_bits - format.emin
    assert exponent >= 0
    return 1 << exponent


def operand_of(model: ExactArithmetic, code: int) -> Operand:
    """Return an encoding as the model takes it."""
    format, magnitude = model.format, code & model.format.magnitude_mask
    negative = bool(code & format.sign_mask)
    if model.is_nan(code) or model.is_infinite(code):
        return Operand(code, negative, None)
    if model.flush and format.has_zero and 0 < magnitude < format.implicit_bit:
        zero = code & format.sign_mask if format.has_negative_zero else 0
        return Operand(zero, zero != 0, 0)
    units = model.value(code) * units_of_one(format)
    assert units.denominator == 1
    return Operand(code, negative, units.numerator)


def key_of(name: str, operands: list[Operand], one: int) -> Any:
    """Return what decides a result: operands with equal keys have equal results and flags.

    It is the exact result, in any unit, if the operands are finite and it is not zero; their signs,
    if it or the divisor is zero; else the operands, of those that are finite only the signs and
    whether they are zero, where an operation does not return them.
    """
    units: list[Any] = [each.units for each in operands]
    if None in units:
        whole = name in ("rem", "fmod")
        return tuple(
            each.code if whole or each.units is None else (each.units == 0, each.negative)
            for each in operands
        )
    signs = tuple(each.negative for each in operands)
    divides = name in ("div", "rem", "fmod")
    if divides and units[1] == 0:
        return "by zero", units[0] == 0, signs
    if divides:
        units = list(map(Fraction, units))
    elif name == "fma":  # the product is in squares of units
        units = [*units[:2], units[2] * one]
    return EXACT[name](*units) or ("zero", *signs)


class Comparison:
    """The comparison of all arithmetics of a format.

    Attributes:
        format: The format.
        cases: The number of cases so far.
        wrong: The number of those that differ.
    """

    def __init__(self, format: Format) -> None:
        self.format = format
        self.cases = 0
        self.wrong = 0
        self._unrounded: dict[tuple[str, NanRule], tuple[np.ndarray, np.ndarray]] = {}

    def run(self) -> None:
        """Compare, and print the first differences."""
        usual = model_of(Arithmetic(self.format, overflow=Overflow(self.format.usual_overflow)))
        several = all_cases(usual)
        for arithmetic in arithmetics(self.format):
            model = model_of(arithmetic)
            for each in all_cases(model) if model.flush else several:
                self._compare(arithmetic, model, each)

    def _compare(self, arithmetic: Arithmetic, model: ExactArithmetic, cases: Cases) -> None:
        expected = self._expected(arithmetic, model, cases)
        z, flags = found(arithmetic, cases)
        same = z == expected[0]
        if not self.format.has_single_nan and cases.name not in TO_INTEGERS:
            same |= self.format.is_nan(z) & self.format.is_nan(expected[0])
        differing = np.flatnonzero(~(same & (flags == expected[1])))
        for place in differing[: max(0, _SHOWN - self.wrong)].tolist():
            shown = ", ".join(map(hex, cases.operands_at(place)))
            pair, right = ((int(x[place]) for x in both) for both in ((z, flags), expected))
            print(f"  {arithmetic.key}: {cases.name}({shown}) is {(*pair,)}, not {(*right,)}")
        self.cases += len(z)
        self.wrong += len(differing)

    def _expected(
        self, arithmetic: Arithmetic, model: ExactArithmetic, cases: Cases
    ) -> tuple[np.ndarray, np.ndarray]:
        key = cases.name, arithmetic.nan
        if key in self._unrounded:
            return self._unrounded[key]
        outcomes = [outcome(model, cases.name, cases.operands_at(k)) for k in cases.chosen]
        results = np.array([int(z) % (1 << 64) for z, _ in outcomes], np.uint64)
        flags = np.array([raised for _, raised in outcomes])
        expected = results[cases.group], flags[cases.group]
        if cases.name in (*ORDERS, *TO_INTEGERS):
            self._unrounded[key] = expected
        return expected


def outcome(model: ExactArithmetic, name: str, operands: list[int]) -> tuple[int, int]:
    """Return the result and the flags of a case in exact rationals."""
    if name != FROM:
        return model.compute(name, *operands)
    value = float(np.array(operands[0], np.uint64).view(np.float64))
    if math.isnan(value):
        return model.not_a_number(0 if operands[0] >> 51 & 1 else INVALID)
    if math.isinf(value):
        return model.infinite(negative=value < 0)
    return model.round(Fraction(value), zero_is_negative=math.copysign(1, value) < 0)


def found(arithmetic: Arithmetic, cases: Cases) -> tuple[np.ndarray, np.ndarray]:
    """Return the results and the flags of the routines."""
    table, name, count = ieee_table(arithmetic, ARRAYS), cases.name, len(cases.operands[0])
    if name in _QUIET:
        z, flags = table[name](*cases.operands), 0
    else:
        z, flags = table[f"flagged {name}"](*cases.operands)
    signed = np.asarray(z).astype(np.int64) if np.asarray(z).dtype.kind in "ib" else z
    return (
        np.broadcast_to(np.asarray(signed).astype(np.uint64), count),
        np.broadcast_to(np.asarray(flags).astype(np.int64), count),
    )


def verified(dtype: str) -> tuple[str, int, int, float]:
    """Compare a format; return its dtype, the number of cases and of differences, and the time."""
    started = time.process_time()
    format = get_scalar(dtype, "python").format
    assert format is not None
    comparison = Comparison(format)
    with np.errstate(all="ignore"):
        comparison.run()
    return dtype, comparison.cases, comparison.wrong, time.process_time() - started


def main() -> int:
    """Compare, and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("dtypes", nargs="*", metavar="DTYPE", help="default: all of 4 and 6 bits")
    parser.add_argument("--jobs", type=int, default=1, metavar="J", help="number of processes")
    arguments = parser.parse_args()
    dtypes, total, wrong, time_taken = arguments.dtypes or DTYPES, 0, 0, 0.0
    with get_context("spawn").Pool(arguments.jobs) as pool:
        for dtype, count, differences, seconds in pool.imap(verified, dtypes):
            print(
                f"{dtype:<12} {count:>13,} cases, {differences:,} differences, {seconds:.0f} s",
                flush=True,
            )
            total, wrong, time_taken = total + count, wrong + differences, time_taken + seconds
    print(f"{'all':<12} {total:>13,} cases, {wrong:,} differences, {time_taken:.0f} s of processor")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
