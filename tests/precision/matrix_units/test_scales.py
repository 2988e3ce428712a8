"""Matrix units whose operands have scales: their interface, special scales, and known sums."""

import numpy as np
import pytest

import numlean as nl
from numlean.precision import parse_policy

MXF8, NVF4 = "B200:e4m3:mxf8f6f4", "B200:e2m1:mxf4nvf4-e4m3x16"
MXF4 = "B200:e2m1:mxf4nvf4-e8m0x32"
ONE = {MXF8: 0x38, NVF4: 0b0010, MXF4: 0b0010}
NAN = 0x7FFFFFFF


def dot(name, a, b, c=0.0, scales=None, device="python"):
    """Return the result as a number."""
    start = np.float32(c).view(np.uint32)
    z = nl.get_matrix_unit(name).dot(a, b, start, scales=scales, device=device)
    return np.asarray(z).view(np.float32)


def ones(name, k):
    return np.full(k, ONE[name], np.uint8)


def test_each_block_has_the_product_of_its_scales():
    x = ones(NVF4, 48)
    one, two, half = 0x38, 0x40, 0x30
    assert dot(NVF4, x, x, 1.0, ([one, two, half], [one, two, two])) == 1 + 16 * (1 + 4 + 1)
    assert dot(NVF4, x[:33], x[:33], 0.0, ([one, two, half], [two, one, two])) == 16 * 4 + 1
    assert dot(NVF4, x[:16], x[:16], 0.0, ([0x3C], [0x3E])) == 16 * 1.5 * 1.75
    y = ones(MXF8, 64)
    assert dot(MXF8, y, y, 0.0, ([127, 130], [126, 127])) == 32 * (0.5 + 8)
    z = ones(MXF4, 64)
    assert dot(MXF4, z, z, 0.0, ([127, 130], [126, 127])) == 32 * (0.5 + 8)


def test_signs_of_scales_are_ignored_and_zero_scales_give_zero():
    x = ones(NVF4, 16)
    assert dot(NVF4, x, x, 0.0, ([0xB8], [0x38])) == 16
    assert dot(NVF4, x, x, 3.0, ([0x80], [0x38])) == 3
    assert dot(NVF4, x, x, 0.0, ([1], [0x38])) == 16 * 2.0**-9  # subnormal


@pytest.mark.parametrize(("name", "nan", "one"), [(MXF8, 0xFF, 127), (NVF4, 0x7F, 0x38)])
def test_a_nan_scale_gives_nan_whatever_its_block_has(name, nan, one):
    unit = nl.get_matrix_unit(name)
    size = unit.unit.scales.size
    for value in (0, ONE[name]):
        x = np.full(2 * size, value, np.uint8)
        for scales in (([one, nan], [one, 1]), ([1, 1], [nan, nan])):
            assert unit.dot(x, x, 0, scales=scales, device="python") == NAN
    infinity = 0x7F800000
    x = ones(name, size)
    assert unit.dot(x, x, infinity, scales=([one], [one]), device="python") == infinity
    assert unit.dot(x, x, infinity, scales=([one], [nan]), device="python") == NAN


def test_terms_are_cut_off_below_the_fraction_bits():
    tiny, eight, net_one = 0x01, 0x50, ([128], [126])  # 2**-9, 8, and scales 2 and 0.5
    for sixteen_or_more, start, left in ((0x58, -(2.0**7), 2.0**-18), (0x60, -(2.0**8), 0.0)):
        assert dot(MXF8, [eight, tiny], [sixteen_or_more, tiny], start, net_one) == left
    x = np.zeros(32, np.uint8)
    x[0], x[16] = 0b0010, 0b0001  # 1, and 0.5 in the second part
    for scale, left in ((127 - 33, 2.0**-35), (127 - 34, 0.0)):
        scales = [127, scale], [127, 127]
        assert dot("B200:e2m1:mxf4nvf4-e8m0x16", x, x, -1.0, scales) == left


def test_the_greatest_exponent_has_a_least_value():
    x = ones(MXF8, 8)
    assert dot(MXF8, x, x, 0.0, ([127 - 76], [127 - 75])) == 2.0**-148
    assert dot(MXF8, x, x, 0.0, ([127 - 76], [127 - 76])) == 0  # below 2**(-126 - 25)


def test_products_of_a_part_are_added_before_they_are_aligned():
    six, minus_six, scales = 0b0111, 0b1111, ([227], [127])  # 2**100 and 1
    a, b = [six, six], [six, minus_six]
    assert dot(MXF4, a, b, 2.0**-30, scales) == 2.0**-30
    assert dot("B200:e2m1:mxf8f6f4", a, b, 2.0**-30, scales) == 0


def test_a_product_of_matrices_is_a_dot_product_of_each_row_and_column():
    rng = np.random.default_rng(2)
    unit = nl.get_matrix_unit(NVF4)
    a, b = rng.integers(0, 16, (2, 3, 70)), rng.integers(0, 16, (70, 4))
    scales = rng.integers(40, 70, (2, 3, 5)), rng.integers(40, 70, (5, 4))
    z = unit.matmul(a, b, scales=scales, device="python")
    assert (z.shape, z.dtype) == ((2, 3, 4), np.uint32)
    pairs = unit.dot(
        a[:, :, np.newaxis],
        b.T,
        0,
        scales=(scales[0][:, :, np.newaxis], scales[1].T),
        device="python",
    )
    np.testing.assert_array_equal(z, pairs)
    none = unit.matmul(a[0, :0], b, scales=(scales[0][0, :0], scales[1]), device="python")
    assert none.shape == (0, 4)


@pytest.mark.parametrize("name", [MXF8, NVF4])
def test_compiled_units_have_the_interpreter_s_bits(name):
    rng = np.random.default_rng(4)
    unit = nl.get_matrix_unit(name)
    width, size = unit.unit.left.format.width, unit.unit.scales.size
    a, b = rng.integers(0, 1 << width, (5, 100)), rng.integers(0, 1 << width, (100, 6))
    if name == MXF8:
        a[::2], b[:, ::2] = a[::2] & 0xBF, b[:, ::2] & 0xBF  # no NaN
    blocks, one = -(-100 // size), unit.unit.scales.format.one
    scales = [rng.integers(one - 20, one + 20, shape) for shape in ((5, blocks), (blocks, 6))]
    scales[0][1, 0] = 0xFF
    c = rng.integers(0, 0x7F800000, (5, 6))
    z = unit.matmul(a, b, c, scales=scales)
    np.testing.assert_array_equal(z, unit.matmul(a, b, c, scales=scales, device="python"))
    assert (z[1] == NAN).all()
    assert unit.unit.output.is_finite(z[::2, ::2]).any()


def test_descriptions_name_the_scales_and_the_evidence():
    text = nl.get_matrix_unit(NVF4).describe()
    assert "each 16 k have a scale on each side, in e4m3, its sign ignored" in text
    assert "unverified: MMA only" in text
    assert "34 to 37" in text
    assert "exponents of both scales are added" in nl.get_matrix_unit(MXF8).describe()


def test_policies_refuse_units_with_scales():
    for name in (MXF8, NVF4, "B200:mxf8f6f4"):
        with pytest.raises(nl.NumleanError, match="takes scales with its operands") as caught:
            parse_policy(f"fp16-amp,accumulate=unit({name})")
        assert "\n" not in str(caught.value)
    low = nl.get_scalar("e4m3", "python")
    one = low.from_float([[1.0]])
    wide = nl.get_scalar("float32", "python")
    with pytest.raises(nl.NumleanError, match="unit_product takes no scales"):
        wide.unit_product(low, one, low, one, unit=nl.get_matrix_unit(MXF8).unit)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda u: u.dot([0], [0], 0), "multiplies with scales; give scales="),
        (lambda u: u.matmul([[0]], [[0]]), "encodings of e4m3 for each 16 k"),
        (lambda u: u.dot([0], [0], 0, scales=[[1]]), "scales"),
        (lambda u: u.dot([0], [0], 0, scales=([256], [1])), "scales of a takes integers of 8 bits"),
        (lambda u: u.dot([0] * 17, [0] * 17, 0, scales=([1], [1])), r"shapes \(2,\) and"),
        (lambda u: u.matmul([[0]], [[0]], scales=([1], [[1]])), r"got \(1,\) and \(1, 1\)"),
        (lambda u: u.steps([0], [0], 0), "steps does not follow scales"),
        (
            lambda u: nl.get_matrix_unit("A100:fp16").dot([0], [0], 0, scales=([1], [1])),
            "A100:fp16 has no scales",
        ),
    ],
)
def test_errors_are_one_line_with_the_fix(call, message):
    with pytest.raises(nl.NumleanError, match=message) as caught:
        call(nl.get_matrix_unit(NVF4))
    assert "\n" not in str(caught.value)
