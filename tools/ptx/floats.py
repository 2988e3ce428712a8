"""PTX's floating-point instructions on encodings: each result is rounded once, to nearest.

Kernels must not pass on the hardware's NaN. For binary32 it is the one that the PTX manual names.
The manual does not specify the one of binary64; here it is one that no routine makes.
"""

import math
import operator
from fractions import Fraction

NAN32, NAN64 = 0x7FFFFFFF, 0xFFFFDEADBEEF0001

_BUFFER = bytearray(8)
_UINT32, _REAL32, _UINT64, _REAL64 = (memoryview(_BUFFER).cast(kind) for kind in "IfQd")


def real32(bits):
    """Return the number that a binary32 encoding represents."""
    _UINT32[0] = bits
    return _REAL32[0]


def real64(bits):
    """Return the number that a binary64 encoding represents."""
    _UINT64[0] = bits
    return _REAL64[0]


def bits32(x):
    """Round a number to binary32 and return the encoding."""
    if x != x:
        return NAN32
    _REAL32[0] = x
    return _UINT32[0]


def bits64(x):
    """Return the binary64 encoding of a number."""
    if x != x:
        return NAN64
    _REAL64[0] = x
    return _UINT64[0]


# Sums, products, quotients and roots of binary32 may be rounded to binary64 first, which has more
# than 2p + 2 digits (Figueroa, 1995). Subnormal results keep fewer digits.


def add_f32(a, b):
    """Execute add.rn.f32."""
    return bits32(real32(a) + real32(b))


def sub_f32(a, b):
    """Execute sub.rn.f32."""
    return bits32(real32(a) - real32(b))


def mul_f32(a, b):
    """Execute mul.rn.f32."""
    return bits32(real32(a) * real32(b))


def div_f32(a, b):
    """Execute div.rn.f32."""
    return bits32(_quotient(real32(a), real32(b)))


def sqrt_f32(a):
    """Execute sqrt.rn.f32."""
    return bits32(_root(real32(a)))


def fma_f32(a, b, c):
    """Execute fma.rn.f32: add the exact product, and round to odd first.

    A number rounded to odd with two more digits may be rounded again (Boldo and Melquiond, 2008).
    """
    product, addend = real32(a) * real32(b), real32(c)
    total = product + addend
    if not math.isfinite(total):
        return bits32(total)
    rest = total - product
    error = (product - (total - rest)) + (addend - rest)
    encoding = bits64(total)
    if error and not encoding & 1:
        encoding += 1 if (error > 0) == (total > 0) else -1
    return bits32(real64(encoding))


def add_f64(a, b):
    """Execute add.rn.f64."""
    return bits64(real64(a) + real64(b))


def sub_f64(a, b):
    """Execute sub.rn.f64."""
    return bits64(real64(a) - real64(b))


def mul_f64(a, b):
    """Execute mul.rn.f64."""
    return bits64(real64(a) * real64(b))


def div_f64(a, b):
    """Execute div.rn.f64."""
    return bits64(_quotient(real64(a), real64(b)))


def sqrt_f64(a):
    """Execute sqrt.rn.f64."""
    return bits64(_root(real64(a)))


def fma_f64(a, b, c):
    """Execute fma.rn.f64, with fractions."""
    x, y, z = real64(a), real64(b), real64(c)
    if not (math.isfinite(x) and math.isfinite(y)):
        return bits64(x * y + z)
    if not math.isfinite(z):
        return bits64(z)
    exact = Fraction(x) * Fraction(y) + Fraction(z)
    if exact:
        return bits64(_nearest(exact))
    return bits64(0.0 if x and y and z else x * y + z)


def neg_f64(a):
    """Execute neg.f64."""
    return bits64(-real64(a))


def num_f32(a, b):
    """Execute setp.num.f32: return whether neither operand is a NaN."""
    return a & 0x7FFFFFFF <= 0x7F800000 and b & 0x7FFFFFFF <= 0x7F800000


def num_f64(a, b):
    """Execute setp.num.f64: return whether neither operand is a NaN."""
    infinity, magnitude = 0x7FF << 52, (1 << 63) - 1
    return a & magnitude <= infinity and b & magnitude <= infinity


def _quotient(x, y):
    if y:
        return x / y
    return x * math.copysign(math.inf, y) if x else math.nan


def _root(x):
    return math.sqrt(x) if x >= 0 else math.nan


def _nearest(exact):
    """Round a fraction; Python rounds the quotient of integers once, to nearest."""
    try:
        return exact.numerator / exact.denominator
    except OverflowError:
        return math.inf if exact > 0 else -math.inf


REALS, BITS = {"f32": real32, "f64": real64}, {"f32": bits32, "f64": bits64}
ORDERED = {name: getattr(operator, name) for name in ("eq", "lt", "le", "gt", "ge")}


def comparison(compare, kind, *, or_unordered):
    """Return the function of setp for two numbers: false for a NaN, or true."""
    real = REALS[kind]

    def compared(a, b):
        x, y = real(a), real(b)
        return or_unordered if x != x or y != y else compare(x, y)

    return compared


def extremum(compare, kind):
    """Return the function of min or max: the other operand if one is NaN, and -0 below +0."""
    real, bits = REALS[kind], BITS[kind]

    def chosen(a, b):
        x, y = real(a), real(b)
        if x != x or y != y:
            return bits(y if x != x else x)
        key = (x, math.copysign(1, x)), (y, math.copysign(1, y))
        return bits(x if compare(*key) else y)

    return chosen


def conversion(to, kind):
    """Return the function of cvt from a float or an integer: rounded once, to nearest."""
    bits = BITS[to]
    if kind in REALS:
        real = REALS[kind]
        return lambda a: bits(real(a))
    width = int(kind[1:])
    offset = 1 << width if kind.startswith("s") else 0

    def converted(a):
        n = (a & ((1 << width) - 1)) - (offset if offset and a >> (width - 1) & 1 else 0)
        # A number of 64 bits would be rounded twice.
        assert to == "f64" or abs(n) < 1 << 53
        return bits(float(n))

    return converted


def further():
    """Return comparisons, extrema and conversions by name, such as ``ltu_f32``, ``f32_s64``."""
    found = {}
    for kind in REALS:
        for name, compare in (ORDERED | {"ne": operator.ne}).items():
            found[f"{name}_{kind}"] = comparison(compare, kind, or_unordered=False)
            found[f"{name}u_{kind}"] = comparison(compare, kind, or_unordered=True)
        found[f"min_{kind}"] = extremum(operator.le, kind)
        found[f"max_{kind}"] = extremum(operator.ge, kind)
        sources = ("s32", "u32", "s64", "u64", "f64" if kind == "f32" else "f32")
        found |= {f"{kind}_{source}": conversion(kind, source) for source in sources}
    return found
