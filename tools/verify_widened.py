"""Compare small formats computed in hardware floats with the integer routines, bit for bit.

`python tools/verify_widened.py DTYPE OPERATION…` compares an operation on all pairs of encodings;
`--slices N` takes N first operands at equal distances, and those at the ends of the ranges. Of fma,
the third operand is a permutation of the second that changes with the first. A dtype may have
options (`bfloat16@round=to_odd`); with `round=stochastic` each case has a random word, half of them
next to the word from which the result is rounded up. `--variants` adds all arithmetics that differ
from the default in one option. Of 16 bits, there are 2**32 pairs, which take a quarter of an hour.
"""

import argparse
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from typing import Final

import numpy as np

from numlean.scalar.dtype import Dtype
from numlean.scalar.registry import get_scalar
from numlean_backends.emulated import arithmetic_of
from numlean_kernels.formats import BINARY64, Format
from numlean_kernels.ieee.arithmetic import (
    Arithmetic,
    NanRule,
    Overflow,
    Rounding,
    Subnormal,
    Tininess,
)
from numlean_kernels.loops.elementwise import elementwise
from numlean_kernels.protocol import Table, kernel_for
from numlean_kernels.tables.ieee import ieee_table
from numlean_kernels.tables.widened import widened_operations, widened_table
from numlean_kernels.targets import get_target

RANDOM: Final = np.random.default_rng(0)
EXACT: Final[dict[str, Callable[..., np.ndarray]]] = {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "div": np.divide,
    "sqrt": np.sqrt,
    "fma": lambda a, b, c: a * b + c,
}
"""The operations in binary64, rounded to nearest."""


def main() -> int:
    """Compare what the command line names; return 1 if a result differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dtype")
    parser.add_argument("operations", nargs="*", default=[])
    parser.add_argument("--slices", type=int, default=None)
    parser.add_argument("--variants", action="store_true")
    arguments = parser.parse_args()
    spec = Dtype.parse(arguments.dtype)
    format = get_scalar(spec.text).format
    assert format is not None
    own = arithmetic_of(format, spec)
    differences = 0
    for arithmetic in variants(own) if arguments.variants else (own,):
        served = widened_operations(arithmetic)
        for name in arguments.operations or served:
            if name not in served:
                print(f"{arithmetic.key} {name}: computed in integers")
                continue
            differences += compare(arithmetic, name, arguments.slices)
    return differences > 0


def variants(own: Arithmetic) -> Iterator[Arithmetic]:
    """Yield an arithmetic and those that differ from it in one option, or in two that interact."""
    yield own
    for rounding in Rounding:
        if rounding not in (own.rounding, Rounding.STOCHASTIC):
            yield replace(own, rounding=rounding)
            yield replace(own, rounding=rounding, overflow=Overflow.SATURATE_FINITE)
            yield replace(own, rounding=rounding, subnormal=Subnormal.FLUSH)
    yield from (replace(own, nan=rule) for rule in NanRule if rule is not NanRule.MAX)
    yield from (replace(own, overflow=choice) for choice in Overflow)
    for tininess in Tininess:
        yield replace(own, subnormal=Subnormal.FLUSH, tininess=tininess)


def compare(arithmetic: Arithmetic, name: str, slices: int | None) -> int:
    """Return the number of differences of one operation, and print it."""
    compared = differences = 0
    for operands in operand_slices(arithmetic, name, slices):
        if arithmetic.rounding is Rounding.STOCHASTIC:
            operands.append(random_words(arithmetic.format, name, operands))
        expected, found = (run(table, name, operands) for table in tables(arithmetic))
        places = np.flatnonzero(expected != found)
        if len(places) and not differences:
            k = places[0]
            bits = [hex(int(each[k])) for each in operands]
            print(f"{arithmetic.key} {name} {bits}: {expected[k]:#x}, found {found[k]:#x}")
        differences += len(places)
        compared += expected.size
    print(f"{arithmetic.key} {name}: {compared} compared, {differences} differ", flush=True)
    return differences


def tables(arithmetic: Arithmetic) -> tuple[Table, Table]:
    """Return the routines in integers and those in hardware floats."""
    cpu = get_target("cpu")
    return ieee_table(arithmetic, cpu), widened_table(arithmetic, cpu)


def run(table: Table, name: str, operands: list[np.ndarray]) -> np.ndarray:
    """Return the results of an operation."""
    z = np.empty_like(operands[0])
    kernel_for(get_target("cpu"), elementwise(name, len(operands)), table)(z.shape, *operands, z)
    return z


def random_words(format: Format, name: str, operands: list[np.ndarray]) -> np.ndarray:
    """Return a word for each case; half round up or down by a unit of binary64.

    One unit less would be unknown to the fast kernels, which then compute a block in integers.
    """
    x = [decoded(format)[each] for each in operands]
    with np.errstate(all="ignore"):
        exact = np.abs(EXACT[name](*x))
    least = 2.0**format.emin
    lost = BINARY64.precision - format.precision
    units = np.where(exact < least, exact + least, exact).view(np.int64)
    units = (RANDOM.choice([-2, 1], units.shape) - units) & ((1 << lost) - 1)
    near = units.astype(np.uint64) << np.uint64(63 - BINARY64.precision)
    words: np.ndarray = RANDOM.integers(0, 1 << 64, exact.shape, np.uint64)
    words[::2] = near[::2] | words[::2] >> np.uint64(BINARY64.precision + 1)
    return words


@cache
def decoded(format: Format) -> np.ndarray:
    """Return the value of each encoding."""
    codes, z = (np.arange(1 << format.width, dtype=t) for t in (format.storage_dtype, np.float64))
    table = ieee_table(Arithmetic(format), get_target("cpu"))
    kernel_for(get_target("cpu"), elementwise("to_binary64", 1), table)(
        z.shape, codes, z.view(np.uint64)
    )
    return z


def operand_slices(
    arithmetic: Arithmetic, name: str, slices: int | None
) -> Iterator[list[np.ndarray]]:
    """Yield operands: every encoding against one first operand."""
    format = arithmetic.format
    count, dtype = 1 << format.width, format.storage_dtype
    codes = np.arange(count, dtype=dtype)
    if name == "sqrt":
        yield [codes]
        return
    step = 1 if slices is None else max(1, count // slices)
    # An odd step, so that all last bits occur; the ends of the magnitudes come first.
    firsts = range(0, count, step | 1 if step > 1 else 1)
    edges = edge_codes(format) if step > 1 else ()
    batch = max(1, (1 << 20) // count)
    for group in batches([*edges, *firsts], batch):
        a = np.repeat(np.array(group, dtype), count)
        b = np.tile(codes, len(group))
        if name == "fma":
            multiplier = 2 * (group[0] * 7919 % count) + 1
            third = (codes.astype(np.uint64) * multiplier + group[0]) % count
            yield [a, b, np.tile(third.astype(dtype), len(group))]
        else:
            yield [a, b]


def edge_codes(format: Format) -> list[int]:
    """Return the encodings next to the ends of the ranges of a format, of both signs."""
    ends = (0, format.least_normal, format.one, format.max_finite, format.infinity)
    near = {end + d for end in ends for d in range(-3, 4)} | {
        format.least_normal >> k for k in range(1, format.trailing_bits)
    }
    magnitudes = [m for m in sorted(near) if 0 <= m <= format.magnitude_mask]
    return [m | sign for m in magnitudes for sign in (0, format.sign_mask)]


def batches(values: list[int], size: int) -> Iterator[list[int]]:
    """Yield values in groups."""
    for k in range(0, len(values), size):
        yield values[k : k + size]


if __name__ == "__main__":
    raise SystemExit(main())
