"""All kernels that are compiled for CUDA, with arrays of the types that they are launched on.

They are listed by arithmetic, in parts that take about as long to compile. The routines of
``tables/widened`` are not among them: only the CPU has fast kernels of small formats.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from numlean import get_block_format, get_matrix_unit
from numlean_kernels.blocks.power_of_two import quantize_powers
from numlean_kernels.blocks.rules import PowerRule
from numlean_kernels.blocks.two_level import (
    greatest_of_parts,
    quantize_two_levels,
    tensor_scale,
)
from numlean_kernels.fixed.formats import FixedArithmetic
from numlean_kernels.formats import BINARY64, E4M3, Format
from numlean_kernels.ieee import Arithmetic, NanRule, Overflow, Rounding
from numlean_kernels.ieee.convert import cast_name
from numlean_kernels.ieee.exact_sums import ROUND, ExactSum
from numlean_kernels.ieee.to_integer import integer_dtype
from numlean_kernels.logarithmic.formats import LogArithmetic
from numlean_kernels.loops.elementwise import broadcast_operand, elementwise, filled, flagged
from numlean_kernels.loops.exact_product import SumShape, exact_product
from numlean_kernels.loops.flag_counts import COUNT_FLAGS, NO_ROUTINES
from numlean_kernels.loops.gather_scatter import (
    CHOOSE,
    COPY,
    GROUP,
    SCATTER_ADD,
    SCATTER_ADD_ROWS,
    SCATTER_ADD_STOCHASTIC,
    SCATTER_ALONG_AXIS,
    TAKE,
    TAKE_ALONG_AXIS,
    TAKE_ROWS,
    WHERE,
)
from numlean_kernels.loops.matmul import MATMUL, MATMUL_FMA
from numlean_kernels.loops.quire import accumulate, round_quires
from numlean_kernels.loops.reduce import ARGMAX, MAX, SUM_ORDERED, SUM_PAIRWISE
from numlean_kernels.matrix_units.loop import (
    READ_LEFT,
    READ_RIGHT,
    chains,
    scaled_left,
    scaled_right,
)
from numlean_kernels.matrix_units.operations import wide_format
from numlean_kernels.matrix_units.routine import operand_dtypes
from numlean_kernels.matrix_units.rule import BlockFma, ExactBlock, Unit
from numlean_kernels.protocol import Loop, Table
from numlean_kernels.tables.blocks import power_table, two_level_table
from numlean_kernels.tables.elementary import BINARY, UNARY
from numlean_kernels.tables.fixed import FLAGGED as FIXED_FLAGGED
from numlean_kernels.tables.fixed import OPERATIONS as FIXED_OPERATIONS
from numlean_kernels.tables.fixed import fixed_table
from numlean_kernels.tables.hardware import FURTHER as HARDWARE_FURTHER
from numlean_kernels.tables.hardware import MAKERS as HARDWARE_MAKERS
from numlean_kernels.tables.hardware import REAL_DTYPES, hardware_table
from numlean_kernels.tables.hardware_on_encodings import encodings_table
from numlean_kernels.tables.ieee import (
    FLAGGED_MAKERS,
    FURTHER_EXTREMA,
    FURTHER_FLAGGED_MAKERS,
    QUIET_MAKERS,
    ROUNDED_MAKERS,
    SIGNALLING_COMPARISONS,
    TO_INT,
    ieee_table,
)
from numlean_kernels.tables.logarithmic import OPERATIONS as LOG_OPERATIONS
from numlean_kernels.tables.logarithmic import log_table
from numlean_kernels.tables.matrix_units import unit_table
from numlean_kernels.tables.philox import philox_table
from numlean_kernels.tables.tapered import OPERATIONS as TAPERED_OPERATIONS
from numlean_kernels.tables.tapered import tapered_table
from numlean_kernels.tapered.formats import Posit, TaperedFormat
from numlean_kernels.tapered.sums import QuireFormat, TaperedSum
from numlean_kernels.targets.cuda import CudaTarget

GPU = CudaTarget(simulated=False)
CAPABILITIES = [(8, 0), (9, 0)]


class Floats(StrEnum):
    """The instructions on hardware floats that a kernel may contain."""

    NOTHING = "nothing"
    MOVED = "moved"
    SEPARATE = "rounded one by one"
    FUSED = "fused"
    CONVERTED = "rounded one by one, and converted"


class Kernel(NamedTuple):
    """A kernel, and arrays of one element like those that it is launched on; outputs come last."""

    loop: Loop
    table: Table
    arrays: list[np.ndarray]
    floats: Floats


@dataclass(frozen=True)
class Numbers:
    """An arithmetic on CUDA.

    Attributes:
        name: The name.
        table: Its routines.
        dtype: The dtype of the arrays that hold its numbers.
        operations: The names of its basic operations.
        functions: The names of its elementary functions.
        flagged: The names of operations with kernels that return flags.
        random_bits: The number of words of random bits that operations take after their operands.
        tapered: The format, if it is tapered.
    """

    name: str
    table: Table
    dtype: Any
    operations: tuple[str, ...]
    functions: tuple[str, ...] = ()
    flagged: tuple[str, ...] = ()
    random_bits: int = 0
    tapered: TaperedFormat | None = None


def floats_of(loop: Loop, table: Table) -> Floats:
    """Return the instructions on hardware floats that a kernel may contain."""
    if table.key.startswith(("powers of two/", "two levels/")):
        return Floats.CONVERTED
    is_hardware = table.key.startswith("hardware")
    return ARITHMETIC.get(loop.name, Floats.MOVED) if is_hardware else Floats.NOTHING


FUNCTIONS = (*UNARY, *BINARY)
CASTS = {cast_name(source): source.storage_dtype for source in (BINARY64, E4M3)}
"""Casts from two formats, which stand for those from every format, and their operands."""

EXACT = ExactSum(BINARY64, BINARY64, E4M3)
"""The operands of an exact sum, which stand for those of every format."""

SATURATING = tuple(f"{name} saturate" for name in TO_INT)
"""Conversions to integers that saturate, which the Scalar protocol launches."""

FURTHER_OPERATIONS = (*FURTHER_FLAGGED_MAKERS, *FURTHER_EXTREMA, *SIGNALLING_COMPARISONS)
"""Operations of IEEE 754-2019 that the Scalar protocol lacks."""

USUAL = tuple(name for name in (*FLAGGED_MAKERS, *QUIET_MAKERS) if name not in FUNCTIONS)
EMULATED = (*USUAL, *FURTHER_OPERATIONS, *SATURATING, *CASTS)
PAIRS = ("minimum", "maximum", "min_num", "max_num", *SIGNALLING_COMPARISONS.values())
"""Operations that return no flags but in kernels that are asked for them."""

HARDWARE = (
    *(name for name in HARDWARE_MAKERS if name not in FUNCTIONS),
    *(name for name in HARDWARE_FURTHER if name not in HARDWARE_MAKERS),
    *SATURATING,
    *CASTS,
)
WITH_SINGLE = [
    broadcast_operand(name, k) for name in ("add", "sub", "mul", "div", "rem") for k in (0, 1)
]

FUSED = ("fma", MATMUL_FMA.name)
SEPARATE = [
    SUM_ORDERED,
    SUM_PAIRWISE,
    SCATTER_ADD,
    SCATTER_ADD_ROWS,
    MATMUL,
    *WITH_SINGLE[:-2],
]
ARITHMETIC = (
    dict.fromkeys(("add", "sub", "mul", "div", "sqrt"), Floats.SEPARATE)
    | {loop.name: Floats.SEPARATE for loop in SEPARATE}
    | dict.fromkeys(FUSED, Floats.FUSED)
)
"""The instructions on hardware floats that loops may contain if they compute with them."""

ARITIES = (
    dict.fromkeys(("add", "sub", "mul", "div", "rem", "scaleb", *BINARY), 2)
    | dict.fromkeys(("copy_sign", "minimum", "maximum", "min_num", "max_num"), 2)
    | dict.fromkeys(("eq", "lt", "le", "compare", "total_order", *SIGNALLING_COMPARISONS), 2)
    | dict.fromkeys(("fmod", "next_after", *FURTHER_EXTREMA), 2)
    | {"fma": 3}
)
GIVEN = CASTS | {
    "from_binary64": np.uint64,
    "from_int64": np.int64,
    "from_uint64": np.uint64,
}
RESULTS = (
    dict.fromkeys(("eq", "lt", "le", "total_order", "is_nan"), np.bool_)
    | dict.fromkeys(("signalling_eq", "signalling_lt", "signalling_le"), np.bool_)
    | dict.fromkeys(("compare", "classify", "signalling_compare"), np.int8)
    | {name: np.dtype(integer_dtype(name)) for name in (*TO_INT, *SATURATING)}
    | {"to_binary64": np.uint64}
)
INT64, UINT64 = np.int64, np.uint64


def fits_functions(format: Format) -> bool:
    """Return whether a format has elementary functions."""
    return format.precision <= 24 and format.exponent_bits <= 8


@cache
def emulated(arithmetic: Arithmetic) -> Numbers:
    """Return integer arithmetic on encodings."""
    format, table = arithmetic.format, ieee_table(arithmetic, GPU)
    name, dtype = table.key, format.storage_dtype
    if arithmetic.rounding is Rounding.STOCHASTIC:
        rounded = (*ROUNDED_MAKERS, "from_binary64", *CASTS)
        return Numbers(name, table, dtype, rounded, flagged=rounded, random_bits=1)
    functions = FUNCTIONS if fits_functions(format) else ()
    flagged = (*FLAGGED_MAKERS, *FURTHER_OPERATIONS, *PAIRS, *SATURATING)
    return Numbers(name, table, dtype, EMULATED, functions, flagged)


@cache
def hardware(format: Format) -> Numbers:
    """Return the arithmetic of hardware floats."""
    table = hardware_table(format, GPU)
    return Numbers(table.key, table, REAL_DTYPES[format], HARDWARE, FUNCTIONS)


@cache
def on_encodings(format: Format) -> Numbers:
    """Return hardware arithmetic on encodings, without the kernels it shares with the emulation."""
    table = encodings_table(format, GPU)
    names = ("add", "sub", "mul", "div", "sqrt", "fma")
    return Numbers(table.key, table, format.storage_dtype, names)


@cache
def tapered(format: TaperedFormat) -> Numbers:
    """Return the arithmetic of posits or takums."""
    table = tapered_table(format, GPU)
    names = (*TAPERED_OPERATIONS, *CASTS)
    return Numbers(table.key, table, format.storage_dtype, names, tapered=format)


@cache
def fixed_point(arithmetic: FixedArithmetic) -> Numbers:
    """Return a fixed-point arithmetic."""
    table, dtype = fixed_table(arithmetic, GPU), arithmetic.format.storage_dtype
    return Numbers(table.key, table, dtype, (*FIXED_OPERATIONS, *CASTS), flagged=FIXED_FLAGGED)


@cache
def logarithmic(arithmetic: LogArithmetic) -> Numbers:
    """Return a logarithmic arithmetic."""
    table = log_table(arithmetic, GPU)
    return Numbers(table.key, table, arithmetic.format.storage_dtype, LOG_OPERATIONS)


def arrays(*kinds: tuple[Any, int]) -> list[np.ndarray]:
    """Make arrays from pairs (dtype, number of axes)."""
    return [np.empty((1,) * ndim, dtype) for dtype, ndim in kinds]


def signature(name: str, numbers: Numbers) -> tuple[list[tuple[Any, int]], tuple[Any, int]]:
    """Return the types of the operands and of the result of an operation over arrays."""
    kinds = [GIVEN.get(name, numbers.dtype)] * ARITIES.get(name, 1)
    if name == "scaleb":
        kinds[1] = INT64
    kinds += [UINT64] * numbers.random_bits
    return [(kind, 1) for kind in kinds], (RESULTS.get(name, numbers.dtype), 1)


def elementwise_kernels(numbers: Numbers, names: tuple[str, ...]) -> Iterator[Kernel]:
    """Yield elementwise operations or functions."""
    for name in names:
        operands, result = signature(name, numbers)
        loop = elementwise(name, len(operands))
        yield Kernel(loop, numbers.table, arrays(*operands, result), floats_of(loop, numbers.table))


def flagged_kernels(numbers: Numbers, names: tuple[str, ...]) -> Iterator[Kernel]:
    """Yield elementwise operations or functions that also return flags."""
    for name in names:
        operands, result = signature(name, numbers)
        loop = flagged(name, len(operands))
        given = arrays(*operands, (np.uint8, 1), result)
        yield Kernel(loop, numbers.table, given, Floats.NOTHING)


def array_loops(number: Any) -> dict[Loop, tuple[tuple[Any, int], ...]]:
    """Return the loops that are not elementwise, and the types of their arrays."""
    one, two, three = ((number, n) for n in (1, 2, 3))
    kinds = {MATMUL: (three,) * 3, MATMUL_FMA: (three,) * 3}
    kinds |= dict.fromkeys(WITH_SINGLE, (one,) * 3)
    kinds |= {SUM_ORDERED: (three, two), SUM_PAIRWISE: (three,), MAX: (three, two)}
    kinds[ARGMAX] = (three, (INT64, 2))
    kinds[TAKE] = (one, (INT64, 1), one)
    kinds[TAKE_ROWS] = (two, (INT64, 1), two)
    kinds[WHERE] = ((np.bool_, 1), one, one)
    kinds[CHOOSE] = ((np.bool_, 1), one, one, one)
    kinds[SCATTER_ADD] = (one, (INT64, 1), (INT64, 1), one)
    kinds[SCATTER_ADD_ROWS] = (two, (INT64, 1), (INT64, 1), two)
    kinds[TAKE_ALONG_AXIS] = (three, (INT64, 2), two)
    kinds[SCATTER_ALONG_AXIS] = (two, (INT64, 2), three)
    return kinds


def exact_loop(
    numbers: Numbers, shape: SumShape = EXACT, operand: Any = UINT64, addend: Any = np.uint8
) -> dict[Loop, tuple[tuple[Any, int], ...]]:
    """Return the loop of exact sums and the types of its arrays."""
    matrices, words = ((operand, 3), (operand, 3)), ((UINT64, 1), (INT64, 2))
    loop = exact_product(shape, is_stochastic=bool(numbers.random_bits))
    return {loop: (*matrices, (addend, 1), *words, (np.uint8, 1), (numbers.dtype, 1))}


def tapered_loops(
    numbers: Numbers, format: TaperedFormat
) -> dict[Loop, tuple[tuple[Any, int], ...]]:
    """Return the loops of exact sums of codes, and those of quires."""
    kinds = exact_loop(numbers, TaperedSum(format, format, format), numbers.dtype, numbers.dtype)
    if isinstance(format, Posit):
        codes, quires = (numbers.dtype, 3), ((np.uint8, 1), (INT64, 2))
        kinds[accumulate(QuireFormat(format))] = (codes, codes, *quires)
        kinds[round_quires(QuireFormat(format))] = (*quires, (numbers.dtype, 1))
    return kinds


def array_kernels(numbers: Numbers) -> Iterator[Kernel]:
    """Yield products, reductions and moves."""
    kinds = array_loops(numbers.dtype)
    if numbers.random_bits:
        number, random_bits, places = (numbers.dtype, 2), (UINT64, 2), (INT64, 1)
        kinds = {SCATTER_ADD_STOCHASTIC: (number, places, places, random_bits, number)}
    if numbers.table.get(ROUND) is not None or numbers.random_bits:
        kinds |= exact_loop(numbers)
    if numbers.tapered is not None:
        kinds |= tapered_loops(numbers, numbers.tapered)
    for loop, given in kinds.items():
        yield Kernel(loop, numbers.table, arrays(*given), floats_of(loop, numbers.table))


def numberless_kernels() -> Iterator[Kernel]:
    """Yield the kernels that need no arithmetic."""
    places, counts = arrays((INT64, 1))[0], arrays((UINT64, 1))[0]
    yield Kernel(GROUP, NO_ROUTINES, [places] * 3, Floats.NOTHING)
    yield Kernel(COUNT_FLAGS, NO_ROUTINES, [*arrays((np.uint8, 1)), counts], Floats.NOTHING)
    yield Kernel(filled("philox"), philox_table(GPU), [counts] * 2, Floats.NOTHING)
    for size in (1, 2, 4, 8):
        whole = np.empty((2, 2, 2, 2), f"u{size}")
        for pair in ((x, z) for x in (whole, whole.T[::2]) for z in (whole, whole.T[::2])):
            yield Kernel(COPY, NO_ROUTINES, list(pair), Floats.NOTHING)


@dataclass(frozen=True)
class Part:
    """Kernels that are read together.

    Attributes:
        name: The name.
        kernels: Returns the kernels.
    """

    name: str
    kernels: Callable[[], Iterator[Kernel]]

    def __str__(self) -> str:
        return self.name


def functions_part(numbers: Numbers, names: tuple[str, ...]) -> Part:
    """Return functions with and without flags, which share most of their compilation."""

    def kernels() -> Iterator[Kernel]:
        yield from elementwise_kernels(numbers, names)
        if numbers.flagged:
            yield from flagged_kernels(numbers, names)

    return Part(f"{numbers.name}: {names[0]} to {names[-1]}", kernels)


def operations_part(numbers: Numbers) -> Part:
    """Return the basic operations, with and without flags."""

    def kernels() -> Iterator[Kernel]:
        yield from elementwise_kernels(numbers, numbers.operations)
        yield from flagged_kernels(numbers, numbers.flagged)

    return Part(f"{numbers.name}: operations", kernels)


def parts(numbers: Numbers, *, together: int = 7) -> list[Part]:
    """Return all kernels of an arithmetic, with a number of functions in each part."""
    names = numbers.functions
    several = [names[k : k + together] for k in range(0, len(names), together)]
    return [
        operations_part(numbers),
        Part(f"{numbers.name}: arrays", lambda: array_kernels(numbers)),
        *(functions_part(numbers, some) for some in several),
    ]


NUMBERLESS = Part("numberless", numberless_kernels)


def unit_kernels(unit: Unit) -> Iterator[Kernel]:
    """Yield the kernels of a matrix unit."""
    table, rule, result = unit_table(unit, GPU), unit.rule, unit.output.storage_dtype
    wide = wide_format(unit).storage_dtype
    left, right = unit.left.format.storage_dtype, unit.right.format.storage_dtype
    if isinstance(rule, ExactBlock):
        loop = exact_product(ExactSum(unit.left.format, unit.right.format, unit.output))
        words = ((UINT64, 1), (INT64, 2), (np.uint8, 1), (result, 1))
        kinds = {loop: ((left, 3), (right, 3), (result, 1), *words)}
    else:
        sig, exp = ((dtype, 3) for dtype in operand_dtypes(rule))
        is_block = isinstance(rule, BlockFma)
        work = ((np.int32, 3), (INT64, 3), (result, 3)) if is_block else ()
        readers: tuple[Loop, Loop] = (READ_LEFT, READ_RIGHT)
        scales: tuple[tuple[Any, int], ...] = ()
        if unit.scales is not None:
            readers = scaled_left(unit.scales.size), scaled_right(unit.scales.size)
            scales = ((unit.scales.format.storage_dtype, 3),)
        kinds = {
            readers[0]: ((left, 3), (INT64, 1), *scales, sig, exp),
            readers[1]: ((right, 3), (INT64, 1), *scales, sig, exp),
            chains(rule): (sig, exp, sig, exp, (result, 3), (INT64, 1), *work, (result, 3)),
        }
    kinds[elementwise("add", 2)] = ((result, 1),) * 3
    kinds[elementwise("add wide", 2)] = ((wide, 1),) * 3
    kinds[elementwise("widen", 1)] = ((result, 1), (wide, 1))
    kinds[elementwise("narrow", 1)] = ((wide, 1), (result, 1))
    for loop, given in kinds.items():
        yield Kernel(loop, table, arrays(*given), Floats.NOTHING)


def of_unit(name: str) -> Part:
    """Return the kernels of a matrix unit by its name."""
    return Part(f"matrix unit {name}", lambda: unit_kernels(get_matrix_unit(name).unit))


def block_kernels(name: str) -> Iterator[Kernel]:
    """Yield the kernels of a block format."""
    rule = get_block_format(name, device="python").rule
    x, words, codes = (np.uint32, 2), (UINT64, 2), ((np.uint8, 2), (np.uint8, 2))
    if isinstance(rule, PowerRule):
        table = power_table(rule, GPU)
        kinds = {quantize_powers(rule): (x, words, *codes)}
    else:
        table, magnitudes, whole = two_level_table(rule, GPU), (np.uint32, 1), (np.float32, 1)
        kinds = {
            greatest_of_parts(rule): (magnitudes, magnitudes),
            tensor_scale(rule): (magnitudes, magnitudes, whole),
            quantize_two_levels(rule): (x, magnitudes, whole, words, *codes),
        }
    for loop, given in kinds.items():
        yield Kernel(loop, table, arrays(*given), Floats.CONVERTED)


def of_block_format(name: str) -> Part:
    """Return the kernels of a block format by its name."""
    return Part(f"block format {name}", lambda: block_kernels(name))


OPTIONS = {
    field.name: type(field.default)
    for field in fields(Arithmetic)
    if field.name not in ("format", "random")
}
"""The options of an arithmetic other than its format."""


def variants(format: Format) -> Iterator[Arithmetic]:
    """Yield the default arithmetic of a format, then those that differ from it in one option.

    Those that round by chance are of another kind, and so each has its own second choice.
    """
    usual = Arithmetic(format, overflow=Overflow(format.usual_overflow))
    for first in (usual, replace(usual, rounding=Rounding.STOCHASTIC)):
        yield first
        for option, kind in OPTIONS.items():
            for choice in kind:
                is_new = choice is not getattr(usual, option) and option != "rounding"
                is_direction = option == "rounding" and first is usual
                is_direction &= choice not in (usual.rounding, Rounding.STOCHASTIC)
                is_possible = choice is not NanRule.MAX or not format.has_nan
                is_possible &= choice is not Overflow.NAN or format.has_nan
                is_possible &= option != "overflow" or not format.only_saturates
                if (is_new or is_direction) and is_possible:
                    yield replace(first, **{option: choice})


def every_numbers(format: Format) -> Iterator[Numbers]:
    """Yield the hardware arithmetic of a format, if there is one, and all emulated ``variants``."""
    if format in REAL_DTYPES:
        yield hardware(format)
        yield on_encodings(format)
    yield from map(emulated, variants(format))
