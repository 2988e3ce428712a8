"""The reference of matrix units, against definitions in rationals, numpy and ml_dtypes."""

from fractions import Fraction

import ml_dtypes
import numpy as np
import pytest

import numlean as nl
from numlean.testing.matrix_units import drawing_of_unit, reference_of_unit
from numlean.testing.matrix_units.exact_numbers import (
    BINARY16_GRID,
    BINARY32_GRID,
    Codec,
    Direction,
    rounded,
)
from numlean_kernels.formats import BINARY16, BINARY32, NAMED

FORMATS = {each.format.name: each.format for each in NAMED}
UNIT = 300
TYPES = {
    "binary16": np.float16,
    "bfloat16": ml_dtypes.bfloat16,
    "e4m3": ml_dtypes.float8_e4m3fn,
    "e5m2": ml_dtypes.float8_e5m2,
    "e4m3fnuz": ml_dtypes.float8_e4m3fnuz,
    "e5m2fnuz": ml_dtypes.float8_e5m2fnuz,
}


def as_float(x, unit=UNIT):
    return x if isinstance(x, float) else float(Fraction(x, 1 << unit))


@pytest.mark.parametrize("name", TYPES)
def test_the_numbers_of_encodings_are_those_of_numpy(name):
    format = FORMATS[name]
    codec = Codec(format, UNIT, format.default_nan)
    codes = np.arange(0, 1 << format.width, 1 if format.width == 8 else 23)
    with np.errstate(invalid="ignore"):  # signalling NaNs
        values = codes.astype(f"uint{format.width}").view(TYPES[name]).astype(np.float64)
    for code, value in zip(codes.tolist(), values.tolist(), strict=True):
        x, _ = codec.decode(code)
        assert np.array_equal(as_float(x), value, equal_nan=True)
        assert np.isnan(value) or codec.encode(x) == code


def test_a_number_that_a_format_does_not_have_is_not_encoded():
    with pytest.raises(ValueError, match="not a number of binary16"):
        Codec(BINARY16, UNIT).encode((1 << UNIT) + 1)
    with pytest.raises(ValueError, match="not multiples"):
        Codec(BINARY32, 100)


def test_roundings_are_those_of_numpy():
    rng = np.random.default_rng(0)
    values = np.ldexp(rng.standard_normal(500), rng.integers(-160, 140, 500))
    values = np.concatenate(
        [values, [(2 - 2.0**-24) * 2.0**127, (2 - 2.0**-23) * 2.0**127, 2.0**-150, 3 * 2.0**-150]]
    )
    with np.errstate(over="ignore", under="ignore"):
        nearest = values.astype(np.float32).astype(float)
        halves = values.astype(np.float16).astype(float)
    for value, single, half in zip(values.tolist(), nearest.tolist(), halves.tolist(), strict=True):
        x = int(Fraction(value) * (1 << UNIT))
        assert as_float(rounded(x, UNIT, BINARY32_GRID, Direction.NEAREST)) == single
        assert as_float(rounded(x, UNIT, BINARY16_GRID, Direction.NEAREST)) == half
        down = as_float(rounded(x, UNIT, BINARY32_GRID, Direction.TOWARD_ZERO))
        assert abs(down) <= abs(value) or abs(value) >= 2.0**128
        assert down == single or down == np.nextafter(np.float32(single), np.float32(0))


def block_fma(a, b, c, e_c, rule, least):
    """Return the aligned sum of one block FMA by its definition: operands are pairs (x, e)."""
    terms = [(x * y, e + f) for (x, e), (y, f) in zip(a, b, strict=True)] + [(c, e_c)]
    counting = [e for x, e in terms if x != 0]
    if not counting:
        return Fraction(0)
    quantum = Fraction(2) ** (max([*counting, *least]) - rule.fraction_bits)
    return sum(Fraction(int(x / quantum)) * quantum for x, _ in terms)


@pytest.mark.parametrize("name", ["H100:bf16", "V100:fp16", "Ada:e5m2"])
def test_an_instruction_is_that_of_its_definition_in_rationals(name):
    unit = nl.get_matrix_unit(name).unit
    rule, format = unit.rule, unit.left.format
    dots = drawing_of_unit(unit, 5).draw(150, rule.group)
    results = reference_of_unit(unit, batches=False).dot(*dots)
    codec, output = Codec(format, UNIT), Codec(BINARY32, UNIT)
    least = [] if rule.floor is None else [rule.floor]
    bits = 23 if rule.result_precision is None else rule.result_precision - 1
    compared = 0
    for a, b, c, z in zip(*dots, results, strict=True):
        left, right = ([codec.decode(int(x)) for x in row] for row in (a, b))
        first, e_c = output.decode(int(c))
        if not all(np.isfinite(as_float(x)) for x, _ in (*left, *right, (first, e_c))):
            continue
        exact = [[(Fraction(int(x), 1 << UNIT), e) for x, e in row] for row in (left, right)]
        total = block_fma(*exact, Fraction(int(first), 1 << UNIT), e_c, rule, least)
        sign, size = (-1 if total < 0 else 1), abs(total)
        e = -126
        while size >= Fraction(2) ** (e + 1):
            e += 1
        quantum = Fraction(2) ** (e - bits)
        truncated = sign * (size // quantum) * quantum
        expected = sign * np.inf if e > 127 else float(truncated)
        assert np.uint32(z).view(np.float32) == expected
        assert z != 0x80000000
        compared += 1
    assert compared > 100


def test_a_chain_of_fma_rounds_each_exact_sum_once():
    unit = nl.get_matrix_unit("A100:fp64").unit
    rng = np.random.default_rng(3)
    a, b = np.ldexp(rng.standard_normal((2, 50, 5)), rng.integers(-40, 40, (2, 50, 5)))
    c = -(a * b).sum(axis=1)
    expected = c.copy()
    for i in range(50):
        for k in range(5):
            product = Fraction(a[i, k]) * Fraction(b[i, k])
            expected[i] = float(product + Fraction(expected[i]))
    found = reference_of_unit(unit).dot(*(x.view(np.uint64) for x in (a, b, c)))
    assert found.view(np.float64).tolist() == expected.tolist()


def test_a_seed_determines_the_dot_products():
    unit = nl.get_matrix_unit("H100:bf16").unit
    drawings = [drawing_of_unit(unit, *seeds) for seeds in ((1, 2), (1, 2), (2,))]
    first, second, other = (each.draw(100, 20) for each in drawings)
    assert all(np.array_equal(x, y) for x, y in zip(first, second, strict=True))
    assert not np.array_equal(first.a, other.a)


@pytest.mark.parametrize("name", ["V100:fp16->fp16", "A100:tf32", "H100:e4m3:wgmma", "MI300:bf16"])
def test_drawn_dot_products_have_each_kind_of_number_and_result(name):
    unit = nl.get_matrix_unit(name).unit
    dots = drawing_of_unit(unit, 0).draw(1000, unit.rule.instruction)
    results = reference_of_unit(unit).dot(*dots).astype(np.int64)
    for format, found in ((unit.left.format, dots.a.astype(np.int64)), (unit.output, results)):
        magnitude = found & format.magnitude_mask
        assert (magnitude == 0).any()
        assert ((magnitude > 0) & (magnitude < format.least_normal)).any()
        assert format.is_nan(found).any()
        assert (found[~format.is_nan(found)] & format.sign_mask != 0).any()
        assert not format.has_infinity or format.is_infinite(found).any()


@pytest.mark.parametrize(
    "name",
    [
        *("V100:fp16->fp16", "A100:tf32,model=mma", "Ada:e5m2", "H100:e4m3:mma->fp16"),
        *("H100:e5m2:mma", "MI100:bf16,model=mma", "MI250:fp16", "MI250:bf16:mfma"),
    ],
)
def test_batches_are_equal_to_integers_of_any_size(name):
    unit = nl.get_matrix_unit(name).unit
    reference, alone = (reference_of_unit(unit, batches=each) for each in (True, False))
    assert reference.batched is not None
    assert alone.batched is None
    for seed, k in enumerate((1, unit.rule.instruction, 2 * unit.rule.instruction + 1)):
        dots = drawing_of_unit(unit, 6, seed).draw(200, k)
        assert reference.dot(*dots).tolist() == alone.dot(*dots).tolist()
