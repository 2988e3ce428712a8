"""Block formats against exact rationals, ml_dtypes and each other's devices."""

from itertools import product

import numpy as np
import pytest

from numlean.errors import NumleanError, ShapeError
from numlean.precision.blocks import block_formats, get_block_format
from numlean.scalar.kernel_scalar.blocks import greatest_magnitude
from numlean.scalar.registry import get_scalar
from numlean.testing import blocks as reference
from numlean_kernels.blocks.power_of_two import quantize_powers
from numlean_kernels.blocks.rules import PowerRule
from numlean_kernels.blocks.two_level import quantize_two_levels, tensor_scale
from numlean_kernels.protocol import kernel_for
from numlean_kernels.tables.blocks import power_table, two_level_table

MX = tuple(name for name in block_formats() if name != "nvfp4")
RULES = ("floor", "ceil", "even", "rceil")
PRESETS = ("ocp", "torchao", "transformer_engine", "microxcaling")
ROUNDINGS = ("ties_to_even", "ties_to_away", "toward_zero", "toward_positive", "to_odd")
SPECIAL = np.array(
    [0, 0x80000000, 1, 0x007FFFFF, 0x00800000, 0x7F7FFFFF, 0x7F800000, 0xFF800000, 0x7FC00000],
    np.uint32,
)
QUANTIZERS = ("exact", "microxcaling", "torchao", "transformer_engine", "universal", "triton")


def numbers(seed: int, rows: int, size: int) -> np.ndarray:
    """Return binary32 encodings: usual blocks, blocks at both ends of the range, and specials."""
    rng = np.random.default_rng(seed)
    powers = rng.choice([-149, -127, -120, -100, -3, 0, 5, 100, 126], (rows, 1))
    with np.errstate(over="ignore"):
        x = (rng.standard_normal((rows, size)) * np.exp2(powers * 1.0)).astype(np.float32)
    # Many fractions end after a few bits, where ties are.
    encodings = x.view(np.uint32) & rng.choice([0xFFFFFFFF, 0xFFF00000, 0xFFFC0000], (rows, size))
    is_special = rng.random((rows, size)) < rng.choice([0, 0, 0, 0.2], (rows, 1))
    return np.where(is_special, rng.choice(SPECIAL, (rows, size)), encodings).astype(np.uint32)


@pytest.mark.parametrize(("name", "preset"), [*product(MX, PRESETS)])
def test_scales_and_elements_are_those_of_exact_rationals(name: str, preset: str) -> None:
    x = numbers(MX.index(name), 24, 8)
    for rule, rounding in product(RULES, ROUNDINGS):
        f = get_block_format(
            name, scale_rule=rule, preset=preset, rounding=rounding, size=8, device="python"
        )
        q = f.quantize(x.view(np.float32))
        elements = reference.ELEMENTS[f.element]
        for row, codes, scale in zip(x, q.elements, q.scales, strict=True):
            expected = reference.power_block(rule, preset, rounding, elements, row.tolist())
            assert (int(scale[0]), codes.tolist()) == expected


@pytest.mark.parametrize("preset", QUANTIZERS)
def test_nvfp4_is_that_of_the_reference(preset: str) -> None:
    f = get_block_format("nvfp4", preset=preset, device="python")
    for seed in range(12):
        x = numbers(seed, 3, 32)
        if seed % 3:
            x = (np.random.default_rng(seed).standard_normal((3, 32)) * 10**seed).astype("f4")
            x = x.view(np.uint32)
        q = f.quantize(x.view(np.float32))
        whole = reference.nvfp4(preset, x.reshape(-1, 16).tolist())
        is_nan = np.isnan(whole.tensor_scale)
        assert q.tensor_scale == (0x7FC00000 if is_nan else whole.tensor_scale.view(np.uint32))
        assert q.scales.reshape(-1).tolist() == whole.scales
        assert q.elements.reshape(-1, 16).tolist() == whole.elements


@pytest.mark.parametrize("name", ["mxfp8_e4m3", "mxint8", "nvfp4"])
@pytest.mark.parametrize("axis", [0, 1, -1, (1, 2), (2, 0)])
def test_compiled_kernels_have_the_bits_of_the_interpreter(
    name: str, axis: int | tuple[int, int]
) -> None:
    x = numbers(7, 21, 6).reshape(3, 6, 7).view(np.float32)
    made = [get_block_format(name, size=4, device=d).quantize(x, axis) for d in ("cpu", "python")]
    for field in ("elements", "scales", "tensor_scale"):
        np.testing.assert_array_equal(*(getattr(each, field) for each in made))
    assert made[0].dequantize().shape == x.shape


def codes_by(device: str, name: str, x: np.ndarray, *, fast: bool) -> list[np.ndarray]:
    """Return the codes of elements and scales by the loop with or without vector instructions."""
    scalar = get_scalar("ieee32exec", device)
    target, rule = scalar.target, get_block_format(name).rule
    is_power = isinstance(rule, PowerRule)
    table = (power_table if is_power else two_level_table)(rule, target)
    given = [x, np.empty((1, 1), np.uint64)]
    if not is_power:
        gamax, whole = np.empty(1, np.uint32), np.empty(1, np.float32)
        magnitudes = np.array([greatest_magnitude(x, rule)], np.uint32)
        kernel_for(target, tensor_scale(rule), table)((1,), magnitudes, gamax, whole)
        given[1:1] = [gamax, whole]
    loop = (quantize_powers if is_power else quantize_two_levels)(rule, fast=fast)
    elements = np.empty(x.shape, np.uint8)
    scales = np.empty((len(x), -(-x.shape[1] // rule.size)), np.uint8)
    kernel_for(target, loop, table)((scales.size,), *given, elements, scales)
    return [elements, scales]


FAST = (
    *("mxfp8_e4m3", "mxfp8_e5m2", "mxint8,preset=microxcaling", "mxfp4,preset=transformer_engine"),
    *("mxfp6_e2m3,rounding=ties_to_away", "mxfp8_e5m2,rounding=ties_to_away,scale_rule=even"),
    *(f"nvfp4,preset={preset}" for preset in QUANTIZERS),
    "nvfp4,rounding=ties_to_away,preset=universal",
    "nvfp4,scale_rounding=ties_to_away",
    "block:e4m3/e5m2,size=8,preset=torchao",
)


@pytest.mark.parametrize("name", FAST)
def test_numbers_of_vector_instructions_have_the_bits_of_the_plain_loop(name: str) -> None:
    x = np.random.default_rng(4).standard_normal((8, 40)).astype(np.float32).view(np.uint32)
    tiny = numbers(11, 2, 32) & np.uint32(0x80000003)  # the scale of the tensor is 0
    for given in (numbers(11, 12, 32), x, x & np.uint32(0xFFF80000), tiny):
        fast, plain = (codes_by("python", name, given, fast=fast) for fast in (True, False))
        for found, expected in zip(fast, plain, strict=True):
            np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("name", ["mxfp8_e4m3", "nvfp4", "nvfp4,preset=transformer_engine"])
def test_compiled_vector_instructions_have_the_bits_of_the_plain_loop(name: str) -> None:
    x = numbers(11, 150, 40)
    fast, plain = codes_by("cpu", name, x, fast=True), codes_by("python", name, x, fast=False)
    for found, expected in zip(fast, plain, strict=True):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("name", [name for name in MX if name != "mxint8"])
def test_elements_are_the_casts_of_ml_dtypes(name: str) -> None:
    ml_dtypes = pytest.importorskip("ml_dtypes")
    f = get_block_format(name, scale_rule="rceil", device="python")
    own = {
        "e5m2": "float8_e5m2",
        "e4m3": "float8_e4m3fn",
        "e3m2": "float6_e3m2fn",
        "e2m3": "float6_e2m3fn",
        "e2m1": "float4_e2m1fn",
    }
    x = np.random.default_rng(3).standard_normal((60, 32)).astype(np.float32)
    q = f.quantize(x)
    scaled = x * np.exp2(127.0 - q.scales).astype(np.float32)
    cast = scaled.astype(getattr(ml_dtypes, own[f.element])).view(np.uint8)
    np.testing.assert_array_equal(q.elements, cast)


def test_values_are_exact() -> None:
    x = np.array([[1.0, -2.5, 448.0, 0.0], [3e38, -1e-40, 0.0, -0.0]], np.float32)
    q = get_block_format("mxfp8_e4m3", size=4).quantize(x)
    assert q.dequantize()[0].tolist() == [1.0, -2.5, 448.0, 0.0]
    q = get_block_format("nvfp4", size=4).quantize(x[:1])
    whole = float(q.tensor_scale.view(np.float32))
    assert q.dequantize()[0, 2] == 6 * 448 * whole
    q = get_block_format("mxint8", size=4).quantize([1.0, np.nan, 0.5, 2.0])
    assert np.isnan(q.dequantize()).all()


def test_stochastic_elements_follow_from_the_seed_alone() -> None:
    x = np.full((50, 64), 1.1, np.float32)
    first, second, python = (
        get_block_format("mxfp4", rounding="stochastic", seed=seed, device=device).quantize(x)
        for seed, device in ((5, "cpu"), (6, "cpu"), (5, "python"))
    )
    np.testing.assert_array_equal(first.elements, python.elements)
    assert (first.elements != second.elements).any()
    assert abs(first.dequantize().mean() - 1.1) < 0.02


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("mxfp9", "unknown block format 'mxfp9'"),
        ("mxfp4,preset=exact", "the preset exact has no rules for mxfp4"),
        ("nvfp4,scale_rule=floor", "scale_rule is for scales that are powers of two"),
        ("block:e4m3/e8m0", "needs a size"),
        ("block:float32/e8m0,size=4", "floats of at most 8 bits"),
        ("block:e4m3@round=toward_zero/e8m0,size=4", "are named without options"),
        ("nvfp4,preset=ocp", "no rules for nvfp4; it takes torchao, transformer_engine, microx"),
        ("mxfp4,size=0", "size is from 1 to 65536"),
        ("mxfp4,prset=ocp", "did you mean 'preset'"),
        ("mxfp4,scale_rounding=toward_zero", "leave scale_rounding out"),
        ("block:e2m1@round=stochastic/e8m0,size=4", "named without options"),
    ],
)
def test_a_wrong_name_is_refused_in_one_line(name: str, message: str) -> None:
    with pytest.raises(NumleanError, match=message):
        get_block_format(name)


def test_what_is_no_array_of_numbers_and_no_encoding_is_refused() -> None:
    f = get_block_format("mxfp4", device="python")
    with pytest.raises(NumleanError, match="quantize takes an array of numbers"):
        f.quantize([[1.0, 2.0], [3.0]])
    q = f.quantize(np.ones(3))
    for encoding in (-1, 1 << 32):
        with pytest.raises(NumleanError, match=f"from 0 to 2\\*\\*32 - 1, got {encoding}"):
            f.dequantize(q.elements, q.scales, encoding)


def test_a_block_needs_an_axis() -> None:
    f = get_block_format("mxfp4", device="python")
    with pytest.raises(ShapeError, match="axis 2 is not one"):
        f.quantize(np.zeros((2, 3)), axis=2)
    with pytest.raises(NumleanError, match="names one axis twice"):
        f.quantize(np.zeros((2, 3)), axis=(0, 0))
    with pytest.raises(ShapeError, match="at least one axis"):
        f.quantize(1.0)

    class OnGpu:
        def __array__(self, *arguments: object, **options: object) -> np.ndarray:
            raise TypeError("it is on a GPU")

    with pytest.raises(NumleanError, match="copy this one to the host first: it is on a GPU"):
        f.quantize(OnGpu())
    with pytest.raises(NumleanError, match="different shapes"):
        f.quantize([[1.0, 2.0], [3.0]])
    with pytest.raises(NumleanError, match="from 0 to 2\\*\\*32 - 1, got -1"):
        f.dequantize(np.zeros(4, np.uint8), np.zeros(1, np.uint8), -1)
