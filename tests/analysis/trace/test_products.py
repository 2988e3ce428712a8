"""One element of a product in several arithmetics: its operands, its result, the exact result."""

from fractions import Fraction

import numpy as np
import pytest

from numlean import get_scalar
from numlean.analysis.lockstep.assessment import AS_SPECIFIED, assess, exact_of
from numlean.analysis.lockstep.causes import apply_element
from numlean.analysis.trace.elements import element_of
from numlean.analysis.trace.products import rule_text, whole
from numlean.precision import Contraction, accumulation_named
from numlean.precision.scaling import ScaledOperand, scaling_named
from numlean.scalar.exact import exact_of as exact_number
from numlean.scalar.wrappers.tracing import Trace, TracingScalar

SHAPE = (3, 5, 2)
INDICES = [(i, j) for i in range(SHAPE[0]) for j in range(SHAPE[2])]


def fraction(value):
    """Return an mpf as a fraction."""
    exact = exact_number(value)
    sign = -1 if exact.sign else 1
    return sign * Fraction(int(exact.significand)) * Fraction(2) ** exact.exponent


def fractions(numbers):
    return [fraction(v) for v in numbers.scalar.to_exact(numbers.storage).flat]


def traced_product(accumulate, scaling=None, output="bfloat16", *, with_bias=True, batch=()):
    """Return the operations of a product of random numbers, and the product as a whole."""
    trace, made = Trace(), {}

    def of(dtype):
        return made.setdefault(dtype, TracingScalar(get_scalar(dtype, "python"), trace))

    sides = [of("bfloat16"), of("bfloat16")]
    if scaling is not None:
        codes = of("bfloat16" if "int8" in scaling else "e4m3")
        sides = [ScaledOperand(codes, scaling_named(scaling), of("float32"))] * 2
    operands = (of("bfloat16") if scaling is None else codes,) * 2
    rule = accumulation_named(accumulate, of, operands)
    contraction = Contraction(*sides, rule, of(output))
    rng, (n, k, m) = np.random.default_rng(5), SHAPE
    shapes = [(*batch, n, k), (*batch, k, m), *([(m,)] if with_bias else [])]
    numbers = [of("float32").from_float(rng.standard_normal(shape)) for shape in shapes]
    trace.start()
    contraction.product(of("float32"), *numbers)
    parts = [*trace.operations]
    return parts, whole(parts[0].product, parts)


RULES = [
    ("ordered(float32)", None),
    ("ordered(bfloat16)", None),
    ("fma(float32)", None),
    ("pairwise(float32)", None),
    ("blocked(float32, 2, float64)", None),
    ("exact", None),
    ("ordered(float32)", "tensor"),
    ("exact", "row"),
    ("blocked(float32, 2, float32)", "block(1x2)"),
    ("unit(A100:bf16)", None),
    ("unit(H100:wgmma)", "tensor"),
    ("unit(H100:mma)", "row"),
    ("unit(A100:fp16)", "block(1x2)"),
    ("ordered(float32)", "block(1x2)"),
    ("ordered(float32)", "block(1x2, nvfp4)"),
    ("pairwise(float32)", "block(1x2, mx)"),
    ("exact", "block(1x2, nvfp4)"),
    ("ordered(float32)", "row(int8)"),
]


@pytest.mark.parametrize(("accumulate", "scaling"), RULES)
def test_an_element_of_a_product_is_computed_again_and_exactly(accumulate, scaling):
    parts, op = traced_product(accumulate, scaling)
    assert {each.product for each in parts} == {op.product}
    for index in INDICES:
        element = element_of(op, index)
        numbers = element.numbers(op.scalar)
        a, b, c = (fractions(numbers[label]) for label in "abc")
        for label, row in (("a", a), ("b", b)):
            factors = numbers.get(f"factor of {label}")
            own = [Fraction(1)] if factors is None else fractions(factors)
            row[:] = [x * (own[0] if len(own) == 1 else own[k]) for k, x in enumerate(row)]
        exact = exact_of(element, op.operation, op.scalar)
        assert fraction(exact) == sum((x * y for x, y in zip(a, b, strict=True)), c[0])
        result = op.result[index].reshape(1)
        again = apply_element(element, get_scalar("bfloat16", "python"))
        assert again.tobytes() == result.tobytes()
        found = assess(element, op.operation, op.scalar, result, exact)
        assert found.verdict == AS_SPECIFIED
        assert abs(found.error) < 8
    assert rule_text(op).startswith("product with operands ")
    assert accumulate in rule_text(op)


@pytest.mark.parametrize(("accumulate", "scaling"), RULES)
def test_every_part_of_a_product_gives_its_elements_again(accumulate, scaling):
    parts, _ = traced_product(accumulate, scaling)
    checked = set()
    for op in parts:
        for index in np.ndindex(*np.shape(op.result)):
            element = element_of(op, index)
            if element is None:
                continue
            again = apply_element(element, op.scalar)
            assert again.tobytes() == np.asarray(op.result)[index].reshape(1).tobytes()
            checked.add(op.operation)
    assert checked & {"matmul", "exact_product", "unit_product", "sum"}


def test_elements_of_batches_without_a_bias():
    _, op = traced_product("ordered(float32)", with_bias=False, batch=(2,))
    element = element_of(op, (1, 2, 0))
    assert set(element.operands) == {"a", "b"}
    again = apply_element(element, get_scalar("bfloat16", "python"))
    assert again.tobytes() == op.result[1, 2, 0].tobytes()


def test_a_flipped_bit_of_a_whole_product_is_its_cause():
    _, op = traced_product("ordered(float32)")
    index = (1, 1)
    element = element_of(op, index)
    flipped = op.scalar.from_bits(op.scalar.to_bits(op.result[index].reshape(1)) ^ 1 << 4)
    exact = exact_of(element, op.operation, op.scalar)
    assert assess(element, op.operation, op.scalar, flipped, exact).causes == ("bit 4 is flipped",)


def test_random_rounding_leaves_the_operands_and_the_exact_sum():
    _, op = traced_product("ordered(float32)", output="bfloat16@round=stochastic")
    element = element_of(op, (0, 0))
    exact = exact_of(element, op.operation, op.scalar)
    found = assess(element, op.operation, op.scalar, op.result[0, 0].reshape(1), exact)
    assert found.is_right is None
    assert abs(found.error) < 1
