"""What a block format did to a tensor, against exact rationals, number by number."""

import json
import math
from collections import Counter
from fractions import Fraction

import numpy as np
import pytest

import numlean as nl
from numlean.errors import NumleanError, ShapeError
from numlean.json_lines import nonfinite_to_null
from numlean.precision.blocks.measured_tensor import MeasuredTensor
from numlean.testing import blocks as reference

F32 = np.float32


def exponent(value):
    """Return the k for which 2**k <= value < 2**(k + 1), of a positive rational."""
    k = value.numerator.bit_length() - value.denominator.bit_length()
    return k if Fraction(2) ** k <= value else k - 1


def root(value):
    return math.sqrt(float(value)) if value < 2**1000 else math.inf


def expected(q, x, blocks):
    """Return the figures of a tensor whose blocks are lists of indices, computed by rationals."""
    elements = reference.ELEMENTS[q.format.element]
    greatest, before = elements.values[-1], elements.values[-2]
    values, found = q.dequantize(), Counter()
    scales, errors, places = Counter(), Counter(), {}
    total = error_total = Fraction(0)
    for scale, indices in blocks:
        factor = scale * Fraction(float(q.tensor_scale.view(F32)))
        squares = error_squares = Fraction(0)
        for index in indices:
            number, value = Fraction(float(x[index])), Fraction(float(values[index]))
            found["zeros"] += number == 0
            found["clamped"] += factor > 0 and abs(number) > greatest * factor
            limit = (greatest + (greatest - before) / 2) * factor
            found["saturated"] += factor > 0 and abs(number) >= limit
            found["flushed"] += number != 0 and value == 0
            squares += number**2
            error_squares += (value - number) ** 2
        if scale:
            scales[exponent(scale)] += 1
        ratio = error_squares / squares if squares else Fraction(0)
        if ratio:
            errors[exponent(ratio) // 2] += 1
            places[indices[0]] = math.sqrt(ratio)
        total, error_total = total + squares, error_total + error_squares
    return found, scales, errors, places, root(total), root(error_total)


def check(q, x, blocks):
    found, scales, errors, places, norm, error = expected(q, x, blocks)
    got = q.statistics(x)
    for name in ("zeros", "clamped", "saturated", "flushed"):
        assert getattr(got, name) == found[name], name
    assert (got.tensors, got.numbers, got.nonfinite, got.broken) == (1, x.size, 0, 0)
    assert (got.scales, got.errors) == (dict(scales), dict(errors))
    assert got.zero_scales == len(blocks) - sum(scales.values())
    assert got.exact_blocks == len(blocks) - sum(errors.values())
    assert got.blocks == len(blocks)
    assert got.norm == pytest.approx(norm, rel=1e-13)
    assert got.error == pytest.approx(error, rel=1e-13)
    worst = sorted(places.values(), reverse=True)[:5]
    assert [each.relative for each in got.worst] == pytest.approx(worst, rel=1e-13)
    for each in got.worst:
        assert places[each.place] == pytest.approx(each.relative, rel=1e-13)
    return got


def scale_value(q, code):
    if q.format.scale == "e8m0":
        return Fraction(2) ** (int(code) - 127)
    return reference.E4M3.values[int(code)]


def numbers(seed, shape):
    """Return binary32 numbers of very different magnitudes, with zeros of both signs."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal(shape) * np.exp2(rng.integers(-12, 4, shape))
    return np.where(rng.random(shape) < 0.1, rng.choice([0.0, -0.0], shape), x).astype(F32)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("mxfp8_e4m3", {"scale_rule": "floor"}),
        ("mxfp8_e5m2", {"scale_rule": "even"}),
        ("mxfp6_e2m3", {"scale_rule": "rceil"}),
        ("mxfp4", {"rounding": "stochastic", "seed": 5}),
        ("mxint8", {"scale_rule": "floor"}),
        ("nvfp4", {}),
        ("nvfp4", {"preset": "transformer_engine"}),
    ],
)
@pytest.mark.parametrize("axis", [1, 0, (2, 0)])
def test_the_figures_are_those_of_exact_rationals(name, options, axis):
    x = numbers(3, (5, 6, 7))
    f = nl.get_block_format(name, size=4, device="python", **options)
    q = f.quantize(x, axis)
    axes = (axis,) if isinstance(axis, int) else axis
    grouped = {}
    for index in np.ndindex(x.shape):
        block = tuple(i // 4 if k in axes else i for k, i in enumerate(index))
        grouped.setdefault(block, []).append(index)
    check(q, x, [(scale_value(q, q.scales[block]), own) for block, own in grouped.items()])


def test_numbers_beyond_the_greatest_element_are_clamped_and_by_half_a_unit_saturated():
    # The rule floor takes 2**-2 for the scale of 7.9, so that the greatest element stands for 6.
    x = np.array([[7.9, 6.5, 7.0, 6.0, -6.25, 0.25, 0.26, 0.0]], F32)
    f = nl.get_block_format("block:e2m1/e8m0,size=8", scale_rule="floor", device="python")
    got = f.quantize(x).statistics(x)
    assert (got.clamped, got.saturated, got.flushed, got.zeros) == (4, 2, 1, 1)
    assert (got.share_clamped, got.share_saturated, got.share_flushed) == (4 / 7, 2 / 7, 1 / 7)
    assert (got.worst[0].saturated, got.worst[0].flushed, got.worst[0].scale) == (2, 1, 1.0)
    wide = nl.get_block_format("block:e2m1/e8m0,size=8", scale_rule="rceil", device="python")
    assert wide.quantize(x).statistics(x).clamped == 0


def test_a_block_whose_scale_is_zero_flushes_all_its_numbers():
    x = np.array([[1.0] * 4 + [1e-6] * 4], F32)
    got = nl.get_block_format("nvfp4", size=4, device="python").quantize(x).statistics(x)
    assert (got.flushed, got.zero_scales, got.blocks) == (4, 1, 2)
    assert (got.worst[0].place, got.worst[0].relative) == ((0, 4), 1.0)


def test_numbers_that_are_not_finite_and_those_that_they_break_are_counted_apart():
    x = np.array([[np.nan, 1.0, 0.0, 2.0], [1.0, 2.0, 3.0, 4.0]], F32)
    got = nl.get_block_format("mxfp8_e4m3", size=4, device="python").quantize(x).statistics(x)
    assert (got.nonfinite, got.broken, got.nonfinite_scales) == (1, 3, 1)
    assert (got.broken_blocks, got.exact_blocks, got.nonzero) == (1, 1, 6)
    assert got.relative == got.worst[0].relative == math.inf
    assert json.dumps(nonfinite_to_null(got.as_plain())).count("null") == 3  # with the NaN scale


def test_a_block_of_nans_has_no_relative_error_and_is_not_exact():
    x = np.array([[np.nan] * 4, [1.0, 1.1, 1.2, 1.3]], F32)
    got = nl.get_block_format("mxfp4", size=4, device="python").quantize(x).statistics(x)
    assert (got.nonfinite, got.broken, got.broken_blocks, got.exact_blocks) == (4, 0, 1, 0)
    assert [each.place for each in got.worst] == [(1, 0)]


def test_a_tensor_without_numbers_and_one_of_zeros_have_no_errors():
    f = nl.get_block_format("mxfp4", device="python")
    for x in (np.zeros((0, 3), F32), np.zeros(40, F32)):
        got = f.quantize(x).statistics(x)
        assert (got.relative, got.share_flushed, got.worst) == (0.0, 0.0, ())
        assert got.exact_blocks == got.blocks == (2 if x.size else 0)


def test_magnitudes_at_both_ends_of_binary32_keep_their_errors():
    x = np.array([[3.4e38, 1e38, -2.2e38, 7e37], [1e-45, 3e-42, 2e-38, 1e-40]], F32)
    q = nl.get_block_format("mxfp8_e5m2", size=4, device="python").quantize(x)
    blocks = [(scale_value(q, q.scales[i, 0]), [(i, k) for k in range(4)]) for i in range(2)]
    check(q, x, blocks)


def test_squares_neither_overflow_nor_underflow():
    x = np.array([[3e300, 4e300, 1.0], [3e-310, 4e-310, 0.0]])
    got = MeasuredTensor(x, x * 0.5, np.ones((2, 1)), 1.0, 1, 3, 1e308, 1e307).statistics()
    assert got.norm == pytest.approx(5e300)
    assert [each.relative for each in got.worst] == pytest.approx([0.5, 0.5])


def test_merged_statistics_are_those_of_both_tensors_together():
    f = nl.get_block_format("mxfp4", size=4, device="python")
    x, y = numbers(1, (3, 8)), numbers(2, (5, 8))
    apart = f.quantize(x).statistics(x).merged(f.quantize(y).statistics(y))
    both = np.concatenate([x, y])
    together = f.quantize(both).statistics(both)
    assert apart.tensors == 2
    for name in ("numbers", "clamped", "flushed", "zeros", "scales", "errors", "exact_blocks"):
        assert getattr(apart, name) == getattr(together, name)
    assert apart.relative == pytest.approx(together.relative, rel=1e-14)
    assert [e.relative for e in apart.worst] == [e.relative for e in together.worst]
    step = together.of_step(3, 17)
    assert {(each.seed, each.step) for each in step.worst} == {(3, 17)}


def test_the_text_states_every_figure():
    x = np.array([[7.9, 6.5, 0.25, 1.0], [0.0] * 4], F32)
    f = nl.get_block_format("block:e2m1/e8m0,size=4", scale_rule="floor", device="python")
    text = f.quantize(x).statistics(x).describe()
    assert "beyond the greatest element: 2 (50 %)" in text
    assert "saturated, by half a unit or more: 1 (25 %)" in text
    assert "flushed to zero: 1 (25 %)" in text
    assert "scales: 2**-127: 1, 2**0: 1" in text
    assert "block at [0, 0]: relative error" in text


def test_the_numbers_of_another_shape_or_kind_are_refused():
    q = nl.get_block_format("mxfp4", device="python").quantize(np.ones(3, F32))
    with pytest.raises(ShapeError, match=r"of shape \(3,\), got shape \(2,\)"):
        q.statistics(np.ones(2, F32))
    with pytest.raises(NumleanError, match="real numbers"):
        q.statistics(np.ones(3, complex))
