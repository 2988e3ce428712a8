"""Scaled operands of contractions, against numpy and ml_dtypes, and against exact fractions."""

from dataclasses import dataclass, replace
from fractions import Fraction

import ml_dtypes
import numpy as np
import pytest

import numlean as nl
from numlean import Options, Task, instantiate, stepper
from numlean.autograd import value_and_gradient
from numlean.autograd.primitives import swap_last
from numlean.autograd.tensor import Tensor
from numlean.data import Batch
from numlean.errors import NumleanError, ShapeError
from numlean.nn import Linear, Sequential
from numlean.optim import sgd
from numlean.precision import (
    Blocked,
    Contraction,
    Exact,
    LayerPrecision,
    Ordered,
    contract,
    linear,
    product,
)
from numlean.precision.scaling import Quantized, ScaledOperand, scaling_named
from numlean.precision.scaling.factors import MOST_TERMS, Factors
from numlean.scalar.registry import scalar_on

S, L, E4M3, E5M2 = (
    nl.get_scalar(name, "python") for name in ("float32", "bfloat16", "e4m3", "e5m2")
)
BF16, F32 = ml_dtypes.bfloat16, np.float32
KINDS = {"e4m3": ml_dtypes.float8_e4m3fn, "e5m2": ml_dtypes.float8_e5m2}
MOST = F32(np.finfo(F32).max)
RNG = np.random.default_rng(31)


def scaled(text, scalar=E4M3):
    return ScaledOperand(scalar, scaling_named(text), S)


def random(*shape):
    return (RNG.standard_normal(shape) * 2.0 ** RNG.integers(-12, 12, shape)).astype(F32)


@np.errstate(all="ignore")
def scale_of(block, greatest, epsilon=0.0, power_of_two=False):
    """Return the current scale of numbers, by the words of the specification."""
    known = np.abs(block[~np.isnan(block)])
    a = max(known.max(initial=F32(0)), F32(epsilon))
    if a == 0 or np.isinf(a):
        return F32(1)
    s = F32(greatest) / a
    s = MOST if np.isinf(s) else s
    return (s.view(np.uint32) & np.uint32(0x7F800000)).view(F32) if power_of_two else s


def blocks(shape, rows, terms):
    """Yield the places of the blocks of a matrix."""
    for i in range(0, shape[0], rows):
        for k in range(0, shape[1], terms):
            yield slice(i, i + rows), slice(k, k + terms)


@np.errstate(all="ignore")
def quantized(x, rows, terms, kind="e4m3", **options):
    """Return the codes of a matrix of rows, and the inverse scale of each number."""
    greatest = {"e4m3": 448, "e5m2": 57344}[kind]
    codes, inverses = np.zeros(x.shape, KINDS[kind]), np.zeros(x.shape, F32)
    for place in blocks(x.shape, rows, terms):
        s = scale_of(x[place], greatest, **options)
        u = np.clip(x[place] * s, F32(-greatest), F32(greatest))
        codes[place], inverses[place] = u.astype(KINDS[kind]), F32(1) / s
    return codes, inverses


def special():
    x = random(7, 11)
    x[0, 2], x[1, :], x[2, 5], x[3, 3] = np.nan, 0, np.inf, -np.inf
    x[4, :], x[4, 1] = 1e-42, -3e-45  # subnormal: the quotient is infinite
    x[5, :3], x[6, :] = (MOST, -MOST, 3e37), np.nan
    x[0, 10] = -0.0
    return x


REGIONS = {
    "tensor": (7, 11),
    "row": (1, 11),
    "block(1x4)": (1, 4),
    "block(3x5)": (3, 5),
    "block(128x128)": (7, 11),
    "row(power_of_two)": (1, 11),
    "block(2x4,amax_epsilon=1e-3)": (2, 4),
    "tensor(power_of_two,amax_epsilon=1e-3)": (7, 11),
}


@pytest.mark.parametrize("text", REGIONS)
@pytest.mark.parametrize("kind", KINDS)
def test_codes_and_inverse_scales_have_the_bits_of_a_transcription(text, kind):
    options = {"power_of_two": "power" in text, "epsilon": 1e-3 if "epsilon" in text else 0.0}
    operand = scaled(text, nl.get_scalar(kind, "python"))
    for x in (special(), random(7, 11), np.zeros((7, 11), F32)):
        found = operand.quantize(S, S.from_float(x))
        codes, inverses = quantized(x, *REGIONS[text], kind, **options)
        values = operand.scalar.to_float(found.codes)
        assert np.array_equal(values, codes.astype(float), equal_nan=True)
        assert np.array_equal(np.signbit(values), np.signbit(codes.astype(float)) & ~np.isnan(x))
        for k in range(11):
            own = np.broadcast_to(S.to_bits(found.inverses_at(k)), (7, 1))
            assert own[:, 0].tolist() == inverses[:, k].view(np.uint32).tolist()


def test_scales_and_their_inverses_are_the_nearest_numbers_to_exact_quotients():
    def is_nearest(found, exact):
        below, above = (Fraction(float(np.nextafter(found, F32(d)))) for d in (-np.inf, np.inf))
        error = abs(Fraction(float(found)) - exact)
        return error <= min(abs(below - exact), abs(above - exact))

    x = random(9, 5)
    found = scaled("row").quantize(S, S.from_float(x))
    for row, inverse in zip(x, S.to_float(found.inverses)[:, 0].astype(F32), strict=True):
        s = F32(448) / np.abs(row).max()
        assert is_nearest(s, 448 / Fraction(float(np.abs(row).max())))
        assert is_nearest(inverse, 1 / Fraction(float(s)))


def test_numbers_of_another_arithmetic_are_widened_before_they_are_scaled():
    x = random(4, 6).astype(BF16)
    found = scaled("row").quantize(L, L.from_float(x.astype(float)))
    codes, _ = quantized(x.astype(F32), 1, 6)
    assert E4M3.to_float(found.codes).tolist() == codes.astype(float).tolist()


def total(a, b, da, db, block):
    """Return the sums of blocks of codes, each times both inverse scales, in order."""
    a, b, z = a.astype(F32), b.astype(F32), np.zeros((len(a), len(b)), F32)
    for start in range(0, a.shape[1], block):
        part = np.zeros_like(z)
        for k in range(start, min(start + block, a.shape[1])):
            part = part + a[:, k : k + 1] * b[:, k]
        z = z + part * (da[:, start : start + 1] * db[:, start])
    return z


def values(t):
    return t.numpy().astype(F32)


PAIRS = {
    ("tensor", "tensor"): ((5, 11), (4, 11), Ordered(S), 11),
    ("row", "row"): ((1, 11), (1, 11), Ordered(S), 11),
    ("tensor", "row"): ((5, 11), (1, 11), Ordered(S), 11),
    ("block(1x4)", "block(4x4)"): ((1, 4), (4, 4), Blocked(S, 4, S), 4),
    ("block(2x8)", "block(3x4,power_of_two)"): ((2, 8), (3, 4), Blocked(S, 4, S), 4),
    ("row", "block(1x4)"): ((1, 11), (1, 4), Blocked(S, 2, S), 2),
}


@pytest.mark.parametrize("texts", PAIRS, ids=" and ".join)
def test_sums_of_codes_are_multiplied_by_the_rounded_product_of_both_inverse_scales(texts):
    left, right, accumulate, block = PAIRS[texts]
    a, b = random(5, 11), random(11, 4)
    qa, da = quantized(a, *left)
    qb, db = quantized(np.ascontiguousarray(b.T), *right, power_of_two="power" in texts[1])
    expected = total(qa, qb, da, db, block)
    contraction = Contraction(scaled(texts[0]), scaled(texts[1]), accumulate, L)
    z = contract(Tensor.of(S, a), Tensor.of(S, b), contraction)
    assert values(z).astype(BF16).tobytes() == expected.astype(BF16).tobytes()
    turned = contract(Tensor.of(S, b.T), Tensor.of(S, a.T), contraction.swapped)
    assert turned.numpy().T.tolist() == z.numpy().tolist()


def test_a_single_scaled_operand_and_batches_and_empty_sums_work():
    a, b = random(2, 3, 7), random(2, 7, 4)
    contraction = Contraction(S, scaled("row"), Ordered(S), S)
    z = values(contract(Tensor.of(S, a), Tensor.of(S, b), contraction))
    for each, x, y in zip(z, a, b, strict=True):
        codes, inverses = quantized(np.ascontiguousarray(y.T), 1, 7)
        ones = np.ones((3, 7), F32)
        assert each.tobytes() == total(x, codes, ones, inverses, 7).tobytes()
    for text, rule in (("tensor", Ordered(S)), ("block(1x4)", Blocked(S, 4, S))):
        empty = Contraction(scaled(text), scaled(text), rule, S)
        none = contract(Tensor.of(S, np.zeros((2, 0))), Tensor.of(S, np.zeros((0, 3))), empty)
        assert none.tolist() == [[0.0] * 3] * 2
    one = Contraction(scaled("tensor"), scaled("tensor"), Ordered(S), S)
    batch = contract(Tensor.of(S, a), Tensor.of(S, b), one)
    (qa, da), (qb, db) = (quantized(x.reshape(1, -1), 1, x.size) for x in (a, b))
    qa, qb = qa.reshape(a.shape), qb.reshape(b.shape)
    for k in range(2):
        da_k, db_k = np.full((3, 7), da[0, 0]), np.full((4, 7), db[0, 0])
        assert values(batch)[k].tobytes() == total(qa[k], qb[k].T, da_k, db_k, 7).tobytes()


def test_a_sum_in_a_narrower_arithmetic_is_widened_to_that_of_the_scales():
    a, b = random(3, 5), random(5, 2)
    contraction = Contraction(scaled("tensor"), scaled("tensor"), Ordered(L), S)
    assert contraction.result is S
    (qa, da), (qb, db) = quantized(a, 3, 5), quantized(np.ascontiguousarray(b.T), 2, 5)
    part = np.zeros((3, 2), BF16)
    for k in range(5):
        part = part + qa[:, k : k + 1].astype(BF16) * qb[:, k].astype(BF16)
    expected = part.astype(F32) * (da[0, 0] * db[0, 0])
    z = contract(Tensor.of(S, a), Tensor.of(S, b), contraction)
    assert values(z).tobytes() == expected.tobytes()


def fp8(forward, gradient, accumulate, output):
    first = Contraction(forward, forward, accumulate, output)
    by_input = Contraction(gradient, forward, accumulate, output)
    by_weight = Contraction(forward, gradient, accumulate, output)
    return LayerPrecision(first, by_input, by_weight, accumulate.result)


def test_a_linear_layer_of_scaled_operands_has_the_bits_of_a_transcription():
    rule = fp8(scaled("row"), scaled("row", E5M2), Ordered(S), L)
    x, w, b, g = (
        random(*shape).astype(BF16).astype(F32) for shape in ((5, 6), (3, 6), (3,), (5, 3))
    )
    tensors = [Tensor.of(L, each) for each in (x, w, b)]
    z = linear(*tensors, rule)
    _, found = value_and_gradient(lambda p: (linear(*p, rule) * Tensor.of(L, g)).sum(), tensors)

    def scaled_product(left, right, kinds):
        (qa, da), (qb, db) = (
            quantized(np.ascontiguousarray(each), 1, each.shape[1], kind)
            for each, kind in zip((left, right), kinds, strict=True)
        )
        return total(qa, qb, da, db, left.shape[1])

    db = np.zeros(3, F32)
    for row in g:
        db = db + row
    expected = (
        scaled_product(x, w, ("e4m3", "e4m3")) + b,
        scaled_product(g, w.T, ("e5m2", "e4m3")),
        scaled_product(x.T, g.T, ("e4m3", "e5m2")).T,
        db,
    )
    for ours, sums in zip((z, *found), expected, strict=True):
        assert values(ours).tobytes() == sums.astype(BF16).astype(F32).tobytes()


def test_products_without_weights_scale_both_operands_as_inputs():
    inputs, weights, gradients = scaled("row"), scaled("tensor"), scaled("row", E5M2)
    rule = LayerPrecision(
        Contraction(inputs, weights, Ordered(S), L),
        Contraction(gradients, weights, Ordered(S), L),
        Contraction(inputs, gradients, Ordered(S), L),
        S,
    )
    a, b, g = (Tensor.of(S, random(*shape)) for shape in ((2, 3, 5), (2, 5, 4), (2, 3, 4)))
    between, of_left = (
        replace(rule.forward, right=inputs),
        replace(rule.input_gradient, right=inputs),
    )
    _, found = value_and_gradient(
        lambda p: (product(*p, None, rule, weight=None) * nl.cast(g, L)).sum(), [a, b]
    )
    narrow = nl.cast(nl.cast(g, L), S)
    expected = (
        contract(narrow, swap_last(b), of_left),
        contract(swap_last(a), narrow, of_left.swapped),
    )
    forward = product(a, b, None, rule, weight=None)
    assert forward.tolist() == contract(a, b, between).tolist()
    assert forward.tolist() != contract(a, b, rule.forward).tolist()
    assert [each.tolist() for each in found] == [each.tolist() for each in expected]


def int8_sums(a, b, first):
    """Return products of integers with factors of rows, by the words of the specification."""
    codes, factors = [], []
    for x in (a, b):
        c = np.abs(x).max(axis=1, keepdims=True) / F32(127)
        u = np.rint(x * (F32(1) / np.maximum(c, F32(1e-12))))
        codes.append(np.clip(u, -128, 127).astype(np.int64))
        factors.append(c)
    z, turns = (codes[0] @ codes[1].T).astype(F32), [factors[0], factors[1].T]
    for factor in turns if first == "left" else turns[::-1]:
        z = z * factor
    return z


def test_sums_of_integers_are_multiplied_by_one_factor_after_the_other_in_a_stated_order():
    operand = ScaledOperand(L, scaling_named("row(int8)"), S)
    a, b = random(6, 40), random(5, 40)
    a[1], a[2], b[3] = 0, 1e-30, 3e38 * (np.arange(40) % 3 == 1)
    x, y = Tensor.of(S, a), Tensor.of(S, b.T)
    found = {}
    for first in ("left", "right"):
        contraction = Contraction(operand, operand, Exact(), S, first=first)
        with np.errstate(over="ignore", under="ignore"):
            expected = int8_sums(a, b, first)
        found[first] = contract(x, y, contraction)
        assert values(found[first]).tobytes() == expected.tobytes()
        turned = contract(Tensor.of(S, b), Tensor.of(S, a.T), contraction.swapped)
        assert values(turned).T.tobytes() == expected.tobytes()
    assert values(found["left"]).tobytes() != values(found["right"]).tobytes()
    codes = operand.quantize(S, S.from_float(a)).codes
    assert set(L.to_float(codes).ravel()) <= set(range(-127, 128))


@pytest.mark.parametrize("count", [1, 1040, 1041])
def test_sums_of_integers_are_exact_whatever_their_number_of_terms(count):
    operand = ScaledOperand(L, scaling_named("row(int8)"), S)
    a, b = (RNG.choice(np.array([-1, -1e-3, 1], F32), (2, count)) for _ in range(2))
    a[0], b[0] = 1, 1
    a[1, 0], b[1, 0] = -1e-3 if count == 1 else 1, 1
    z = contract(Tensor.of(S, a), Tensor.of(S, b.T), Contraction(operand, operand, Exact(), S))
    assert values(z).tobytes() == int8_sums(a, b, "left").tobytes()


def test_sums_of_integers_that_may_leave_32_bits_are_refused():
    factors = Factors(*[Quantized(S.from_float([1.0]), S.from_float([1.0]), S, None, True)] * 2)
    assert 127**2 * MOST_TERMS < 2**31 <= 127**2 * (MOST_TERMS + 1)
    factors.check_terms(MOST_TERMS)
    with pytest.raises(NumleanError, match="a sum of 133145 products of int8 codes may leave 32"):
        factors.check_terms(MOST_TERMS + 1)


@dataclass(frozen=True)
class Scaled(Linear):
    """A layer of scaled e4m3 and e5m2 operands over float32 parameters."""

    scaling: str = "tensor"

    def __call__(self, parameters, x, context):
        low, narrow, wide, high = (
            scalar_on(name, x.scalar.device) for name in ("bfloat16", "e4m3", "e5m2", "float32")
        )
        scaling = scaling_named(self.scaling)
        forward, gradient = (ScaledOperand(each, scaling, high) for each in (narrow, wide))
        accumulate = Blocked(high, 2, high) if scaling.granularity.terms else Ordered(high)
        operands = [nl.cast(each, low) for each in (x, *parameters)]
        return nl.cast(linear(*operands, fp8(forward, gradient, accumulate, low)), high)


def test_a_step_of_scaled_layers_has_the_same_bits_on_both_engines():
    layers = (
        Scaled(4, 3),
        Scaled(3, 3, scaling="row(power_of_two)"),
        Scaled(3, 2, scaling="block(2x2)"),
    )
    batch = Batch(RNG.standard_normal((5, 4)), RNG.standard_normal((5, 2)))
    found = []
    for backend in ("eager", "compiled"):
        options = Options(backend=backend, device="python", seed=1)
        runner = instantiate(Task.regression(Sequential(*layers)), "float32", options)
        training = stepper(runner, sgd(0.1, 0.9))
        losses = [training.step(batch) for _ in range(3)]
        found.append([t.data.tobytes() for t in (*losses, *runner.params)])
    assert found[0] == found[1]
    assert len(set(found[0][:3])) == 3  # the losses of the steps differ


def test_scaled_products_have_the_same_bits_on_the_cpu():
    a, b, found = special(), random(11, 3), []
    for device in ("python", "cpu"):
        narrow, high = (scalar_on(name, device) for name in ("e4m3", "float32"))
        operand = ScaledOperand(narrow, scaling_named("block(2x4)"), high)
        contraction = Contraction(operand, operand, Blocked(high, 4, high), high)
        found.append(contract(Tensor.of(high, a), Tensor.of(high, b), contraction).data.tobytes())
    assert found[0] == found[1]


def test_scales_that_do_not_fit_are_refused():
    with pytest.raises(NumleanError, match=r"blocked\(float32, 3, float32\) does not .* ordered\("):
        Contraction(S, scaled("block(1x4)"), Blocked(S, 3, S), S)
    with pytest.raises(
        NumleanError, match=r"in bfloat16, which lacks numbers of scales in float32"
    ):
        Contraction(S, scaled("block(1x4)"), Blocked(S, 4, L), S)
    other = ScaledOperand(E4M3, scaling_named("row"), nl.get_scalar("float64", "python"))
    with pytest.raises(NumleanError, match="of both operands are in one dtype, not float32 and fl"):
        Contraction(scaled("row"), other, Ordered(S), S)
    with pytest.raises(NumleanError, match="scales in bfloat16 need codes that it has exactly"):
        ScaledOperand(S, scaling_named("row"), L)
    with pytest.raises(NumleanError, match="mp:30 has no greatest number"):
        ScaledOperand(E4M3, scaling_named("row"), nl.get_scalar("mp:30"))


def test_a_delayed_scale_is_bound_for_each_step():
    operand = scaled("delayed")
    x = Tensor.of(S, [[3.0, 1000.0]])
    with pytest.raises(NumleanError, match=r"operand\.with_scale\(scale\)"):
        operand.quantize(S, x.data)
    bound = operand.with_scale(Tensor.of(S, 0.3))
    assert bound == operand
    codes = (np.array([[3.0, 1000.0]], F32) * F32(0.3)).astype(KINDS["e4m3"])
    found = bound.quantize(S, x.data)
    assert E4M3.to_float(found.codes).tolist() == codes.astype(float).tolist()
    assert S.to_float(found.inverses).tolist() == [[F32(1) / F32(0.3)]]
    with pytest.raises(NumleanError, match="follow from the numbers; give no scale"):
        scaled("row").with_scale(Tensor.of(S, 1.0))
    with pytest.raises(ShapeError, match=r"a delayed scale is a single number, got shape \(2,\)"):
        operand.with_scale(Tensor.of(S, [1.0, 2.0]))
