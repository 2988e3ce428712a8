"""What scaling and rounding did to operands of contractions, against exact rationals."""

from fractions import Fraction

import numpy as np
import pytest

import numlean as nl
from numlean.precision import Contraction, LayerPrecision, Ordered, ScaledOperand, scaling_named
from numlean.precision.layer_product import product_rule
from numlean.precision.scaling.operand_statistics import operand_statistics, scale_dtype

S = nl.get_scalar("float32", "python")
E4M3 = nl.get_scalar("e4m3", "python")
GREATEST = {
    "e4m3": (448, 32),
    "bfloat16": (127, 1),
    "e2m1": (6, 2),
    "fixed:2.6": (Fraction(127, 64), Fraction(1, 64)),
}


def scaled(text, dtype="e4m3"):
    return ScaledOperand(nl.get_scalar(dtype, "python"), scaling_named(text), S)


def numbers(shape):
    rng = np.random.default_rng(4)
    x = rng.standard_normal(shape) * np.exp2(rng.integers(-14, 3, shape))
    return np.where(rng.random(shape) < 0.1, 0, x).astype(np.float32)


@pytest.mark.parametrize(
    ("text", "dtype", "rows", "terms"),
    [
        ("tensor", "e4m3", None, None),
        ("tensor(power_of_two)", "e4m3", None, None),
        ("row", "e4m3", 1, None),
        ("block(1x3)", "e4m3", 1, 3),
        ("block(2x4)", "e4m3", 2, 4),
        ("row(int8)", "bfloat16", 1, None),
        ("block(2x4, nvfp4)", "e2m1", 2, 4),
        ("block(1x4, mx(rule=floor))", "fixed:2.6", 1, 4),
    ],
)
@pytest.mark.parametrize("shape", [(3, 7), (2, 3, 7)])
def test_the_figures_are_those_of_exact_rationals(text, dtype, rows, terms, shape):
    x, operand = numbers(shape), scaled(text, dtype)
    found = operand.quantize(S, S.from_float(x))
    got = operand_statistics(operand, found)
    codes = operand.scalar.to_float(found.codes)
    factors = np.broadcast_to(found.scales.to_float(found.factors.storage), shape)
    greatest, unit = GREATEST[dtype]
    blocks, clamped, saturated, flushed = {}, 0, 0, 0
    for index in np.ndindex(shape):
        *batch, i, k = index
        start = (*batch, i // (rows or 3) * (rows or 3), 0 if terms is None else k // terms * terms)
        if rows is None:
            start = (0,) * len(shape)
        number, f = Fraction(float(x[index])), Fraction(float(factors[index]))
        value = Fraction(float(codes[index])) * f
        clamped += f > 0 and abs(number) > greatest * f
        saturated += f > 0 and abs(number) >= (greatest + Fraction(unit) / 2) * f
        flushed += number != 0 and value == 0
        norm, error = blocks.get(start, (0, 0))
        blocks[start] = norm + number**2, error + (value - number) ** 2
    assert (got.clamped, got.saturated, got.flushed) == (clamped, saturated, flushed)
    assert (got.numbers, got.zeros) == (x.size, int((x == 0).sum()))
    assert got.blocks == len(blocks)
    relative = {
        k: float(error / norm) ** 0.5 if norm else 0.0 for k, (norm, error) in blocks.items()
    }
    worst = sorted(relative.values(), reverse=True)[:5]
    assert [each.relative for each in got.worst] == pytest.approx(worst, rel=1e-12)
    assert all(relative[each.place] == pytest.approx(each.relative) for each in got.worst)
    whole = sum(error for _, error in blocks.values()) / sum(norm for norm, _ in blocks.values())
    assert got.relative == pytest.approx(float(whole) ** 0.5, rel=1e-12)


def test_a_delayed_scale_that_is_too_large_saturates_numbers():
    operand = scaled("tensor(delayed)").with_scale(nl.Tensor.of(S, 448.0))
    rows = operand.quantize(S, S.from_float([[1.0, 1.05, -2.0, 0.5]]))
    got = operand_statistics(operand, rows)
    assert (got.clamped, got.saturated, got.scales) == (2, 2, {-9: 1})


def test_numbers_of_a_transform_are_those_after_it():
    operand = scaled("block(1x16, nvfp4(hadamard))", "e2m1")
    x = np.zeros((1, 5), np.float32)
    x[0, 0] = 4
    got = operand_statistics(operand, operand.quantize(S, S.from_float(x)))
    assert (got.numbers, got.zeros, got.flushed) == (16, 0, 0)  # one number goes into all 16


def test_an_operand_without_numbers_has_no_errors():
    operand = scaled("block(1x4)")
    got = operand_statistics(operand, operand.quantize(S, S.from_float(np.zeros((0, 3)))))
    assert (got.tensors, got.numbers, got.relative) == (1, 0, 0.0)


def test_the_dtype_of_scales_is_that_of_blocks():
    texts = ("tensor", "block(1x32, mx)", "block(1x16, nvfp4)")
    assert [scale_dtype(scaled(text, "e2m1")) for text in texts] == ["float32", "e8m0", "e4m3"]


def test_the_operands_of_a_product_keep_what_they_are_in_either_order():
    def one(*sides):
        return Contraction(E4M3, E4M3, Ordered(S), S, sides=sides)

    whole = one("input", "weight"), one("gradient", "weight"), one("input", "gradient")
    precision = LayerPrecision(*whole, S)
    right = product_rule(precision, "right")
    assert (right.forward.sides, right.left.sides) == (whole[0].sides, whole[1].sides)
    left = product_rule(precision, "left")
    assert left.forward.sides == ("weight", "input")
    assert (left.left.sides, left.right.sides) == (("gradient", "input"), ("weight", "gradient"))
    neither = product_rule(precision, None)
    assert neither.forward.sides == ("left", "right")
    assert (neither.left.sides, neither.right.sides) == (
        ("gradient", "right"),
        ("left", "gradient"),
    )
    assert [precision.rule(w) for w in ("right", "left", None)] == [right, left, neither]
    assert precision.rule("left") is precision.rule("left")
    changed = left.with_scalars(lambda scalar: scalar)
    assert changed.right.sides == ("weight", "gradient")
