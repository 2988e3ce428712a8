"""Compare posits and takums of up to 16 bits with their definitions, on all operands if feasible.

python tools/verify_tapered.py DTYPE GROUP [--part I/N] [--pairs N] [--operation NAME ...]
    [--device D]

DTYPE is posit:N[.ES] or takum:N with N <= 16, such as posit16. The groups are

pairs        add, sub, mul and div: all pairs, or --pairs N random ones. The exact result is the sum
             of two binary64 numbers (of the operation and of its rest), compared with a sorted
             table of the boundaries between codes
triples      fma: all triples of up to 8 bits, else --pairs N random ones, in the same way
rationals    formats of up to 8 bits: all pairs of every operation, in rationals
unary        roots, signs, neighbours, integers and conversions of all numbers, in rationals
functions    elementary functions of all numbers, by MPFR (through gmpy2), and pow, hypot and atan2
             of random pairs

--part I/N does the I-th of N equal parts, so a long check can be done in pieces. Prints a line for
each operation, with the processor time; exit status 1 if a result differs.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from fractions import Fraction

import numpy as np

import numlean as nl
from numlean.scalar.kernel_scalar.exact_products import tapered_codes
from tapered_basis import Basis, exact_results

BLOCK = 1 << 16
RANDOM = 1 << 16
"""The random operands of a conversion."""
PAIRS = ("add", "sub", "mul", "div")
ROUNDINGS = {
    "ties_to_even": round,
    "toward_zero": int,
    "toward_negative": math.floor,
    "toward_positive": math.ceil,
    "ties_to_away": lambda q: int(abs(q) + Fraction(1, 2)) * (-1 if q < 0 else 1),
}
POLES = {"log", "log2", "log10", "rsqrt"}
"""Functions that are infinite at zero, and so NaR."""
FUNCTIONS = (
    *("exp", "exp2", "exp10", "expm1", "log", "log2", "log10", "log1p", "cbrt", "rsqrt", "erf"),
    *("sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh"),
    *("asinh", "acosh", "atanh"),
)
BINARY_FUNCTIONS = ("pow", "hypot", "atan2")


class Check:
    """The comparison of one operation."""

    def __init__(self, name):
        self.name, self.count, self.wrong, self.first = name, 0, 0, ""
        self.started = time.process_time()

    def compare(self, found, expected, *operands):
        """Compare arrays of codes; operands are arrays of codes that broadcast to them."""
        different = np.flatnonzero((np.asarray(found) != np.asarray(expected)).ravel())
        self.count, self.wrong = self.count + np.size(found), self.wrong + len(different)
        if len(different) and not self.first:
            k = different[0]
            shown = [np.broadcast_to(a, np.shape(found)).ravel()[k] for a in operands]
            values = np.ravel(found)[k], np.ravel(expected)[k]
            self.first = f"({', '.join(map(str, shown))}) is {values[0]}, not {values[1]}"

    def report(self):
        """Print the line of the operation; return the number of differences."""
        seconds = max(time.process_time() - self.started, 1e-3)
        speed = f", {seconds:.0f} s, {self.count / seconds / 1e6:.2f} million/s"
        print(
            f"{self.name:<34} {self.count:>13,} cases, {self.wrong:,} differences"
            f"{speed if self.count > BLOCK else ''}",
            flush=True,
        )
        if self.first:
            print(f"  {self.name}{self.first}", flush=True)
        return self.wrong


class Verifier:
    """All checks of one format."""

    def __init__(self, scalar, basis, arguments):
        self.scalar, self.basis, self.arguments = scalar, basis, arguments
        self.format = basis.format
        self.all = np.arange(1 << self.format.width).astype(scalar.storage_dtype)

    def part(self, count):
        """Return this part of range(count)."""
        k, n = self.arguments.part
        return range(count * (k - 1) // n, count * k // n)

    def wanted(self, names):
        """Return the operations that are asked for."""
        return [n for n in names if not self.arguments.operation or n in self.arguments.operation]

    def run(self, names, operands):
        """Compare operations of blocks of codes with exact results in binary64."""
        exact, wrong = exact_results(self.basis), 0
        for name in self.wanted(names):
            check = Check(name)
            for codes in operands():
                found = getattr(self.scalar, name)(*codes)
                with np.errstate(all="ignore"):
                    expected = self.basis.codes(
                        *exact[name](*(self.basis.values[c] for c in codes))
                    )
                check.compare(found, expected, *codes)
            wrong += check.report()
        return wrong

    def random(self, arity):
        """Yield blocks of random codes; a block does not depend on the parts."""
        count = -(-self.arguments.pairs // BLOCK)
        for k in self.part(count):
            rng = np.random.default_rng((self.format.width, arity, k))
            size = min(BLOCK, self.arguments.pairs - k * BLOCK)
            codes = rng.integers(0, 1 << self.format.width, (arity, size), dtype=np.uint32)
            yield tuple(codes.astype(self.scalar.storage_dtype))

    def all_tuples(self, arity):
        """Yield blocks of all tuples of codes; the last operands change fastest."""
        rows = 1 << self.format.width * (arity - 1)
        step = max(1, BLOCK >> self.format.width)
        part = self.part(rows)
        for start in range(part.start, part.stop, step):
            row = np.arange(start, min(start + step, part.stop))[:, np.newaxis]
            leading = [
                row >> self.format.width * k & self.format.code_mask for k in range(arity - 1)
            ]
            operands = np.broadcast_arrays(*reversed(leading), self.all[np.newaxis, :])
            yield tuple(x.astype(self.scalar.storage_dtype).ravel() for x in operands)

    def pairs(self):
        """Check the operations of two operands."""
        return self.run(
            PAIRS, lambda: self.random(2) if self.arguments.pairs else self.all_tuples(2)
        )

    def triples(self):
        """Check the fused operation."""
        if not self.arguments.pairs and self.format.width > 8:
            sys.exit("triples of more than 8 bits: pass --pairs N for N random ones")
        return self.run(
            ("fma",), lambda: self.random(3) if self.arguments.pairs else self.all_tuples(3)
        )

    def rationals(self):
        """Check all pairs of every operation in rationals."""
        if self.format.width > 8:
            sys.exit("rationals are for formats of up to 8 bits")
        wrong, fractions = 0, self.basis.fractions
        for name, function in RATIONAL.items():
            if name not in self.wanted(RATIONAL):
                continue
            check = Check(name)
            for a in self.part(len(fractions)):
                found = getattr(self.scalar, name)(np.full_like(self.all, a), self.all)
                expected = [function(self.basis, a, b) for b in range(len(fractions))]
                check.compare(found, expected, a, self.all)
            wrong += check.report()
        return wrong

    def unary(self):
        """Check operations of one operand, and conversions."""
        wrong = self.run(("sqrt",), lambda: [(self.all,)])
        for name, found, expected, *operands in self.unary_cases():
            check = Check(name)
            check.compare(found, expected, *operands)
            wrong += check.report()
        return wrong

    def unary_cases(self):
        """Yield names, results, expected results and operands."""
        s, basis, nar, codes = self.scalar, self.basis, self.format.nar, self.all
        signed = codes.astype(np.int64) - ((codes.astype(np.int64) & nar) << 1)
        mask, is_nar = self.format.code_mask, codes == nar
        yield "neg", s.neg(codes), -signed & mask, codes
        yield "abs", s.abs(codes), np.abs(signed) & mask, codes
        yield "next_up", s.next_up(codes), np.where(is_nar, nar, signed + 1 & mask), codes
        yield "next_down", s.next_down(codes), np.where(is_nar, nar, signed - 1 & mask), codes
        found = s.to_float(codes)
        yield "to_float", found.view(np.uint64)[~is_nar], basis.values.view(np.uint64)[~is_nar]
        yield "to_float of NaR", np.isnan(found[is_nar]), True
        numbers = [q for q in basis.fractions if q is not None]
        of_numbers = codes[~is_nar]
        yield "to_exact", [fraction_of(v) for v in s.to_exact(of_numbers)], numbers, of_numbers
        tiny = Fraction(1, 1 << 200)
        reals = [q * (1 + k * tiny) for q in (*numbers, *basis.rationals) for k in (-1, 0, 1)]
        yield "from rationals", s.from_float(reals), [basis.code(q) for q in reals], reals
        for rounding, function in ROUNDINGS.items():
            whole = [function(q) for q in numbers]
            rounded = [basis.code(Fraction(n)) for n in whole]
            name = f"round_to_integral {rounding}"
            yield name, s.round_to_integral(of_numbers, rounding), rounded, of_numbers
            for width in (32, 64):
                low, high = -(1 << width - 1), (1 << width - 1) - 1
                clipped = np.array([min(max(n, low), high) for n in whole], np.int64)
                found = s.to_int(of_numbers, rounding, width=width, saturate=True)
                yield f"to_int{width} {rounding}", found, clipped, of_numbers
        exponents = [None if q in (None, 0) else Fraction(exponent_of(q)) for q in basis.fractions]
        yield "logb", s.logb(codes), [basis.code(e) for e in exponents], codes
        yield from self.conversions()

    def conversions(self):
        """Yield conversions of binary64, binary32 and integers, on boundaries and at random."""
        s, basis = self.scalar, self.basis
        rng = np.random.default_rng(self.format.width)
        near = np.concatenate([basis.boundaries, basis.values[~np.isnan(basis.values)]])
        near = np.concatenate([near, np.nextafter(near, np.inf), np.nextafter(near, -np.inf)])
        bits = rng.integers(0, 1 << 64, RANDOM, dtype=np.uint64).view(np.float64)
        x = np.concatenate([near, -near, bits, [0.0, -0.0, np.inf, -np.inf, np.nan]])
        finite = np.where(np.isfinite(x), x, np.nan)
        yield "from_float", s.from_float(x), basis.codes(finite, np.zeros(x.shape)), x
        with np.errstate(all="ignore"):
            single = np.concatenate([near, -near]).astype(np.float32)
        words = rng.integers(0, 1 << 32, RANDOM, dtype=np.uint64).astype(np.uint32)
        single = np.concatenate([single, words.view(np.float32)])
        with np.errstate(all="ignore"):
            finite = np.where(np.isfinite(single), single, np.nan).astype(np.float64)
        found = s.cast_from(nl.get_scalar("float32"), single)
        yield "cast from float32", found, basis.codes(finite, np.zeros(single.shape)), single
        n = rng.integers(-(1 << 63), (1 << 63) - 1, RANDOM) >> rng.integers(0, 63, RANDOM)
        yield "from_int", s.from_int(n), [basis.code(Fraction(int(k))) for k in n], n

    def functions(self):
        """Check elementary functions."""
        import gmpy2

        # Toward zero: the exact value lies from the result up to the next number of binary64.
        context = gmpy2.context(precision=53, round=gmpy2.RoundToZero)
        wrong, operands = 0, [gmpy2.mpfr(v) for v in self.basis.values.tolist()]
        part = np.array(self.part(len(self.all)))
        for name in self.wanted(FUNCTIONS):
            check, function = Check(name), getattr(context, {"rsqrt": "rec_sqrt"}.get(name, name))
            found = getattr(self.scalar, name)(self.all[part])
            results = [function(operands[k]) for k in part]
            check.compare(found, self.rounded(results), self.all[part])
            wrong += check.report()
        rng = np.random.default_rng(self.format.width)
        pairs = rng.integers(1, self.format.nar, (2, self.arguments.pairs or 20_000))
        for name in self.wanted(BINARY_FUNCTIONS):
            check, function = Check(name), getattr(context, name)
            a, b = pairs.astype(self.scalar.storage_dtype)
            found = getattr(self.scalar, name)(a, b)
            results = [function(operands[i], operands[j]) for i, j in pairs.T.tolist()]
            check.compare(found, self.rounded(results), a, b)
            wrong += check.report()
        return wrong

    def rounded(self, results):
        """Return the codes of MPFR's results; a pole is NaR, and all too great the greatest."""
        # Only at a pole an infinity is exact; toward zero, an overflow is a finite number.
        s = np.array([math.nan if y.is_infinite() else float(y) for y in results])
        is_inexact = np.array([y.rc != 0 for y in results])
        rest = np.where(is_inexact, np.where(np.signbit(s), -1, 1), 0)
        is_zero = np.array([y.is_zero() for y in results]) & ~is_inexact
        s = np.where((s == 0) & ~is_zero, np.copysign(5e-324, s), s)  # below all of binary64
        return self.basis.codes(s, rest)


def fraction_of(value):
    """Return an mpf as a rational."""
    sign, m, e, _ = value._mpf_
    return Fraction((-1) ** sign * int(m)) * Fraction(2) ** int(e)


def exponent_of(q):
    """Return the e with 2**e <= abs(q) < 2**(e + 1)."""
    e = abs(q.numerator).bit_length() - q.denominator.bit_length()
    return e if Fraction(2) ** e <= abs(q) else e - 1


def arithmetic(function):
    """Return an operation on codes whose result is rounded once; a NaR gives NaR."""

    def operation(basis, a, b):
        x, y = basis.fractions[a], basis.fractions[b]
        return basis.code(None if x is None or y is None else function(x, y))

    return operation


def ordered(function):
    """Return an operation on codes as integers in two's complement."""

    def operation(basis, a, b):
        nar = basis.format.nar
        return function(a - ((a & nar) << 1), b - ((b & nar) << 1), nar) & basis.format.code_mask

    return operation


def of_numbers(choose):
    """Return an extremum that prefers a number to NaR."""
    return lambda a, b, nar: (b if a == -nar else a) if -nar in (a, b) else choose(a, b)


RATIONAL = {
    "add": arithmetic(lambda x, y: x + y),
    "sub": arithmetic(lambda x, y: x - y),
    "mul": arithmetic(lambda x, y: x * y),
    "div": arithmetic(lambda x, y: x / y if y else None),
    "rem": arithmetic(lambda x, y: x - y * round(x / y) if y else None),
    "minimum": ordered(lambda a, b, nar: min(a, b)),
    "maximum": ordered(lambda a, b, nar: nar if -nar in (a, b) else max(a, b)),
    "min_num": ordered(of_numbers(min)),
    "max_num": ordered(of_numbers(max)),
    "copy_sign": ordered(lambda a, b, nar: -abs(a) if b < 0 else abs(a)),
    "eq": ordered(lambda a, b, nar: a == b),
    "lt": ordered(lambda a, b, nar: a < b),
    "le": ordered(lambda a, b, nar: a <= b),
    "total_order": ordered(lambda a, b, nar: a <= b),
}


def part_of(text):
    """Return (I, N) of a text I/N."""
    k, n = map(int, text.split("/"))
    if not 1 <= k <= n:
        raise argparse.ArgumentTypeError(f"{text}: write I/N with 1 <= I <= N")
    return k, n


def main(words=None):
    """Compare, and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("dtype")
    parser.add_argument("group", choices=["pairs", "triples", "rationals", "unary", "functions"])
    parser.add_argument("--operation", action="append", help="only this one (repeatable)")
    parser.add_argument("--pairs", type=int, default=0, metavar="N", help="number of random cases")
    parser.add_argument("--part", type=part_of, default=(1, 1), metavar="I/N")
    parser.add_argument("--device", default="cpu", choices=["cpu", "python"])
    arguments = parser.parse_args(words)
    scalar = nl.get_scalar(arguments.dtype, arguments.device)
    format = tapered_codes(scalar)
    if format is None or format.width > 16:
        parser.error(f"{arguments.dtype} is not a posit or takum of up to 16 bits")
    verifier = Verifier(scalar, Basis(format), arguments)
    return 1 if getattr(verifier, arguments.group)() else 0


if __name__ == "__main__":
    sys.exit(main())
