"""Matrix units are equal to the exact reference on structured dot products.

Each rule is tried here by the interpreter; ``numlean verify matrix-unit --random N`` tries as many
dot products of all units as wanted, compiled.
"""

from dataclasses import replace

import ml_dtypes
import numpy as np
import pytest

import numlean as nl
from numlean.testing.matrix_units import drawing_of_unit, reference_of_unit
from numlean_kernels.formats import BFLOAT16, BINARY16, BINARY32
from numlean_kernels.matrix_units.rule import Chain


def codes(values, format, k=0):
    x = np.array(list(values) + [0.0] * (k - len(values)))
    bits = {BINARY16: np.float16, BFLOAT16: ml_dtypes.bfloat16, BINARY32: np.float32}
    return x.astype(bits[format]).view(format.storage_dtype)


CONTRADICTIONS = [
    ("H100:bf16", [1.75 * 2.0**-76] * 8, [2.0**-76] * 8, 0x00000001, 0x00000000),
    ("H100:bf16", [0, 2.0**-30], [2.0**127, 1], 0x30800000, 0x00000000),
    ("MI100:fp16", [2.0**12, 1, -(2.0**12), 0], [2.0**12, 1, 2.0**12, 0], 0x3F800000, 0x00000000),
]
"""Where the published models contradict each other: both answers."""


@pytest.mark.parametrize(("name", "left", "right", "km", "mma"), CONTRADICTIONS)
@pytest.mark.parametrize("device", ["reference", "python"])
def test_both_models_give_their_documented_answers(name, left, right, km, mma, device):
    for model, expected in (("km", km), ("mma", mma)):
        unit = nl.get_matrix_unit(f"{name},model={model}")
        rule, format = unit.unit.rule, unit.unit.left.format
        a, b = (codes(x, format, rule.instruction)[np.newaxis] for x in (left, right))
        c = np.zeros(1, np.uint32)
        if device == "reference":
            assert reference_of_unit(unit.unit).dot(a, b, c).tolist() == [expected]
        else:
            assert unit.dot(a, b, c, device=device).tolist() == [expected]


def distinct_units():
    """Return one unit of each rule, operands, output and model, of those without scales."""
    found = {}
    for name in nl.matrix_units():
        for model in ("km", "mma"):
            unit = nl.get_matrix_unit(f"{name},model={model}")
            if unit.unit.scales is None:
                found.setdefault(unit.unit.key, unit)
    return {unit.name: unit for unit in found.values()}


UNITS = distinct_units()


def assert_equal_to_reference(unit, dots):
    expected = reference_of_unit(unit.unit).dot(*dots)
    found = unit.dot(*dots, device="python")
    wrong = np.flatnonzero(expected != found)
    if wrong.size:
        i = wrong[0]
        operands = [[hex(x) for x in np.atleast_1d(each[i]).tolist()] for each in dots]
        pytest.fail(f"{unit.name} {operands}: {found[i]:#x}, expected {expected[i]:#x}")


@pytest.mark.parametrize("name", UNITS)
def test_a_unit_is_equal_to_the_reference_on_structured_dot_products(name):
    unit = UNITS[name]
    group = unit.unit.rule.instruction
    for seed, (n, k) in enumerate([(30, group), (10, 2 * group), (10, group + 1), (10, 1)]):
        assert_equal_to_reference(unit, drawing_of_unit(unit.unit, 1, seed).draw(n, k))


OWN = [
    "blockfma:group=3,fraction_bits=0,operands=e5m2,floor=3,alignment=toward_negative",
    "blockfma:group=4,fraction_bits=30,operands=bf16,output=fp16,zero_exponent=0,result_precision=5",
    "blockfma:group=2,fraction_bits=7,operands=e4m3fnuz,alignment=ties_to_even,k_order=3-0-2-1",
    "blockfma:group=8,fraction_bits=13,operands=tf32,result=toward_negative,c=last,promote_every=5",
]


@pytest.mark.parametrize("name", OWN)
def test_a_block_fma_of_any_parameters_is_equal_to_the_reference(name):
    unit = nl.get_matrix_unit(name)
    for seed, k in enumerate((1, 4, 19)):
        assert_equal_to_reference(unit, drawing_of_unit(unit.unit, 3, seed).draw(30, k))


def test_operands_of_two_formats_are_equal_to_the_reference():
    unit = nl.get_matrix_unit("H100:e4m3:wgmma")
    other = nl.get_matrix_unit("H100:e5m2:wgmma").unit.left
    unit = replace(unit, unit=replace(unit.unit, right=other))
    assert_equal_to_reference(unit, drawing_of_unit(unit.unit, 4).draw(100, 40))


@pytest.mark.parametrize(
    "chain",
    [
        Chain(k_block=5),
        Chain(promote_every=8),
        Chain(split_k=3),
        Chain(split_k=5, order="pairwise"),
        Chain(k_block=7, promote_every=3, split_k=2),
    ],
)
@pytest.mark.parametrize("name", ["V100:fp16->fp16", "A100:bf16", "MI250:fp16"])
def test_a_split_k_is_equal_to_the_reference(name, chain):
    unit = nl.get_matrix_unit(name)
    unit = replace(unit, unit=replace(unit.unit, chain=chain))
    for seed, k in enumerate((1, 8, 19)):
        assert_equal_to_reference(unit, drawing_of_unit(unit.unit, 2, seed).draw(30, k))
