"""Products by matrix units: shapes, starts, padding, chains, special numbers, devices.

The rules are compared with exact rationals and with recorded results of chips in
tests/testing/matrix_units and tests/verification/matrix_units.
"""

import numpy as np
import pytest

import numlean as nl

RNG = np.random.default_rng(3)
ONE16, ONE32, INF16, NAN16 = 0x3C00, 0x3F800000, 0x7C00, 0x7E01
A100 = nl.get_matrix_unit("A100:fp16")


def half(*shape):
    """Return encodings of random binary16 numbers."""
    return RNG.standard_normal(shape).astype(np.float16).view(np.uint16)


def product(a, b, c=None, options="", output=""):
    unit = nl.get_matrix_unit(f"A100:fp16{output}{options}")
    return unit.matmul(a, b, c, device="python")


def test_a_product_of_matrices_is_a_dot_product_of_each_row_and_column():
    a, b = half(2, 3, 21), half(21, 4)
    c = RNG.standard_normal((3, 4)).astype(np.float32).view(np.uint32)
    z = A100.matmul(a, b, c, device="python")
    assert (z.shape, z.dtype) == ((2, 3, 4), np.uint32)
    pairs = A100.dot(a[:, :, np.newaxis], b.T, c, device="python")
    np.testing.assert_array_equal(z, pairs)


def test_shapes_broadcast_and_may_be_empty():
    assert A100.dot(half(5, 1, 8), half(3, 8), 0, device="python").shape == (5, 3)
    assert A100.dot(half(0, 8), half(1, 8), 0, device="python").shape == (0,)
    assert A100.matmul(half(0, 3), half(3, 2), device="python").shape == (0, 2)
    assert A100.matmul(half(7, 1, 2, 3), half(4, 3, 5), device="python").shape == (7, 4, 2, 5)


def test_without_products_the_start_is_the_result():
    odd = np.array([0x7FC00001, 0x80000000, 1], np.uint32)
    for name in ("A100:fp16", "H100:e4m3:mma", "MI250:fp16", "MI100:fp16", "MI300:fp16"):
        unit = nl.get_matrix_unit(name)
        none = np.zeros((3, 0), np.uint16)
        np.testing.assert_array_equal(unit.dot(none, none, odd, device="python"), odd)
    assert not A100.matmul(half(2, 0), half(0, 2), device="python").any()


@pytest.mark.parametrize("name", ["V100:fp16", "A100:fp16,model=mma", "MI300:fp16", "MI250:fp16"])
def test_zeros_at_the_end_change_no_bit(name):
    unit, a, b = nl.get_matrix_unit(name), half(6, 5), half(6, 5)
    c = RNG.standard_normal(6).astype(np.float32).view(np.uint32)
    longer = [np.pad(x, ((0, 0), (0, 11))) for x in (a, b)]
    np.testing.assert_array_equal(
        unit.dot(a, b, c, device="python"), unit.dot(*longer, c, device="python")
    )


def test_blocks_of_k_are_added_in_the_output_s_format():
    for output, real in (("", np.float32), ("->fp16", np.float16)):
        a, b = half(3, 50), half(50, 2)
        c = np.ones((3, 2), real).view(f"u{np.dtype(real).itemsize}")
        parts = [
            product(a[:, k : k + 20], b[k : k + 20], c if k == 0 else None, output=output)
            for k in (0, 20, 40)
        ]
        first, second, third = (part.view(real) for part in parts)
        z = product(a, b, c, ",k_block=20", output)
        np.testing.assert_array_equal(z.view(real), (first + second) + third)


def test_promoted_accumulators_are_added_in_binary32_and_rounded_once():
    a, b = half(4, 40), half(40, 3)
    parts = [product(a[:, k : k + 16], b[k : k + 16], output="->fp16") for k in (0, 16, 32)]
    first, second, third = (part.view(np.float16).astype(np.float32) for part in parts)
    z = product(a, b, None, ",promote_every=16", "->fp16").view(np.float16)
    np.testing.assert_array_equal(z, ((first + second) + third).astype(np.float16))


def test_ranges_of_k_are_added_in_order_or_by_a_tree():
    a, b = half(3, 49), half(49, 4)
    parts = [product(a[:, k : k + 10], b[k : k + 10]).view(np.float32) for k in range(0, 49, 10)]
    p, q, r, s, t = parts
    ascending = product(a, b, None, ",split_k=5").view(np.float32)
    np.testing.assert_array_equal(ascending, (((p + q) + r) + s) + t)
    pairwise = product(a, b, None, ",split_k=5,order=pairwise").view(np.float32)
    np.testing.assert_array_equal(pairwise, ((p + q) + (r + s)) + t)
    assert (ascending != pairwise).any()


@pytest.mark.parametrize("name", ["V100:fp16", "H100:fp16", "H100:fp16,model=mma"])
def test_infinities_and_nans_come_before_all_else(name):
    unit = nl.get_matrix_unit(name)

    def dot(a, b, c=0):
        return hex(unit.dot([*a, ONE16, ONE16], [*b, ONE16, 0], c, device="python"))

    nan, infinity = "0x7fffffff", "0x7f800000"
    assert dot([INF16], [ONE16]) == infinity
    assert dot([INF16], [0x8001]) == "0xff800000"
    assert dot([INF16], [0]) == dot([NAN16], [0]) == dot([NAN16], [INF16]) == nan
    assert dot([INF16, INF16], [ONE16, 0x8000 | ONE16]) == nan
    assert dot([INF16], [ONE16], 0xFF800000) == dot([], [], 0x7F800001) == nan
    assert dot([INF16], [ONE16], 0x7F7FFFFF) == dot([], [], 0x7F800000) == infinity
    # A later group meets the infinity of an earlier one.
    zeros = [0] * 40
    assert dot([INF16, *zeros, INF16], [ONE16, *zeros, 0x8000 | ONE16]) == nan


def test_zero_sums_are_positive_and_results_overflow_to_infinity():
    minus_zeros = [0x8000] * 8
    assert A100.dot(minus_zeros, [ONE16] * 8, 0x80000000, device="python") == 0
    large = [0x7BFF] * 8
    half_result = nl.get_matrix_unit("A100:fp16->fp16")
    assert half_result.dot(large, large, 0, device="python") == INF16
    assert half_result.dot(large, [0xFBFF] * 8, 0, device="python") == 0xFC00
    wide = nl.get_matrix_unit("A100:bf16")
    assert wide.dot([0x7F7F] * 8, [0x7F7F] * 8, 0, device="python") == 0x7F800000
    assert wide.dot([0x7F7F] * 2, [0x7F7F, 0xFF7F], 0, device="python") == 0


@pytest.mark.parametrize("name", ["A100:fp16", "H100:e4m3:mma->fp16", "MI300:e4m3fnuz"])
def test_compiled_units_have_the_interpreter_s_bits(name):
    unit = nl.get_matrix_unit(name)
    given, output = unit.unit.left.format, unit.unit.output
    a = RNG.integers(0, 1 << given.width, (9, 70))
    b = RNG.integers(0, 1 << given.width, (70, 19))
    # Half of the rows have numbers near 1 only, so that most of their sums are finite.
    a[::2] = given.one + a[::2] % 30 - 15
    b[:, ::2] = given.one + b[:, ::2] % 30 - 15
    c = RNG.integers(0, output.max_finite, (9, 19))
    z = unit.matmul(a, b, c)
    np.testing.assert_array_equal(z, unit.matmul(a, b, c, device="python"))
    finite = output.is_finite(z)
    assert finite[::2, ::2].any()
    assert not finite[1::2, 1::2].all()


def test_descriptions_say_what_is_verified():
    for name in nl.matrix_units():
        unit = nl.get_matrix_unit(name)
        text = unit.describe()
        assert text.splitlines()[0] == name
        assert ("evidence: checked" in text) == unit.is_checked
        assert ("unverified" in text) == (not unit.is_checked)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: A100.dot([[1] * 8], [[1] * 7], 0), nl.NumleanError, "as many products each"),
        (lambda: A100.dot(half(3, 8), half(2, 8), 0), nl.NumleanError, r"c of shape \(\.\.\.\)"),
        (lambda: A100.dot(1, [1], 0), nl.NumleanError, "got one number"),
        (lambda: A100.dot([1.0], [1], 0), nl.NumleanError, "a takes integers of 16 bits"),
        (lambda: A100.dot([1], [70000], 0), nl.NumleanError, "b takes integers of 16 bits"),
        (lambda: A100.dot([1], [1], -1), nl.NumleanError, "c takes integers of 32 bits"),
        (lambda: A100.dot([1], [1], 0, device="gpu"), nl.NumleanError, "did you mean 'cpu'"),
        (lambda: A100.matmul([[1]], [[1], [1]]), nl.NumleanError, r"b of shape \(\.\.\., k, m\)"),
        (lambda: A100.matmul([1], [[1]]), nl.NumleanError, "matmul takes a of shape"),
        (
            lambda: A100.matmul(half(2, 3), half(3, 4), [1] * 5),
            nl.NumleanError,
            "c that broadcasts to the products",
        ),
    ],
)
def test_errors_are_one_line_with_the_value(call, error, message):
    with pytest.raises(error, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)
