"""Kernels compiled for CUDA without a GPU: their machine code is read, and assembled.

Only reading finds instructions that are forbidden (contracted, approximate or flushing ones, floats
in integer arithmetic), sums that leave the registers, and code that the assembler refuses. Here it
is the code of kernels that test_executing_ptx.py does not launch: that module reads what it
executes, and checks the results of the code. test_simulator.py checks the launches.
"""

import math
import pkgutil
from importlib import import_module

import pytest

from numlean import get_scalar
from numlean_kernels import loops
from numlean_kernels.fixed.formats import FixedArithmetic, FixedFormat
from numlean_kernels.formats import BINARY16, BINARY32, BINARY64, E4M3
from numlean_kernels.ieee import Arithmetic, NanRule, Overflow, Rounding, Subnormal, Tininess
from numlean_kernels.logarithmic.formats import LogArithmetic, LogFormat
from numlean_kernels.loops.gather_scatter import (
    SCATTER_ADD,
    SCATTER_ADD_ROWS,
    SCATTER_ADD_STOCHASTIC,
)
from numlean_kernels.loops.matmul import MATMUL, MATMUL_FMA
from numlean_kernels.loops.reduce import ARGMAX, SUM_ORDERED, SUM_PAIRWISE
from numlean_kernels.protocol import KernelCall, Loop
from numlean_kernels.tables import elementary as elementary_makers
from numlean_kernels.tables import hardware as hardware_makers
from numlean_kernels.tables import ieee as ieee_makers
from numlean_kernels.tapered.formats import Posit, Takum

pytest.importorskip("numba_cuda", reason="the cuda extra is not installed")

from ptx import workloads
from ptx.execute import BASIC, FURTHER
from ptx.fake_driver import FakeDevice
from ptx.kernels import (
    CAPABILITIES,
    CASTS,
    EMULATED,
    FUNCTIONS,
    FURTHER_OPERATIONS,
    NUMBERLESS,
    SATURATING,
    WITH_SINGLE,
    Floats,
    Kernel,
    Part,
    array_kernels,
    arrays,
    elementwise_kernels,
    emulated,
    fixed_point,
    flagged_kernels,
    floats_of,
    hardware,
    logarithmic,
    of_block_format,
    of_unit,
    on_encodings,
    parts,
    tapered,
    variants,
)
from ptx.reading import FLOATING, instructions, ptx_of, read, violations

USUAL, STOCHASTIC = Arithmetic(BINARY32), Arithmetic(BINARY32, Rounding.STOCHASTIC)
UNUSUAL = Arithmetic(
    BINARY16,
    Rounding.TOWARD_NEGATIVE,
    NanRule.ARM,
    Subnormal.FLUSH,
    Tininess.BEFORE,
    Overflow.SATURATE,
)


EXECUTED = BASIC.keys() | FURTHER
"""Operations that test_executing_ptx.py launches in binary32, on the hardware and emulated."""
KINDS = ("exp2", "exp10", "log1p", "sinh", "cos", "acosh", "atan", "cbrt", "hypot", "atan2")
"""Functions of each kind that it does not launch."""


def with_flags(numbers, names):
    """Yield the kernels of some operations: those that keep flags, where they exist."""
    yield from elementwise_kernels(numbers, [n for n in names if not is_flagged(numbers, n)])
    yield from flagged_kernels(numbers, [n for n in names if is_flagged(numbers, n)])


def is_flagged(numbers, name):
    return bool(numbers.flagged) and name in {*numbers.flagged, *FUNCTIONS}


def some(numbers, names):
    """Return some operations or functions."""
    return Part(f"{numbers.name}: {names[0]}, ...", lambda: with_flags(numbers, names))


def some_operations(numbers, first, step):
    """Return one of ``step`` operations, starting with a given one."""
    return some(numbers, numbers.operations[first::step])


def not_executed(numbers):
    """Return the operations of which only this module reads the code."""
    others = {*EXECUTED, *FURTHER_OPERATIONS, *SATURATING}
    return some(numbers, [n for n in numbers.operations if n not in others])


def of_arrays(numbers, *names):
    """Return products, sums and other kernels over arrays."""
    return Part(
        f"{numbers.name}: {names[0]}, ...",
        lambda: (k for k in array_kernels(numbers) if k.loop.name in names),
    )


SINGLE = [loop.name for loop in WITH_SINGLE]
PRODUCTS = (MATMUL.name, MATMUL_FMA.name)
SUMS = (SUM_ORDERED.name, SUM_PAIRWISE.name, SCATTER_ADD.name, SCATTER_ADD_ROWS.name)

# In the arithmetics whose sources differ most, emulated binary32 and binary32 on the hardware,
# every operation and every kernel over arrays is read, here or where it is executed; of each
# further arithmetic, those that its words, options or instructions could change. tools/read_ptx
# reads every kernel of every dtype and option, for both compute capabilities.
PARTS = [
    not_executed(emulated(USUAL)),
    of_arrays(emulated(USUAL), ARGMAX.name, *SINGLE),
    some(emulated(USUAL), KINDS[0::3]),
    not_executed(hardware(BINARY32)),
    of_arrays(hardware(BINARY32), ARGMAX.name, *SINGLE),
    some(emulated(USUAL), [*FURTHER_OPERATIONS[::4], SATURATING[0]]),
    some(hardware(BINARY32), ["fmod", "maximum_number", SATURATING[-1]]),
    parts(on_encodings(BINARY32))[0],
    of_arrays(on_encodings(BINARY32), *PRODUCTS, *SUMS),
    some_operations(emulated(STOCHASTIC), 0, 2),
    of_arrays(emulated(STOCHASTIC), SCATTER_ADD_STOCHASTIC.name),
    NUMBERLESS,
    some_operations(emulated(Arithmetic(E4M3)), 0, 5),
    of_arrays(emulated(Arithmetic(E4M3)), MATMUL.name, SUM_PAIRWISE.name),
    some(emulated(Arithmetic(E4M3)), KINDS[1::3]),
    some_operations(hardware(BINARY64), 0, 3),
    of_arrays(hardware(BINARY64), *PRODUCTS, *SUMS, *SINGLE),
    some(hardware(BINARY64), [*KINDS[2::3], "erf"]),  # erf has most constants
    some_operations(emulated(Arithmetic(BINARY64)), 1, 5),
    of_arrays(emulated(Arithmetic(BINARY64)), MATMUL_FMA.name, SUM_ORDERED.name),
    some_operations(emulated(UNUSUAL), 2, 5),
    of_arrays(emulated(UNUSUAL), MATMUL.name, SUM_ORDERED.name),
    some(tapered(Posit(16)), ["fma", "div", "sqrt", "rem"]),
    of_arrays(tapered(Posit(16)), *(f"quire {name} posit16.2" for name in ("accumulate", "round"))),
    some(tapered(Takum(32)), ["add", "from_binary64"]),
    some(logarithmic(LogArithmetic(LogFormat(5, 10))), ["fma", "sqrt"]),
    some(fixed_point(FixedArithmetic(FixedFormat(4, 4))), ["fma", "div", "scaleb"]),
    *map(of_unit, workloads.UNITS[1::4]),
    *map(of_block_format, workloads.BLOCKS[4::5]),
]


@pytest.fixture(autouse=True)
def fake_device(monkeypatch):
    device = FakeDevice((8, 0))
    monkeypatch.setattr("numba.cuda.dispatcher.get_current_device", lambda: device)


@pytest.mark.parametrize("part", PARTS, ids=str)
def test_no_kernel_has_an_instruction_that_its_arithmetic_forbids(part):
    """Read all kernels for the newest compute capability, and assemble them.

    Emulated arithmetic has no instructions on hardware floats; other arithmetic has only those
    that round once, to nearest. The tests of instructions and products below read the code for the
    other compute capability, too.
    """
    count, found = read(part.kernels(), CAPABILITIES[-1:], assembling=CAPABILITIES[-1:])
    assert found == {}
    assert count


def listed(*several):
    """Return the kernels that are read: their loops, and the types of their arrays."""
    kernels = [kernel for part in several for kernel in part.kernels()]
    return {(kernel.loop, kinds(kernel.arrays)) for kernel in kernels}


def kinds(several):
    return tuple((array.dtype, array.ndim) for array in several)


def test_every_loop_is_read():
    found = pkgutil.iter_modules(loops.__path__, f"{loops.__name__}.")
    # Only the CPU looks results up, multiplies views, sums whole rows and draws in kernels.
    of_cpu = (".lookup", ".matmul_of_views", ".row_sums", ".drawn")
    names = [module.name for module in found if not module.name.endswith(of_cpu)]
    known = [value for name in names for value in vars(import_module(name)).values()]
    ours = listed(*parts(emulated(USUAL)), *parts(emulated(STOCHASTIC)), NUMBERLESS)
    assert {x for x in known if isinstance(x, Loop)} <= {loop for loop, _ in ours}
    makers = [x for x in known if getattr(x, "__annotations__", {}).get("return") == "Loop"]
    of_operations = {"unary", "binary", "ternary", "elementwise", "flagged"}
    of_testfloat = {"flagged_in_modes"}  # which runs on the CPU
    assert {make.__name__ for make in makers} - of_testfloat == of_operations | {
        *("broadcast_operand", "filled", "exact_product", "accumulate", "round_quires"),
    }


def test_every_routine_with_a_name_is_read():
    modules = [elementary_makers, hardware_makers, ieee_makers]
    facts = [fact for module in modules for fact in vars(module).items()]
    tables = [value for key, value in facts if isinstance(value, dict) and key[:2] != "__"]
    names = {
        name.removeprefix("fast ").removeprefix("accurate ")
        for table in tables
        for name, make in table.items()
        if isinstance(name, str) and callable(make)
    }
    of_products = {"unpack", "pack", "accumulate", "accumulate by encodings"}
    assert names | {*CASTS, *SATURATING} == {*EMULATED, *FUNCTIONS} | of_products
    for numbers in (emulated(USUAL), hardware(BINARY32), hardware(BINARY64)):
        read_here = {loop.name for loop, _ in listed(*parts(numbers))}
        assert read_here >= {*numbers.operations, *FUNCTIONS}
        assert all(numbers.table.get(name) for name in (*numbers.operations, *FUNCTIONS))
    assert {f"flagged {name}" for name in (*ieee_makers.FLAGGED_MAKERS, *FUNCTIONS)} <= {
        loop.name for loop, _ in listed(*parts(emulated(USUAL)))
    }


@pytest.mark.parametrize(
    ("dtype", "numbers"),
    [
        ("float32", [hardware(BINARY32)]),
        ("ieee32exec", [emulated(USUAL)]),
        ("ieee32exec@round=stochastic", [emulated(STOCHASTIC), emulated(USUAL)]),
    ],
)
def test_kernels_that_a_scalar_launches_are_read_with_arrays_like_its_own(dtype, numbers):
    operations = []
    scalar = get_scalar(dtype, "python").with_recorder(operations)
    some = ["reductions", "movement", "elementwise", "conversions", "functions"]
    for name in [*some, "counted"] if dtype == "ieee32exec" else some:
        list(getattr(workloads, name)(scalar))
    launched = [each for each in operations if isinstance(each, KernelCall)]
    ours = listed(*(part for some in numbers for part in parts(some)), NUMBERLESS)
    assert len({each.loop for each in launched}) > 40
    assert {(each.loop, kinds(each.arrays)) for each in launched} <= ours


def test_variants_of_a_format_cover_every_choice():
    several = list(variants(BINARY32))
    assert len(set(several)) == len(several)
    for kind in (Rounding, NanRule, Subnormal, Tininess, Overflow):
        # nan=max is for formats without NaN.
        found = {choice for each in several for choice in vars(each).values()}
        assert found >= set(kind) - {NanRule.MAX}


@pytest.mark.parametrize("name", ["add", "sub", "mul", "div", "sqrt", "fma"])
@pytest.mark.parametrize(("format", "number"), [(BINARY32, "f32"), (BINARY64, "f64")])
def test_each_hardware_operation_is_one_instruction(format, number, name):
    (kernel,) = elementwise_kernels(hardware(format), (name,))
    for text in ptx_of(kernel):
        names = [n for n in instructions(text) if FLOATING.search(n)]
        computing = [n for n in names if not n.startswith(("ld.", "st.", "mov.", "selp.", "setp."))]
        expected = "add" if (name, number) == ("sub", "f64") else name
        assert [n for n in computing if not n.startswith("neg.")] == [f"{expected}.rn.{number}"]


@pytest.mark.parametrize("numbers", [hardware(BINARY32), hardware(BINARY64), emulated(USUAL)])
def test_a_product_keeps_its_sums_in_registers_and_its_operands_in_shared_memory(numbers):
    for loop in (MATMUL, MATMUL_FMA):
        given = arrays(*[(numbers.dtype, 3)] * 3)
        for text in ptx_of(Kernel(loop, numbers.table, given, floats_of(loop, numbers.table))):
            names = instructions(text)
            for part in ("ld.shared.", "st.shared.", "bar.sync"):
                assert any(name.startswith(part) for name in names)
            assert not any(".local" in name for name in names)


def test_the_reading_finds_forbidden_instructions():
    from numba import cuda, types

    def contracted(z, a, b, c):
        z[0] = a * b + c

    def approximate(z, a, b, c):
        z[0] = a / b + math.sqrt(c)

    numbers = types.void(types.float32[::1], types.float32, types.float32, types.float32)
    text, _ = cuda.compile_ptx(contracted, numbers, cc=(8, 0))
    assert violations(text, Floats.SEPARATE) == ["fma.rn.f32"]
    assert violations(text, Floats.FUSED) == []
    assert violations(text, Floats.MOVED) == ["fma.rn.f32"]
    assert "fma.rn.f32" in violations(text, Floats.NOTHING)
    text, _ = cuda.compile_ptx(approximate, numbers, cc=(8, 0), fastmath=True)
    wrong = violations(text, Floats.SEPARATE)
    assert any(".ftz" in name for name in wrong)
    assert any(".approx" in name for name in wrong)
    flushing = """
    \tst.global.f32 [%rd1], %f1;
    \tsetp.lt.ftz.f32 %p1, %f1, %f2;
    \tadd.rn.f32x2 %rd2, %rd2, %rd2;
    """
    assert violations(flushing, Floats.SEPARATE) == ["add.rn.f32x2", "setp.lt.ftz.f32"]
    (kernel,) = elementwise_kernels(hardware(BINARY32), ("add",))
    for forbidding in (Floats.NOTHING, Floats.MOVED, Floats.FUSED):
        _, found = read([kernel._replace(floats=forbidding)])
        assert len(found) == 2
        assert all("add.rn.f32" in wrong for wrong in found.values())


def test_instructions_are_read_wherever_they_stand_on_a_line():
    text = """
    \tld.param.u64 \t%rd1, [f_param_0]; // add.f32
    \t{ .reg .b32 tmp; mov.b64 {tmp, %r2}, %rd2; cvt.rn.f32.s32 %f1, %r2; }
    \t@!%p1 fma.rn.f32 \t%f3, %f1, %f2, %f1;
    $L__BB0_2: add.ftz.f32 %f4, %f3, %f3;
    """
    expected = ["ld.param.u64", "mov.b64", "cvt.rn.f32.s32", "fma.rn.f32", "add.ftz.f32"]
    assert instructions(text) == expected
