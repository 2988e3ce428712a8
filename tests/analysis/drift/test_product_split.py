"""The parts of a product's error, compared with exact rationals of operands rounded elsewhere."""

from fractions import Fraction

import ml_dtypes
import numpy as np
import pytest

import numlean as nl
from numlean.analysis.drift.exact_array import ExactArray, finite
from numlean.analysis.drift.product_errors import computed_product, product_errors
from numlean.analysis.drift.product_split import PARTS, split_product
from numlean.precision import Contraction, Exact, Fused, Ordered, ScaledOperand, scaling_named
from numlean.precision.accumulation import Blocked
from numlean.scalar.wrappers.tracing import Trace, TracingScalar

F32 = np.float32
SCALARS = {
    name: nl.get_scalar(name, "python")
    for name in ("bfloat16", "binary16", "ieee32exec", "e4m3", "mp:80")
}
BF16, WIDE = SCALARS["bfloat16"], SCALARS["ieee32exec"]


def traced(contraction, a, b, *addend):
    """Return the only product of a trace."""
    trace = Trace()
    wrappers = {}

    def wrap(scalar):
        return wrappers.setdefault(scalar, TracingScalar(scalar, trace))

    own = contraction.with_scalars(wrap)
    own.product(wrap(WIDE), *(WIDE.from_float(x) for x in (a, b, *addend)))
    (product,) = {id(op.product): op.product for op in trace.operations}.values()
    return product, trace.operations


def split(contraction, a, b, *addend):
    product, _ = traced(contraction, a, b, *addend)
    return split_product(computed_product(product, product.operands))


def rationals(x):
    return np.array([Fraction(float(v)) for v in np.asarray(x).flat], object).reshape(np.shape(x))


def numbers(seed, *shapes):
    rng = np.random.Generator(np.random.Philox(seed))
    return [
        (rng.normal(size=shape) * 2.0 ** rng.integers(-3, 4, shape)).astype(F32) for shape in shapes
    ]


def in_bfloat16(x):
    return np.asarray(x, F32).astype(ml_dtypes.bfloat16).astype(F32)


def ordered(a, b, to=F32):
    """Return the sums of rounded products in ascending k."""
    acc = np.zeros((a.shape[0], b.shape[1]), F32)
    for k in range(a.shape[1]):
        terms = (a[:, k : k + 1] * b[k : k + 1]).astype(to).astype(F32)
        acc = (acc + terms).astype(to).astype(F32)
    return acc


def check(found, source, quantised, sums, result):
    """Compare all parts with those of rationals."""
    z, q = (x[0] @ x[1] + (x[2] if len(x) > 2 else 0) for x in (source, quantised))
    s, y = q if sums is None else rationals(sums), rationals(result)
    expected = {"total": y - z, "quantisation": q - z, "accumulation": s - q, "output": y - s}
    for name, errors in expected.items():
        assert getattr(found, name).fractions() == list(errors.flat), name
    parts = [getattr(found, name).fractions() for name in PARTS]
    assert [sum(each) for each in zip(*parts, strict=True)] == found.total.fractions()
    assert found.measured.all()


@pytest.mark.parametrize("accumulate", ["float32", "bfloat16"])
def test_parts_are_those_of_rationals_and_add_up_exactly(accumulate):
    a, b, c = numbers(1, (3, 7), (7, 2), (2,))
    scalar, to = (WIDE, F32) if accumulate == "float32" else (BF16, ml_dtypes.bfloat16)
    found = split(Contraction(BF16, BF16, Ordered(scalar), BF16), a, b, in_bfloat16(c))
    x, w, bias = in_bfloat16(a), in_bfloat16(b), in_bfloat16(c)
    sums = (ordered(x, w, to) + bias).astype(to).astype(F32)
    quantised = [rationals(each) for each in (x, w, bias)]
    check(found, [rationals(a), rationals(b), quantised[2]], quantised, sums, in_bfloat16(sums))
    assert any(found.accumulation.fractions())
    assert any(found.output.fractions()) == (accumulate == "float32")


def test_an_exact_accumulation_adds_no_error_of_its_own():
    a, b = numbers(2, (2, 9), (9, 3))
    found = split(Contraction(BF16, BF16, Exact(), BF16), a, b)
    quantised = [rationals(in_bfloat16(each)) for each in (a, b)]
    exact = quantised[0] @ quantised[1]
    result = np.array([float(v) for v in exact.flat], F32).reshape(exact.shape)
    check(found, [rationals(a), rationals(b)], quantised, None, in_bfloat16(result))
    assert not any(found.accumulation.fractions())


def test_a_scaled_operand_stands_for_its_codes_times_their_factors():
    a, b = (x * F32(1e-3) for x in numbers(3, (3, 8), (8, 2)))
    e4m3 = SCALARS["e4m3"]
    operand = ScaledOperand(e4m3, scaling_named("tensor"), WIDE)
    found = split(Contraction(operand, operand, Ordered(WIDE), WIDE), a, b)
    codes, inverses = [], []
    for x in (a, b):
        s = F32(448) / np.abs(x).max()
        codes.append(np.clip(x * s, -448, 448).astype(ml_dtypes.float8_e4m3fn).astype(F32))
        inverses.append(F32(1) / s)
    sums = ordered(*codes) * (inverses[0] * inverses[1])
    quantised = [rationals(c) * Fraction(float(d)) for c, d in zip(codes, inverses, strict=True)]
    check(found, [rationals(a), rationals(b)], quantised, sums, sums)


def test_blocks_have_their_own_factors_on_both_sides():
    a, b = numbers(4, (2, 4), (4, 3))
    operand = ScaledOperand(SCALARS["e4m3"], scaling_named("block(1x2)"), WIDE)
    found = split(Contraction(operand, operand, Blocked(WIDE, 2, WIDE), BF16), a, b)
    quantised = []
    for x in (a, b.T):
        blocks = x.reshape(-1, 2, 2)
        s = F32(448) / np.abs(blocks).max(axis=2, keepdims=True)
        codes = np.clip(blocks * s, -448, 448).astype(ml_dtypes.float8_e4m3fn).astype(F32)
        quantised.append((rationals(codes) * rationals(F32(1) / s)).reshape(x.shape))
    z, q = rationals(a) @ rationals(b), quantised[0] @ quantised[1].T
    assert found.quantisation.fractions() == list((q - z).flat)
    parts = [getattr(found, name).fractions() for name in PARTS]
    assert [sum(each) for each in zip(*parts, strict=True)] == found.total.fractions()


@pytest.mark.parametrize(
    ("a", "b", "part"),
    [
        ([[1e6, 1.0]], [[1.0], [1.0]], "quantisation"),
        ([[6e4, 6e4]], [[1.0], [1.0]], "accumulation"),
        ([[3e4, 3e4]], [[1.5], [1.5]], "output"),
        ([[np.inf, 1.0]], [[1.0], [1.0]], None),
    ],
)
def test_the_first_part_that_is_not_finite_has_the_infinite_error(a, b, part):
    half = SCALARS["binary16"]
    sums = WIDE if part == "output" else half
    found = split(Contraction(half, half, Fused(sums), half), np.array(a, F32), np.array(b, F32))
    assert {name for name, where in found.infinite.items() if where.any()} == {part} - {None}
    assert not found.measured.any()


def test_errors_of_products_are_infinite_where_one_part_is():
    half = SCALARS["binary16"]
    contraction = Contraction(half, half, Ordered(half), half, "forward")
    _, operations = traced(contraction, [[6e4, 6e4], [1.0, 1.0]], [[1.0], [1.0]])
    (errors,) = product_errors(operations).values()
    assert (errors.calls, errors.ulp_of, errors.largest_part) == (1, "binary16", "accumulation")
    assert errors.total.infinite == errors.accumulation.infinite == 1
    assert (errors.total.count, errors.total.exact) == (1, 1)
    assert errors.output.relative == errors.quantisation.relative == 0


@pytest.mark.parametrize("name", ["bfloat16", "e4m3", "mp:80"])
def test_exact_arrays_have_the_values_of_a_scalar(name):
    scalar = SCALARS[name]
    given = [0.0, -0.0, 1.5, -(2.0**-9), 448.0, 2.0**-100, np.inf, -np.inf, np.nan]
    x = scalar.from_float(given)
    floats = scalar.to_float(x)
    values = [Fraction(v) if np.isfinite(v) else 0 for v in floats.tolist()]
    array = ExactArray.of(scalar, x)
    assert array.fractions() == values
    assert finite(scalar, x).tolist() == np.isfinite(floats).tolist()
    assert array.floats().tolist() == [float(v) for v in values]
    square = (array * array - array + array).fractions()
    assert square == [v * v for v in values]


def test_exact_arrays_beyond_binary64_are_infinite_there_and_small_ones_are_0():
    scalar = SCALARS["mp:80"]
    x = scalar.from_string(["1e400", "-1e400", "1e-400", "3"])
    assert ExactArray.of(scalar, x).floats().tolist() == [np.inf, -np.inf, 0.0, 3.0]
