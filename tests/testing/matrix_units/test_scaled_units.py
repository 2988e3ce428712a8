"""Matrix units with scales are equal to their definition in exact rationals."""

from dataclasses import replace

import numpy as np
import pytest

import numlean as nl
from numlean.testing.matrix_units import (
    draw_scales,
    drawing_of_unit,
    scaled_dots,
    scaled_dots_in_batches,
)

UNITS = [name for name in nl.matrix_units() if nl.get_matrix_unit(name).unit.scales is not None]


def assert_equal_to_definition(unit, n, k, seed):
    """Compare structured dot products, and return the results."""
    dots = drawing_of_unit(unit.unit, 7, seed).draw(n, k)
    scales = draw_scales(unit.unit, n, k, 7, seed)
    expected = scaled_dots(unit.unit, *dots, scales)
    np.testing.assert_array_equal(scaled_dots_in_batches(unit.unit, *dots, scales), expected)
    found = unit.dot(*dots, scales=scales, device="python")
    wrong = np.flatnonzero(expected != found)
    if wrong.size:
        i = wrong[0]
        operands = [[hex(x) for x in np.atleast_1d(each[i]).tolist()] for each in (*dots, *scales)]
        pytest.fail(f"{unit.name} {operands}: {found[i]:#x}, expected {expected[i]:#x}")
    return found


def test_both_rows_of_the_table_are_listed():
    kinds = {name.split(":")[2] for name in UNITS}
    assert kinds == {"mxf8f6f4", *(f"mxf4nvf4-{s}x{n}" for s in ("e8m0", "e4m3") for n in (16, 32))}
    assert len(UNITS) == 7


@pytest.mark.parametrize("name", UNITS)
def test_a_unit_is_equal_to_its_definition_on_structured_dot_products(name):
    unit = nl.get_matrix_unit(name)
    group, output = unit.unit.rule.instruction, unit.unit.output
    sizes = [(50, group), (10, 2 * group), (10, group + 1), (10, 3)]
    results = [assert_equal_to_definition(unit, n, k, i) for i, (n, k) in enumerate(sizes)]
    every = np.concatenate(results).astype(np.int64)
    magnitude = every & output.magnitude_mask
    assert output.is_nan(every).any()
    assert (magnitude == 0).any()
    assert (output.is_finite(every) & (magnitude > 0)).sum() > 30


def test_a_sum_of_zero_is_zero_whatever_the_scales():
    unit = nl.get_matrix_unit("B200:e4m3:mxf8f6f4")
    a = np.tile(np.array([0x77, 0xF7], np.uint8), (1, 16))
    b, c = np.full((1, 32), 0x72, np.uint8), np.zeros(1, np.uint32)
    scales = np.full((1, 1), 0xEE, np.uint8), np.full((1, 1), 0xF3, np.uint8)
    for found in (
        scaled_dots(unit.unit, a, b, c, scales),
        scaled_dots_in_batches(unit.unit, a, b, c, scales),
        unit.dot(a, b, c, scales=scales, device="python"),
    ):
        assert found.tolist() == [0]


def test_operands_of_two_formats_are_equal_to_the_definition():
    unit = nl.get_matrix_unit("B200:e4m3:mxf8f6f4")
    other = nl.get_matrix_unit("B200:e2m1:mxf8f6f4").unit.right
    assert_equal_to_definition(replace(unit, unit=replace(unit.unit, right=other)), 60, 40, 0)


def structured_products(unit):
    dots = drawing_of_unit(unit, 8).draw(100, unit.rule.instruction)
    return dots, draw_scales(unit, *dots.a.shape, 8)


def products_of_which_parts_cancel(unit):
    """Return products of which two parts cancel and two are about F bits below them."""
    rng = np.random.default_rng(8)
    a, b = rng.integers(0, 16, (2, 30, 64))
    a[:, 32:48], b[:, 32:48] = a[:, :16] ^ 8, b[:, :16]
    scales = np.full((30, 4), 127)
    scales[:, 1::2] -= rng.integers(30, 40, (30, 2))
    return (a, b, np.zeros(30, np.uint32)), (scales, np.full((30, 4), 127))


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("B200:e5m2:mxf8f6f4", structured_products),
        ("B200:e2m1:mxf4nvf4-e8m0x16", products_of_which_parts_cancel),
    ],
)
def test_neighbouring_rules_have_other_results(name, make):
    unit = nl.get_matrix_unit(name)
    dots, scales = make(unit.unit)
    expected = scaled_dots(unit.unit, *dots, scales)
    np.testing.assert_array_equal(unit.dot(*dots, scales=scales, device="python"), expected)
    rule = unit.unit.rule
    for bits in (rule.fraction_bits - 1, rule.fraction_bits + 1):
        other = replace(unit.unit, rule=replace(rule, fraction_bits=bits))
        assert (expected != scaled_dots(other, *dots, scales)).any()
