"""``Scalar.unit_product``, next to exact integers that know the rules of matrix units only."""

import numpy as np
import pytest

import numlean as nl
from numlean import get_scalar
from numlean.errors import NumleanError, ShapeError, StorageError, UnavailableError
from numlean.scalar.record import Record
from numlean.testing.matrix_units import reference_of_unit

RNG = np.random.default_rng(17)


def python(dtype):
    return get_scalar(dtype, "python")


F32, F16, BF16 = map(python, ("float32", "binary16", "bfloat16"))


def unit(name):
    return nl.get_matrix_unit(name).unit


def random(scalar, *shape):
    """Return numbers near each other, and some encodings of all kinds."""
    bits = RNG.integers(0, 1 << scalar.format.width, shape, dtype=np.uint64)
    near = scalar.from_float(RNG.standard_normal(shape))
    return np.where(RNG.random(shape) < 0.1, scalar.from_bits(bits), near)


def expected(unit, left, a, right, b, c):
    """Return the encodings of a batch of products, by the reference."""
    rows, columns = left.to_bits(a), right.to_bits(np.ascontiguousarray(b.swapaxes(-1, -2)))
    (i, n, k), m = rows.shape, columns.shape[1]
    pairs = (
        np.broadcast_to(x, (i, n, m, k)).reshape(-1, k)
        for x in (rows[:, :, np.newaxis], columns[:, np.newaxis])
    )
    return reference_of_unit(unit).dot(*pairs, c.reshape(-1)).reshape(i, n, m)


CASES = [
    ("float32", "binary16", "V100:fp16"),
    ("ieee32exec", "binary16", "H100:fp16,k_block=20"),
    ("ieee32exec@round=toward_zero", "bfloat16", "A100:bf16,promote_every=16"),
    ("binary16", "binary16", "A100:fp16->fp16,split_k=2"),
    ("binary16@round=stochastic", "e4m3", "Ada:e4m3->fp16"),
    ("ieee:e8m23", "e5m2fnuz", "MI300:e5m2fnuz"),
    ("float64", "float64", "A100:fp64"),
]


@pytest.mark.parametrize(("output", "operand", "name"), CASES)
def test_a_batch_of_products_with_addends_is_that_of_the_reference(output, operand, name):
    output, operand, rule = python(output), python(operand), unit(name)
    a, b = random(operand, 2, 3, 37), random(operand, 2, 37, 2)
    c = random(output, 2)
    z = output.unit_product(operand, a, operand, b, output, c, unit=rule)
    addends = np.broadcast_to(output.to_bits(c), (2, 3, 2))
    assert output.to_bits(z).tolist() == expected(rule, operand, a, operand, b, addends).tolist()
    z = output.unit_product(operand, a[0], operand, b[0], unit=rule)
    zeros = np.zeros((1, 3, 2), int)
    assert (
        output.to_bits(z).tolist()
        == expected(rule, operand, a[:1], operand, b[:1], zeros)[0].tolist()
    )


def test_a_unit_multiplies_two_formats_of_8_bits():
    e4m3, e5m2 = python("e4m3"), python("e5m2")
    rule = nl.precision.accumulation_named("unit(H100)", python, (e5m2, e4m3))
    rule = rule.choice.unit_of(e5m2.format, e4m3.format)
    a, b, zeros = random(e5m2, 1, 2, 40), random(e4m3, 1, 40, 2), np.zeros((1, 2, 2), int)
    z = F32.unit_product(e5m2, a, e4m3, b, unit=rule)
    assert F32.to_bits(z).tolist() == expected(rule, e5m2, a, e4m3, b, zeros).tolist()


def test_products_without_terms_are_the_addends():
    a, b = (F16.from_float(np.zeros(shape)) for shape in ((2, 0), (0, 3)))
    rule = unit("V100:fp16")
    assert not F32.to_bits(F32.unit_product(F16, a, F16, b, unit=rule)).any()
    z = F32.unit_product(F16, a, F16, b, F32, F32.from_float([1.5]), unit=rule)
    assert F32.to_float(z).tolist() == [[1.5] * 3] * 2
    empty = F32.unit_product(F16, a[:0], F16, b, unit=rule)
    assert empty.shape == (0, 3)


def test_a_recorded_product_is_repeated_with_other_numbers():
    record = Record()
    twin, half = record.twin(F32), record.twin(F16)
    rule, a, b = unit("A100:fp16,promote_every=8"), random(F16, 2, 20), random(F16, 20, 2)
    x = half.device_copy(a)
    z = twin.unit_product(half, x, half, half.device_copy(b), unit=rule)
    first = z.copy()
    x[...] = other = random(F16, 2, 20)
    F32.compile(record)()
    assert first.tobytes() == F32.unit_product(F16, a, F16, b, unit=rule).tobytes()
    assert z.tobytes() == F32.unit_product(F16, other, F16, b, unit=rule).tobytes()


@pytest.mark.parametrize(
    ("error", "message", "call"),
    [
        (ShapeError, r"unit_product takes shapes \(n, k\) and \(k, m\)",
         lambda a, rule: F32.unit_product(F16, a, F16, a, unit=rule)),
        (ShapeError, "addends that broadcast to",
         lambda a, rule: F32.unit_product(F16, a, F16, a.T, F32, np.zeros(3, "f4"), unit=rule)),
        (UnavailableError, "binary16 needs a unit with results in its format, not binary32",
         lambda a, rule: F16.unit_product(F16, a, F16, a.T, unit=rule)),
        (UnavailableError, "operands of this unit in binary16; bfloat16 has bfloat16",
         lambda a, rule: F32.unit_product(BF16, a, BF16, a.T, unit=rule)),
        (UnavailableError, "binary32; binary16 has binary16",
         lambda a, rule: F32.unit_product(F16, a, F16, a.T, F16, a[0, :1], unit=rule)),
        (UnavailableError, "mp:40 has no format",
         lambda a, rule: F32.unit_product(python("mp:40"), a, F16, a.T, unit=rule)),
        (StorageError, "takes uint16 arrays",
         lambda a, rule: F32.unit_product(F16, a.astype(np.uint32), F16, a.T, unit=rule)),
        (NumleanError, "an addend's Scalar and its numbers, or neither",
         lambda a, rule: F32.unit_product(F16, a, F16, a.T, F32, unit=rule)),
        (NumleanError, "unit",
         lambda a, rule: F32.unit_product(F16, a, F16, a.T, unit="V100:fp16")),
    ],
)  # fmt: skip
def test_operands_that_do_not_fit_are_refused_in_one_line(error, message, call):
    with pytest.raises(error, match=message) as caught:
        call(F16.from_float([[1.0, 2.0]]), unit("V100:fp16"))
    assert "\n" not in str(caught.value)
