"""Products of blocks by every rule of the sums, against a transcription in rationals."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
import pytest

import numlean as nl
from numlean import Options, Task, instantiate, nn, stepper
from numlean.autograd import value_and_gradient
from numlean.autograd.tensor import Tensor
from numlean.data import Batch
from numlean.errors import NumleanError, ShapeError
from numlean.optim import sgd
from numlean.precision import (
    Contraction,
    Exact,
    LayerPrecision,
    accumulation_named,
    contract,
    linear,
    parse_policy,
)
from numlean.precision import product as layer_product
from numlean.precision.blocks import QuantizedBlocks
from numlean.precision.scaling import ScaledOperand, scaling_named
from numlean.precision.scaling.hadamard import Hadamard, matrix
from numlean.testing import blocks as reference

F32 = np.float32
RNG = np.random.default_rng(23)


@dataclass(frozen=True)
class Float:
    """A binary format with subnormal numbers, whose sums here do not overflow."""

    precision: int
    emin: int

    def __call__(self, x: Fraction) -> Fraction:
        """Round to nearest, ties to even."""
        if not x:
            return x
        e = math.floor(math.log2(abs(x)))
        while Fraction(2) ** e > abs(x):
            e -= 1
        while Fraction(2) ** (e + 1) <= abs(x):
            e += 1
        unit = Fraction(2) ** (max(e, self.emin) - self.precision + 1)
        return round(x / unit) * unit


SINGLE, NARROW, DOUBLE = Float(24, -126), Float(8, -126), Float(53, -1022)
FORMATS = {
    "float32": SINGLE,
    "bfloat16": NARROW,
    "float64": DOUBLE,
    "ieee:e11m49": Float(50, -1022),
    "mp:20": Float(20, -100_000),
}

Terms = list[Fraction]
Sum = Callable[[Terms, Terms], Fraction]


def ordered(rn: Float) -> Sum:
    def add(a: Terms, b: Terms) -> Fraction:
        part = Fraction(0)
        for x, y in zip(a, b, strict=True):
            part = rn(part + rn(x * y))
        return part

    return add


def fused(rn: Float) -> Sum:
    def add(a: Terms, b: Terms) -> Fraction:
        part = Fraction(0)
        for x, y in zip(a, b, strict=True):
            part = rn(part + x * y)
        return part

    return add


def tree(rn: Float, terms: Terms) -> Fraction:
    while len(terms) > 1:
        pairs = zip(terms[::2], terms[1::2], strict=False)
        odd = terms[-1:] if len(terms) % 2 else []
        terms = [rn(x + y) for x, y in pairs] + odd
    return terms[0]


def pairwise(rn: Float) -> Sum:
    return lambda a, b: tree(rn, [rn(x * y) for x, y in zip(a, b, strict=True)])


def parse(text: str) -> tuple[Sum, Float, bool]:
    """Return the sum of a block, the format that adds blocks, and whether a tree adds them."""
    name, _, rest = text.rstrip(")").partition("(")
    formats = [part.strip() for part in rest.split(",")]
    makers = {"ordered": ordered, "fma": fused, "pairwise": pairwise, "blocked": ordered}
    return makers[name](FORMATS[formats[0]]), FORMATS[formats[-1]], name == "pairwise"


@dataclass(frozen=True)
class Row:
    """A vector in blocks: values of elements, and of the scale of each of them."""

    elements: Terms
    scales: Terms
    whole: Fraction

    @classmethod
    def of(cls, q: QuantizedBlocks) -> "Row":
        element = {"fixed:2.6": "int8"}.get(q.format.element, q.format.element)
        table = reference.ELEMENTS[element]

        def value(code: int) -> Fraction:
            if table.is_integer:
                return Fraction(code - 256 if code > 127 else code, 64)
            magnitude = table.values[code % table.sign]
            return -magnitude if code >= table.sign else magnitude

        def scale(code: int) -> Fraction:
            if q.format.scale == "e4m3":
                return reference.E4M3.values[code]
            return Fraction(2) ** (code - 127)

        size = q.format.size
        scales = [scale(int(code)) for code in q.scales for _ in range(size)]
        elements = [value(int(code)) for code in q.elements]
        whole = Fraction(float(np.uint32(q.tensor_scale).view(F32)))
        return cls(elements, scales[: len(elements)], whole)


def dot(a: Row, b: Row, terms: int, accumulate: str, whole: Fraction | None) -> Fraction:
    """Return the sum by a rule, before it is rounded to an output."""
    if accumulate == "exact":
        products = zip(a.elements, a.scales, b.elements, b.scales, strict=True)
        return sum((math.prod(each) for each in products), Fraction(0)) * a.whole * b.whole
    add, rn, by_tree = parse(accumulate)
    parts = []
    for k in range(0, len(a.elements), terms):
        part = add(a.elements[k : k + terms], b.elements[k : k + terms])
        parts.append(rn(part * a.scales[k] * b.scales[k]))
    total = Fraction(0)
    for part in parts:
        total = rn(total + part)
    total = tree(rn, parts) if by_tree else total
    return total if whole is None else rn(total * whole)


SUMS = (
    *("exact", "ordered(float32)", "ordered(bfloat16)", "ordered(float64)", "ordered(mp:20)"),
    *("fma(float32)", "fma(bfloat16)", "pairwise(float32)", "pairwise(bfloat16)"),
    *("ordered(ieee:e11m49)", "blocked(float32, 16, float32)", "blocked(bfloat16, 16, float32)"),
)
PAIRS = {
    ("mxfp8_e4m3", "mxfp8_e5m2"): 32,
    ("nvfp4,preset=transformer_engine", "nvfp4"): 16,
    ("mxint8", "mxfp4"): 32,
    ("nvfp4", "mxfp6_e2m3"): 16,
}


def wide(*shape: int) -> np.ndarray:
    """Return random numbers whose blocks have scales that differ much."""
    numbers = RNG.standard_normal(shape) * np.exp2(RNG.integers(-4, 4, shape))
    k = shape[-1]
    return (numbers * np.exp2(RNG.integers(-20, 20, -(-k // 16)).repeat(16)[:k])).astype(F32)


@pytest.mark.parametrize("accumulate", SUMS)
@pytest.mark.parametrize("names", PAIRS, ids=" ".join)
def test_a_dot_product_of_blocks_has_the_bits_of_its_definition(
    names: tuple[str, str], accumulate: str
) -> None:
    terms = 16 if accumulate.startswith("blocked") else PAIRS[names]
    formats = [nl.get_block_format(name, device="python") for name in names]
    output = SINGLE if "bfloat16" in accumulate else DOUBLE
    for count in (70, 5):
        p, q = (f.quantize(wide(count)) for f in formats)
        z = nl.block_dot(
            p, q, accumulate=accumulate, output="float32" if output is SINGLE else "float64"
        )
        a, b = Row.of(p), Row.of(q)
        scaled = [r for r, name in zip((a, b), names, strict=True) if name.startswith("nvfp4")]
        whole = SINGLE(math.prod(r.whole for r in scaled)) if scaled else None
        expected = output(dot(a, b, terms, accumulate, whole))
        assert Fraction(z.item()) == expected, (names, accumulate, count)


def test_ordered_sums_of_blocks_are_blocked_sums_of_the_size_of_a_block() -> None:
    f = nl.get_block_format("mxfp8_e4m3", device="python")
    a, b = f.quantize(wide(3, 70)), f.quantize(wide(2, 70).T, axis=0)
    one, other = (
        nl.block_matmul(a, b, accumulate=each)
        for each in ("ordered(float32)", "blocked(float32, 32, float32)")
    )
    assert one.data.tobytes() == other.data.tobytes()
    assert one.shape == (3, 2)


def test_square_blocks_and_batches_are_multiplied_as_their_values() -> None:
    f = nl.get_block_format("mxfp6_e2m3", size=4, device="python")
    x, y = RNG.standard_normal((2, 3, 10)).astype(F32), RNG.standard_normal((2, 10, 5)).astype(F32)
    a, b = f.quantize(x, axis=-1), f.quantize(y, axis=(-2, -1))
    z = nl.block_matmul(a, b, accumulate="exact", output="float64")
    left, right = a.dequantize(), b.dequantize()
    for place in np.ndindex(z.shape):
        i, n, m = place
        terms = zip(left[i, n].tolist(), right[i, :, m].tolist(), strict=True)
        assert Fraction(z.numpy()[place]) == DOUBLE(
            sum(Fraction(u) * Fraction(v) for u, v in terms)
        )
    same = nl.block_matmul(f.quantize(x[0], axis=(0, 1)), b.format.quantize(y[0], axis=(0, 1)))
    assert same.shape == (3, 5)


def test_nan_scales_make_nans_in_every_sum() -> None:
    f = nl.get_block_format("mxfp4", device="python")
    a, b = f.quantize(np.array([np.nan, *[1.0] * 39], F32)), f.quantize(np.zeros(40, F32))
    for accumulate in ("exact", "ordered(float32)", "pairwise(bfloat16)", "ordered(ieee:e11m49)"):
        assert math.isnan(nl.block_dot(a, b, accumulate=accumulate).item())


@pytest.mark.parametrize(
    ("accumulate", "message"),
    [
        ("quire", "adds posits, and e4m3 has none; use exact"),
        ("ordered(e5m2)", "it lacks numbers of e4m3"),
        ("ordered(posit16)", "it lacks numbers of e4m3"),
        ("kahan(float32)", "accumulation"),
        ("blocked(float32, 24, float32)", "does not add up such blocks"),
        ("unit(A100)", "A100"),
    ],
)
def test_a_sum_that_blocks_do_not_have_is_refused_in_one_line(
    accumulate: str, message: str
) -> None:
    q = nl.get_block_format("mxfp8_e4m3", device="python").quantize(np.ones(32))
    with pytest.raises(NumleanError, match=message) as caught:
        nl.block_dot(q, q, accumulate=accumulate)
    assert "\n" not in str(caught.value)


def test_operands_whose_blocks_lie_elsewhere_are_refused() -> None:
    f = nl.get_block_format("mxfp8_e4m3", device="python")
    a = f.quantize(np.ones((2, 3)))
    with pytest.raises(NumleanError, match=r"k is axis 0; quantize it with axis=-2 or axis=\(-2"):
        nl.block_matmul(a, f.quantize(np.ones((3, 2))))
    with pytest.raises(ShapeError, match=r"\(2, 3\) and \(4, 2\) do not match"):
        nl.block_matmul(a, f.quantize(np.ones((4, 2)), axis=0))
    with pytest.raises(ShapeError, match="two vectors of one length"):
        nl.block_dot(a, a)
    with pytest.raises(ShapeError, match=r"b has the shape \(3,\)"):
        nl.block_matmul(a, f.quantize(np.ones(3)))
    one = f.quantize(np.ones(3))
    with pytest.raises(ShapeError, match=r"have scales of shape \(1,\) along axis -1, not \(2,\)"):
        nl.block_dot(one, replace(one, scales=one.scales.repeat(2)))
    other = nl.get_block_format("mxfp8_e4m3", device="cpu")
    with pytest.raises(NumleanError, match="on the devices python and cpu"):
        nl.block_dot(f.quantize(np.ones(3)), replace(f.quantize(np.ones(3)), format=other))


OPERANDS = {
    "e4m3": ("mxfp8_e4m3,preset=transformer_engine", "block(1x32, mx(preset=transformer_engine))"),
    "e2m1": ("nvfp4", "block(1x16, nvfp4)"),
    "fixed:2.6": ("mxint8", "block(1x32, mx)"),
}


@pytest.mark.parametrize("accumulate", ["exact", "ordered(bfloat16)", "pairwise(float32)"])
@pytest.mark.parametrize("dtype", OPERANDS)
def test_a_contraction_has_the_bits_of_a_product_of_its_blocks(dtype: str, accumulate: str) -> None:
    name, scaling = OPERANDS[dtype]
    f = nl.get_block_format(name, device="python")
    single = nl.get_scalar("float32", "python")
    operand = ScaledOperand(nl.get_scalar(dtype, "python"), scaling_named(scaling), single)
    rule = accumulation_named(accumulate, lambda text: nl.get_scalar(text, "python"))
    contraction = Contraction(operand, operand, rule, nl.get_scalar("float64", "python"))
    x, y = wide(2, 40), wide(3, 40)
    z = contract(Tensor.of(single, x), Tensor.of(single, y.T), contraction)
    expected = nl.block_matmul(
        f.quantize(x), f.quantize(y.T, axis=0), accumulate=accumulate, output="float64"
    )
    assert z.data.tobytes() == expected.data.tobytes()


def test_an_exact_sum_of_blocks_and_a_bias_is_rounded_once() -> None:
    single = nl.get_scalar("float32", "python")
    operand = ScaledOperand(
        nl.get_scalar("e2m1", "python"), scaling_named("block(1x16, nvfp4)"), single
    )
    rule = Contraction(operand, operand, accumulation_named("exact", nl.get_scalar), single)
    x, y, c = wide(2, 20), wide(20, 2), wide(2)
    f = nl.get_block_format("nvfp4", device="python")
    left, right = f.quantize(x).dequantize(), f.quantize(y, axis=0).dequantize()
    z = rule.product(single, x, y, c)
    for i, j in np.ndindex(2, 2):
        terms = zip(left[i].tolist(), right[:, j].tolist(), strict=True)
        exact = sum(Fraction(u) * Fraction(v) for u, v in terms) + Fraction(float(c[j]))
        assert Fraction(float(z[i, j])) == SINGLE(exact)


MODEL = nn.Sequential(
    nn.Conv2d(1, 2, 2, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(2 * 3 * 4, 2)
)


@pytest.mark.parametrize(
    "policy",
    [
        {"accumulate": "exact", "scaling": "block(1x4, mx, transpose=copy)"},
        {"accumulate": "pairwise(float32)", "element": "fixed:2.6"},
        {"accumulate": "fma(bfloat16)", "weight_scaling": "block(32x32, mx)"},
    ],
    ids=str,
)
def test_steps_with_a_convolution_have_the_same_bits_on_both_engines(
    policy: dict[str, str],
) -> None:
    rng = np.random.default_rng(5)
    batches = [
        Batch(rng.standard_normal((2, 1, 2, 3)), rng.standard_normal((2, 2))) for _ in range(2)
    ]
    found = []
    for backend in ("eager", "compiled"):
        options = Options(backend=backend, device="python", seed=1)
        runner = instantiate(Task.regression(MODEL), nl.policies.get("mxfp8", **policy), options)
        training = stepper(runner, sgd(0.1))
        losses = [training.step(batch) for batch in batches]
        found.append([t.data.tobytes() for t in (*losses, *runner.params)])
    assert found[0] == found[1]


def product(a: np.ndarray, b: np.ndarray, c: np.ndarray | None = None) -> np.ndarray:
    """Return the exact product of quantised operands, plus c, rounded once to bfloat16."""
    left, right = FP4.quantize(a).dequantize(), FP4.quantize(b, axis=0).dequantize()
    z = np.zeros((len(a), b.shape[1]))
    for i, j in np.ndindex(z.shape):
        terms = zip(left[i].tolist(), right[:, j].tolist(), strict=True)
        exact = sum((Fraction(u) * Fraction(v) for u, v in terms), Fraction(0))
        z[i, j] = NARROW(exact + (0 if c is None else Fraction(float(c[j]))))
    return z


def copy(x: np.ndarray) -> np.ndarray:
    """Return the values of the codes of rows."""
    return FP4.quantize(x).dequantize()


FP4 = nl.get_block_format("mxfp4", preset="transformer_engine", device="python")
LOW, HIGH = (nl.get_scalar(name, "python") for name in ("bfloat16", "float32"))


def exact_rule(settings: str) -> LayerPrecision:
    scaling = scaling_named(f"block(1x32, mx(preset=transformer_engine){settings})")
    one = ScaledOperand(nl.get_scalar("e2m1", "python"), scaling, HIGH)
    return LayerPrecision(*[Contraction(one, one, Exact(), LOW)] * 3, HIGH)


@pytest.mark.parametrize("settings", ["", ", transpose=copy"])
def test_a_linear_layer_of_blocks_has_the_bits_of_its_transcription(settings: str) -> None:
    """Each operand is quantised along the contracted axis, from the numbers or from a copy."""
    rule = exact_rule(settings)
    x, w, b, g = (
        LOW.to_float(LOW.from_float(wide(*shape))) for shape in ((4, 40), (3, 40), (3,), (4, 3))
    )
    tensors = [Tensor.of(LOW, each) for each in (x, w, b)]
    z = linear(*tensors, rule)
    _, found = value_and_gradient(lambda p: (linear(*p, rule) * Tensor.of(LOW, g)).sum(), tensors)
    assert z.numpy().tolist() == product(x, w.T, b).tolist()
    x2, w2, g2 = (copy(each) if settings else each for each in (x, w, g))
    assert found[0].numpy().tolist() == product(g, w2).tolist()
    assert found[1].numpy().tolist() == product(g2.T, x2).tolist()
    if settings:
        assert found[0].numpy().tolist() != product(g, w).tolist()


def test_a_product_without_a_weight_takes_transposes_of_copies_too() -> None:
    rule = exact_rule(", transpose=copy")
    x, y, g = (LOW.to_float(LOW.from_float(wide(*shape))) for shape in ((3, 20), (20, 4), (3, 4)))
    _, found = value_and_gradient(
        lambda p: (layer_product(*p, None, rule, weight=None) * Tensor.of(LOW, g)).sum(),
        [Tensor.of(LOW, each) for each in (x, y)],
    )
    assert found[0].numpy().tolist() == product(g, copy(y.T)).tolist()
    assert found[1].numpy().tolist() == product(copy(x).T, copy(g)).tolist()


@pytest.mark.parametrize(
    ("policy", "message"),
    [
        ("mxfp4,scaling=block(1x32, mx, transpose=copy)", "that is rounded to nearest"),
        (
            "mxfp8,scaling=block(1x32, mx(hadamard), transpose=copy)",
            "did not go through a Hadamard transform",
        ),
        ("fp8-delayed,weight_gradient.scaling=row(transpose=copy)", "not delayed ones"),
        ("mxfp8,scaling=tensor(transpose=copy)", "one scale serves a whole tensor"),
        ("mxfp8,scaling=block(1x32, mx, transpose=both)", "write transpose=source"),
        ("mxfp8,forward.input_scaling=block(1x32, mx(hadamard))", "the same Hadamard transform"),
        ("mxfp8,scaling=block(1x32, mx(hadamard(seed=-1)))", r"write hadamard, or hadamard\(seed"),
        ("mxfp8,scaling=block(1x32, mx(hadamard(seed=18446744073709551616)))", "from 0 to 2"),
        ("mxfp8,element=fixed:4.4", r"or int8 \(fixed:2.6\) as elements; 'fixed:4.4'"),
        ("mxfp8,element=fixed:2.6,accumulate=unit(H100)", "H100"),
        ("mxfp8,accumulate=quire", "adds posits"),
    ],
)
def test_a_policy_that_blocks_cannot_follow_is_refused_in_one_line(
    policy: str, message: str
) -> None:
    with pytest.raises(NumleanError, match=message) as caught:
        instantiate(
            Task.regression(nn.Linear(2, 2)), parse_policy(policy), Options(device="python")
        )
    assert "\n" not in str(caught.value)


def test_scalings_with_transposes_and_seeds_are_read_back_from_their_texts() -> None:
    for text in ("row(transpose=copy)", "block(1x16, nvfp4(hadamard(seed=7)), transpose=copy)"):
        assert str(scaling_named(text)) == text
    assert str(scaling_named("block(1x32, mx, transpose=source)")) == "block(1x32, mx)"


def test_seeded_signs_are_the_leading_bits_of_philox() -> None:
    for seed in (0, 3, 2**64 - 1):
        words = np.random.Philox(np.random.SeedSequence(seed)).random_raw(16)
        signs = [-1 if word >> 63 else 1 for word in words.tolist()]
        assert list(Hadamard(seed).signs) == signs
        np.testing.assert_array_equal(matrix(Hadamard(seed))[:, 0] * 4, signs)


def test_both_operands_of_a_product_go_through_the_same_signs() -> None:
    x, y = RNG.standard_normal((2, 32)), RNG.standard_normal((32, 2))
    exact, found = (x.astype(F32) @ y.astype(F32)).astype(float), []
    for settings in ("mx(hadamard)", "mx(hadamard(seed=1))", "mx"):
        one = ScaledOperand(
            nl.get_scalar("fixed:2.6", "python"), scaling_named(f"block(1x32, {settings})"), HIGH
        )
        z = contract(Tensor.of(HIGH, x), Tensor.of(HIGH, y), Contraction(one, one, Exact(), HIGH))
        assert abs(z.numpy() - exact).max() < 0.2
        found.append(z.data.tobytes())
    assert len(set(found)) == 3
