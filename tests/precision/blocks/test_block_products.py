"""Products of operands in block formats, against a transcription in rationals and numpy."""

from fractions import Fraction

import numpy as np
import pytest

from numlean.autograd.tensor import Tensor
from numlean.errors import NumleanError
from numlean.precision.accumulation import Blocked
from numlean.precision.contraction import Contraction
from numlean.precision.scaling import ScaledOperand, scaling_named
from numlean.precision.scaling.hadamard import Hadamard, matrix
from numlean.scalar.protocol import Scalar
from numlean.scalar.registry import get_scalar
from numlean.testing import blocks as reference

F32 = np.float32
PLAIN = get_scalar("float32", "python")


def operand(dtype: str, scaling: str, wide: Scalar = PLAIN) -> ScaledOperand:
    return ScaledOperand(get_scalar(dtype, "python"), scaling_named(scaling), wide)


def contraction(left: ScaledOperand, right: ScaledOperand, block: int) -> Contraction:
    wide = left.scales
    return Contraction(left, right, Blocked(wide, block, wide), wide)


def dot(a: list[tuple[Fraction, list[Fraction]]], b: list[tuple[Fraction, list[Fraction]]]) -> F32:
    """Return the sum over blocks (scale, elements), each part and each sum rounded to binary32."""
    total = F32(0)
    for (scale_a, codes_a), (scale_b, codes_b) in zip(a, b, strict=True):
        part = F32(0)
        for x, y in zip(codes_a, codes_b, strict=True):
            part = F32(part + F32(float(x * y)))
        total = F32(total + F32(float(Fraction(float(part)) * scale_a * scale_b)))
    return total


def power_blocks(row: np.ndarray, element: str, size: int) -> list[tuple[Fraction, list[Fraction]]]:
    """Return a row in blocks by the rules of TransformerEngine, as values."""
    elements, found = reference.ELEMENTS[element], []
    for k in range(0, len(row), size):
        block = row[k : k + size].view(np.uint32).tolist()
        scale, codes = reference.power_block(
            "rceil", "transformer_engine", "ties_to_even", elements, block
        )
        found.append((Fraction(2) ** (scale - 127), [value(elements, code) for code in codes]))
    return found


def value(elements: reference.Elements, code: int) -> Fraction:
    magnitude = elements.values[code % elements.sign]
    return -magnitude if code >= elements.sign else magnitude


@pytest.mark.parametrize(("left", "right"), [("e4m3", "e4m3"), ("e5m2", "e4m3"), ("e2m1", "e2m1")])
def test_a_product_of_blocks_is_that_of_the_specification(left: str, right: str) -> None:
    rng = np.random.default_rng(1)
    a = (rng.standard_normal((2, 70)) * np.exp2(rng.integers(-9, 9, (2, 70)))).astype(F32)
    b = rng.standard_normal((70, 3)).astype(F32)
    scaling = "block(1x32, mx(rule=rceil, preset=transformer_engine))"
    rule = contraction(operand(left, scaling), operand(right, scaling), 32)
    rows = [power_blocks(row, left, 32) for row in a]
    columns = [power_blocks(np.ascontiguousarray(column), right, 32) for column in b.T]
    expected = np.array([[dot(row, column) for column in columns] for row in rows], F32)
    np.testing.assert_array_equal(
        rule.product(PLAIN, a, b).view(np.uint32), expected.view(np.uint32)
    )


def test_scales_whose_product_leaves_binary32_are_multiplied_exactly() -> None:
    scaling = "block(1x32, mx)"
    rule = contraction(operand("e4m3", scaling), operand("e4m3", scaling), 32)
    for power in (2.0**-80, 2.0**80):
        a, b = np.full((1, 32), power, F32), np.full((32, 1), 2.0**-40 / power, F32)
        assert rule.product(PLAIN, a, b).tolist() == [[32 * 2.0**-40]]
    tiny = np.full((1, 4), 1.5 * 2.0**-75, F32)
    exact = 4 * (1.5 * 2.0**-75) ** 2
    assert rule.product(PLAIN, tiny, tiny.T)[0, 0] == F32(exact)


def test_nvfp4_multiplies_by_both_tensors_scales_at_the_end() -> None:
    rng = np.random.default_rng(2)
    a, b = rng.standard_normal((2, 32)).astype(F32), rng.standard_normal((32, 2)).astype(F32)
    rule = contraction(
        operand("e2m1", "block(1x16, nvfp4)"), operand("e2m1", "block(1x16, nvfp4)"), 16
    )
    left, right = (
        reference.nvfp4("exact", x.reshape(-1, 16).view(np.uint32).tolist())
        for x in (a, np.ascontiguousarray(b.T))
    )

    def blocks(tensor: reference.TwoLevels, row: int) -> list[tuple[Fraction, list[Fraction]]]:
        kept = range(2 * row, 2 * row + 2)
        e2m1 = reference.ELEMENTS["e2m1"]
        return [
            (
                reference.E4M3.values[tensor.scales[k]],
                [value(e2m1, code) for code in tensor.elements[k]],
            )
            for k in kept
        ]

    whole = left.tensor_scale * right.tensor_scale
    expected = [
        [dot(blocks(left, i), blocks(right, j)) * whole for j in range(2)] for i in range(2)
    ]
    np.testing.assert_array_equal(rule.product(PLAIN, a, b), np.array(expected, F32))


def test_square_blocks_share_a_scale_over_rows() -> None:
    x = np.random.default_rng(3).standard_normal((20, 18)).astype(F32)
    q = operand("e2m1", "block(16x16, nvfp4)").quantize(PLAIN, x)
    assert q.inverses.shape == (20, 2)
    assert len(np.unique(q.inverses[:16, 0])) == len(np.unique(q.inverses[16:, 1])) == 1
    assert q.codes.shape == x.shape


def test_a_hadamard_transform_of_both_operands_changes_no_exact_product() -> None:
    np.testing.assert_array_equal(matrix(Hadamard()) @ matrix(Hadamard()).T, np.eye(16))
    scaling = "block(1x16, nvfp4(hadamard))"
    rule = contraction(operand("e2m1", scaling), operand("e2m1", scaling), 16)
    # One number of 4 becomes sixteen of 1, which nvfp4 has exactly.
    a, b = np.zeros((1, 20), F32), np.zeros((20, 1), F32)
    a[0, 3] = b[3, 0] = 4
    assert abs(float(rule.product(PLAIN, a, b)[0, 0]) - 16) < 1e-4


def test_ieee32exec_and_a_compiled_session_have_the_bits_of_float32() -> None:
    rng = np.random.default_rng(4)
    a, b = rng.standard_normal((3, 40)).astype(F32), rng.standard_normal((40, 2)).astype(F32)
    exec32 = get_scalar("ieee32exec", "python")
    for scaling, block in (("block(1x32, mx)", 32), ("block(1x16, nvfp4(hadamard))", 16)):
        plain = contraction(operand("e2m1", scaling), operand("e2m1", scaling), block)
        other = contraction(
            operand("e2m1", scaling, exec32), operand("e2m1", scaling, exec32), block
        )
        x, y = (Tensor.of(exec32, each).data for each in (a, b))
        np.testing.assert_array_equal(
            plain.product(PLAIN, a, b).view(np.uint32), other.product(exec32, x, y)
        )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("tensor(mx)", "has a scale for each block"),
        ("block(1x32, mx(rule=flor))", "did you mean 'floor'"),
        ("block(1x32, mx(preset=exact))", "has no rules"),
        ("block(1x32, mx(rul=floor))", "did you mean 'rule'"),
        ("block(1x32, mx(hadamard=1))", "write each setting of mx once"),
        ("block(1x32, mx, power_of_two)", "mx and power_of_two exclude each other"),
        ("block(1x16, nvfp4(rule=floor))", "scale_rule is for"),
    ],
)
def test_a_wrong_scaling_is_refused_in_one_line(text: str, message: str) -> None:
    with pytest.raises(NumleanError, match=message):
        scaling_named(text)


def test_scalings_are_read_back_from_their_texts() -> None:
    for text in ("block(1x32, mx(rule=rceil, preset=ocp))", "block(16x16, nvfp4(hadamard))"):
        assert str(scaling_named(text)) == text
        assert scaling_named(str(scaling_named(text))) == scaling_named(text)


def test_sums_that_do_not_fit_blocks_are_refused() -> None:
    mx, plain = operand("e4m3", "block(1x32, mx)"), operand("e4m3", "tensor")
    with pytest.raises(NumleanError, match="does not add up such blocks"):
        Contraction(mx, mx, Blocked(PLAIN, 3, PLAIN), PLAIN)
    with pytest.raises(NumleanError, match="of both operands, or of neither"):
        Contraction(mx, plain, Blocked(PLAIN, 32, PLAIN), PLAIN)
