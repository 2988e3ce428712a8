"""The machine that executes PTX: its instructions against numpy and MPFR, and its errors."""

import math
import operator

import numpy as np
import pytest

from ptx.instructions import FLOATS, divide, expression
from ptx.machine import Kernel
from ptx.memory import AccessError

RNG = np.random.default_rng(23)
INTEGERS = {"add": np.add, "sub": np.subtract, "mul.lo": np.multiply}
INTEGERS |= {"min": np.minimum, "max": np.maximum}
BITS = {"and": np.bitwise_and, "or": np.bitwise_or, "xor": np.bitwise_xor}
COMPARISONS = {"eq": np.equal, "ne": np.not_equal, "lt": np.less, "le": np.less_equal}
COMPARISONS |= {"gt": np.greater, "ge": np.greater_equal}
WIDTHS = (16, 32, 64)


def drawn(width, count=300):
    """Return two arrays of integers of all lengths, with the extremes."""
    lengths = RNG.integers(0, width + 1, (2, count))
    words = RNG.integers(0, 1 << 64, (2, count), np.uint64, endpoint=False)
    extremes = np.array([0, 1, (1 << width) - 1, 1 << width - 1], np.uint64)
    words[:, :16] = [np.repeat(extremes, 4), np.tile(extremes, 4)]
    masks = np.array([[(1 << int(n)) - 1 for n in row] for row in lengths], np.uint64)
    masks[:, :16] = (1 << width) - 1
    return (words & masks).astype(f"u{width // 8}")


def computed(opcode, *operands):
    """Return the machine's results for encodings."""
    found = FLOATS | {"divide": divide}
    rows = zip(*(np.asarray(x).tolist() for x in operands), strict=True)
    return [eval(expression(opcode, [str(x) for x in row]), found) for row in rows]


def encodings(x):
    return x.view(f"u{x.itemsize}").tolist()


def number(word, kind, width):
    """Return an encoding's number, without numpy."""
    return word - (1 << width) if kind == "s" and word >> (width - 1) else word


@pytest.mark.parametrize("kind", "su")
@pytest.mark.parametrize("width", WIDTHS)
def test_integer_arithmetic_is_that_of_numpy(kind, width):
    words = drawn(width)
    x, y = words.view(f"{kind.replace('s', 'i')}{width // 8}")
    for name, function in INTEGERS.items():
        assert computed(f"{name}.{kind}{width}", *words) == encodings(function(x, y)), name
    for name, function in COMPARISONS.items():
        assert computed(f"setp.{name}.{kind}{width}", *words) == function(x, y).tolist(), name
    shifts = RNG.integers(0, width, x.size)
    shifted = encodings(x >> shifts.astype(x.dtype))
    assert computed(f"shr.{kind}{width}", words[0], shifts) == shifted
    far = np.full(x.size, width + 70)
    filled = encodings(x >> x.dtype.type(width - 1)) if kind == "s" else [0] * x.size
    assert computed(f"shr.{kind}{width}", words[0], far) == filled
    if kind == "s":
        with np.errstate(over="ignore"):
            assert computed(f"neg.s{width}", words[0]) == encodings(-x)
            assert computed(f"abs.s{width}", words[0]) == encodings(np.abs(x))


@pytest.mark.parametrize("kind", "su")
@pytest.mark.parametrize("width", WIDTHS)
def test_products_and_quotients_are_those_of_unbounded_integers(kind, width):
    words = drawn(width)
    rows = [[number(w, kind, width) for w in row] for row in words.T.tolist()]
    opcode, mask = f"{kind}{width}", (1 << width) - 1
    assert computed(f"mul.hi.{opcode}", *words) == [a * b >> width & mask for a, b in rows]
    if width < 64:
        whole = [a * b & (1 << 2 * width) - 1 for a, b in rows]
        assert computed(f"mul.wide.{opcode}", *words) == whole
    sums = [a * b + 7 & mask for a, b in rows]
    assert computed(f"mad.lo.{opcode}", *words, np.full(len(rows), 7)) == sums
    words = words[:, words[1] != 0]
    rows = [[number(w, kind, width) for w in row] for row in words.T.tolist()]
    signs = [1 if (a < 0) == (b < 0) else -1 for a, b in rows]
    quotients = [abs(a) // abs(b) * s & mask for (a, b), s in zip(rows, signs, strict=True)]
    assert computed(f"div.{opcode}", *words) == quotients
    if kind == "u":
        assert computed(f"rem.{opcode}", *words) == [a % b for a, b in rows]


@pytest.mark.parametrize("width", WIDTHS)
def test_bits_are_moved_as_in_strings_of_them(width):
    words = drawn(width)
    strings = [f"{word:0{width}b}" for word in words[0].tolist()]
    for name, function in BITS.items():
        assert computed(f"{name}.b{width}", *words) == encodings(function(*words)), name
    assert computed(f"not.b{width}", words[0]) == encodings(~words[0])
    for by in (0, 1, width - 1, width, width + 70, 1 << 31):
        shifted = [int((s + "0" * min(by, width))[-width:], 2) for s in strings]
        assert computed(f"shl.b{width}", words[0], np.full(len(strings), by)) == shifted
    if width > 16:
        zeros = [len(s) - len(s.lstrip("0")) for s in strings]
        assert computed(f"clz.b{width}", words[0]) == zeros
        last = [f"{word:0{width}b}"[-6:] for word in words[1].tolist()]
        joined = [int(s[6 - width :] + t, 2) for s, t in zip(strings, last, strict=True)]
        place = [np.full(len(strings), n) for n in (6, width - 6)]
        assert computed(f"bfi.b{width}", *words, *place) == joined


def test_conversions_take_the_low_bits_and_the_sign_of_the_operand():
    assert computed("cvt.s64.s32", [0x80000000, 0x1_7FFFFFFF]) == [0xFFFFFFFF80000000, 0x7FFFFFFF]
    assert computed("cvt.u64.u32", [0x80000000]) == [0x80000000]
    assert computed("cvt.s16.s8", [0x0180]) == [0xFF80]
    assert computed("cvt.u32.u64", [0x1_00000002]) == [2]
    assert computed("cvt.u16.u32", [0x10003]) == [3]


@pytest.mark.parametrize(("width", "digits", "emax"), [(32, 24, 128), (64, 53, 1024)])
def test_floats_are_rounded_as_numpy_and_mpfr_round_them(width, digits, emax):
    gmpy2 = pytest.importorskip("gmpy2")
    x, y, z = (np.hstack(drawn(width)).view(f"f{width // 8}") for _ in range(3))
    with np.errstate(all="ignore"):
        z[::2] = -(x * y)[::2]  # the rounding error of a product
        z[::6] = np.nextafter(z[::6], 0)
        words = [a.view(f"u{width // 8}") for a in (x, y, z)]
        expected = {"add": x + y, "sub": x - y, "mul": x * y, "div": x / y, "sqrt": np.sqrt(x)}
    context = gmpy2.context(precision=digits, emax=emax, emin=4 - emax - digits, subnormalize=True)
    rows = zip(x.tolist(), y.tolist(), z.tolist(), strict=True)
    expected["fma"] = np.array([float(context.fma(*map(gmpy2.mpfr, row))) for row in rows], x.dtype)
    arities = {"sqrt": 1, "fma": 3}
    for name, results in expected.items():
        found = computed(f"{name}.rn.f{width}", *words[: arities.get(name, 2)])
        found = np.array(found, words[0].dtype).view(x.dtype)
        is_nan = np.isnan(results)
        assert np.isnan(found).tolist() == is_nan.tolist(), name
        assert encodings(found[~is_nan]) == encodings(results[~is_nan]), name
    ordered = [not (math.isnan(a) or math.isnan(b)) for a, b in zip(x, y, strict=True)]
    assert computed(f"setp.num.f{width}", *words[:2]) == ordered


def test_unknown_instructions_are_refused_by_name():
    with pytest.raises(NotImplementedError, match=r"add\.rz\.f32"):
        expression("add.rz.f32", ["1", "2"])


# Kernels


def executed(body, *arrays, blocks=1, threads=1):
    """Run statements in which %rd0, %rd1, ... are the addresses of arrays."""
    parameters = ",\n".join(f"\t.param .u64 kernel_param_{k}" for k in range(len(arrays)))
    loads = [f"ld.param.u64 %rd{k}, [kernel_param_{k}]" for k in range(len(arrays))]
    lines = [line.strip() for line in body.split("\n") if line.strip()]
    lines = [line if line.endswith((":", ";")) else f"{line};" for line in [*loads, *lines, "ret"]]
    statements = "\n".join(lines)
    text = f"""
.visible .shared .align 4 .b8 part[8];
.const .align 4 .b8 table[8] = {{1, 2, 3, 4, 5, 6}};
.visible .entry kernel(
{parameters}
)
{{
    .reg .pred %p<9>;
    .reg .b16 %rs<9>;
    .reg .b32 %r<9>;
    .reg .b64 %rd<9>;
    {statements}
}}
"""
    words = [array.ctypes.data for array in arrays]
    Kernel(text).run((blocks, 1, 1), (threads, 1, 1), words, arrays)


PLACE = """
    mov.u32 %r0, %tid.x
    mul.wide.u32 %rd7, %r0, 4
    add.s64 %rd8, %rd0, %rd7
"""
RACE = f"""{PLACE}
    ld.global.u32 %r1, [%rd0]
    add.s32 %r1, %r1, 5
    st.global.u32 [%rd8], %r1
"""
EXCHANGE = """
    mov.u32 %r0, %tid.x
    shl.b32 %r1, %r0, 2
    xor.b32 %r2, %r1, 4
    cvt.u64.u32 %rd1, %r1
    cvt.u64.u32 %rd2, %r2
    mov.u64 %rd3, part
    add.s64 %rd4, %rd3, %rd1
    add.s64 %rd5, %rd3, %rd2
    add.s64 %rd6, %rd0, %rd1
    st.shared.u32 [%rd4], %r0
    {between}
    ld.shared.u32 %r3, [%rd5]
    st.global.u32 [%rd6], %r3
"""


def test_threads_of_all_blocks_compute_and_meet():
    z = np.zeros(6, np.uint32)
    body = """
    mov.u32 %r0, %ctaid.x
    mov.u32 %r1, %ntid.x
    mov.u32 %r2, %tid.x
    mad.lo.s32 %r3, %r0, %r1, %r2
    mul.wide.u32 %rd1, %r3, 4
    add.s64 %rd2, %rd0, %rd1
    setp.gt.u32 %p0, %r3, 3
    mov.u64 %rd3, 0
    @%p0 bra $LATER
    mov.u64 %rd4, table
    add.s64 %rd5, %rd4, %rd3
    ld.const.u32 %r3, [%rd5+4]
    $LATER:
    st.global.u32 [%rd2], %r3
    """
    executed(body, z, blocks=2, threads=3)
    assert z.tolist() == [0x0605] * 4 + [4, 5]
    z = np.zeros(2, np.uint32)
    executed(EXCHANGE.format(between="bar.sync 0"), z, threads=2)
    assert z.tolist() == [1, 0]


def test_narrow_loads_are_extended_and_vectors_are_read_at_once():
    x, z = np.array([-3], np.int8), np.zeros(1, np.uint16)
    executed("ld.global.s8 %rs0, [%rd0]\nst.global.u16 [%rd1], %rs0", x, z)
    assert z.tolist() == [0xFFFD]
    x, z = np.array([5, 6], np.uint64), np.zeros(2, np.uint64)
    executed("ld.global.v2.u64 {%rd2, %rd3}, [%rd0]\nst.global.v2.u64 [%rd1], {%rd3, %rd2}", x, z)
    assert z.tolist() == [6, 5]


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ("ld.global.u32 %r0, [%rd0+16]", "4 bytes are read"),
        ("ld.global.u32 %r0, [%rd0+2]", "4 bytes are read"),
        ("ld.global.u64 %rd1, [%rd0]", "8 bytes are read"),
        ("mov.u32 %r0, 1\nst.global.u32 [%rd0+-4], %r0", "4 bytes are written"),
        ("mov.u64 %rd1, part\nld.shared.u32 %r0, [%rd1]", "never written"),
        ("mov.u64 %rd1, part\nmov.u32 %r0, 1\nst.shared.u32 [%rd1+8], %r0", "are written"),
        ("mov.u64 %rd1, table\nld.const.u64 %rd2, [%rd1+4]", "8 bytes are read"),
        ("mov.u64 %rd1, table\nld.const.v2.u32 {%r0, %r1}, [%rd1]", "not a multiple"),
        ("st.global.u32 [%rd0], %r0", "nothing was written to"),
        ("mov.u32 %r0, %tid.x\nst.global.u32 [%rd0], %r0", "write one element"),
        (EXCHANGE.format(between=""), "never written"),
        (f"{PLACE}setp.eq.s32 %p0, %r0, 0\n@%p0 bra $END\nbar.sync 0\n$END:", "barriers"),
        (
            f"{PLACE}ld.global.u32 %r1, [%rd0]\nadd.s32 %r1, %r1, 5\nst.global.u32 [%rd8], %r1",
            "race",
        ),
    ],
)
def test_forbidden_actions_of_a_kernel_are_errors(body, complaint):
    x = np.arange(4, dtype=np.uint32)
    with pytest.raises(AccessError, match=complaint):
        executed(body, x, threads=2)


def test_only_memory_that_arrays_cover_is_reached():
    x = np.arange(12, dtype=np.uint32).reshape(3, 4)
    executed("ld.global.u32 %r0, [%rd0+8]\nst.global.u32 [%rd0+16], %r0", x[:, ::2])
    assert x[1].tolist() == [2, 5, 6, 7]
    with pytest.raises(AccessError):
        executed("ld.global.u32 %r0, [%rd0+4]", x[:, ::2])


def test_comparisons_extrema_and_conversions_of_floats_are_those_of_numpy():
    x = np.array([0.0, -0.0, 1.5, -2.0, np.inf, -np.inf, np.nan, 1e-40, 3.3], np.float32)
    pairs = [each.reshape(-1).astype(x.dtype) for each in np.meshgrid(x, x)]
    unordered = np.isnan(pairs[0]) | np.isnan(pairs[1])
    for kind, dtype in (("f32", np.float32), ("f64", np.float64)):
        a, b = (each.astype(dtype) for each in pairs)
        words = [each.view(f"u{each.itemsize}") for each in (a, b)]
        for name in ("eq", "ne", "lt", "le", "gt", "ge"):
            found = getattr(operator, name)(a, b)
            assert computed(f"setp.{name}.{kind}", *words) == (found & ~unordered).tolist()
            assert computed(f"setp.{name}u.{kind}", *words) == (found | unordered).tolist()
        usual = ~unordered & (a != b)
        for name, function in (("min", np.fmin), ("max", np.fmax)):
            found = np.array(computed(f"{name}.{kind}", *words))
            assert found[usual].tolist() == function(a, b).view(words[0].dtype)[usual].tolist()
    usual = x[~np.isnan(x)]
    wide = usual.astype(np.float64)
    assert computed("cvt.f64.f32", usual.view(np.uint32)) == wide.view(np.uint64).tolist()
    assert computed("cvt.rn.f32.f64", wide.view(np.uint64)) == usual.view(np.uint32).tolist()
    assert computed("cvt.rn.f32.s32", [0xFFFFFFFF, 7]) == [0xBF800000, 0x40E00000]
