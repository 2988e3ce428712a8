"""Products that are written transposed have the bits of their transposed copies."""

import numpy as np
import pytest

import numlean as nl
from numlean_kernels.protocol import CopyCall, KernelCall
from numlean_kernels.targets.fusion.transposed_products import write_transposed
from numlean_kernels.threads import THREADS

DTYPES = (
    ("float32", "separate"),
    ("float64", "fma"),
    ("ieee32exec", "separate"),
    ("ieee32exec", "fma"),
    ("bfloat16", "separate"),
    ("e4m3", "separate"),
)
SHAPES = (2, 2, 2), (5, 7, 33), (17, 3, 40), (70, 130, 51), (130, 64, 90)


def scalar_of(dtype):
    return nl.get_scalar(dtype, fast_kernels=True)


def operand(scalar, *shape, seed):
    """Return numbers with infinities and NaNs of several payloads."""
    random = np.random.default_rng(seed)
    numbers = scalar.from_float(
        random.standard_normal(shape) * 2.0 ** random.integers(-4, 4, shape)
    )
    places = random.random(shape) < 0.3 / shape[-1]
    numbers[places] = scalar.from_float(random.choice([np.inf, -np.inf, np.nan], places.sum()))
    codes = numbers.view(f"u{numbers.itemsize}")
    codes[scalar.is_nan(numbers) & (random.random(shape) < 0.5)] ^= 1
    return numbers


def recorded(scalar, shape, exchanged, contraction):
    """Return the steps of a transposed copy of a product, and the copy."""
    n, k, m = shape
    steps = []
    twin = scalar.with_recorder(steps)
    a = operand(scalar, *((k, n) if exchanged[0] else (n, k)), seed=1)
    b = operand(scalar, *((m, k) if exchanged[1] else (k, m)), seed=2)
    a, b = (x.T if turned else x for x, turned in zip((a, b), exchanged, strict=True))
    return steps, twin.copy(twin.matmul(a, b, contraction=contraction).T)


@pytest.mark.parametrize(("dtype", "contraction"), DTYPES)
@pytest.mark.parametrize("exchanged", [(0, 0), (0, 1), (1, 0), (1, 1)])
def test_a_transposed_product_has_the_bits_of_its_copy(dtype, contraction, exchanged):
    scalar = scalar_of(dtype)
    for shape in SHAPES:
        steps, z = recorded(scalar, shape, exchanged, contraction)
        expected = z.tobytes()
        (product,) = write_transposed(steps, [z])
        assert isinstance(product, KernelCall)
        for threads in (1, 2, 3):
            with THREADS.given(threads):
                program = scalar.compile(steps, results=[z])
                for _ in range(4):
                    z[...] = 0
                    program()
                    assert z.tobytes() == expected


def test_batches_are_written_transposed():
    scalar, steps = scalar_of("float32"), []
    twin = scalar.with_recorder(steps)
    a, b = operand(scalar, 3, 20, 9, seed=1), operand(scalar, 3, 9, 30, seed=2)
    z = twin.copy(twin.bmm(a, b).swapaxes(1, 2))
    expected = z.tobytes()
    assert len(write_transposed(steps, [z])) == 1
    z[...] = 0
    scalar.compile(steps, results=[z])()
    assert z.tobytes() == expected


def test_several_transposed_copies_are_copied_from_the_first_one():
    scalar = scalar_of("float32")
    steps, z = recorded(scalar, (5, 7, 33), (0, 0), "separate")
    product = steps[0].arrays[-1]
    second, third = np.zeros((33, 5), np.float32), np.zeros((1, 33, 5), np.float32)
    steps += [CopyCall(product[0].T, second), CopyCall(product.swapaxes(1, 2), third)]
    expected = z.tobytes()
    first, *copies = write_transposed(steps, [z, second, third])
    assert isinstance(first, KernelCall)
    assert [np.shares_memory(copy.source, z) for copy in copies] == [True, True]
    program = scalar.compile(steps, results=[z, second, third])
    z[...] = 0
    program()
    assert z.tobytes() == second.tobytes() == third.tobytes() == expected


def kinds(steps, kept):
    return [type(step) for step in write_transposed(steps, kept)]


def test_products_that_something_else_reads_are_left_as_they_are():
    both = [KernelCall, CopyCall]
    steps, z = recorded(scalar_of("float32"), (5, 7, 33), (0, 0), "separate")
    product = steps[0].arrays[-1]
    assert kinds(steps, [z]) == [KernelCall]
    assert kinds(steps, None) == both
    assert kinds(steps, [z, product]) == both
    assert kinds([*steps, CopyCall(product[0, 0], np.empty(33, np.float32))], [z])[:2] == both
    assert kinds([steps[0], CopyCall(product[0, :0], z[:0, 0]), steps[1]], [z])[::2] == both
    assert kinds([steps[0], CopyCall(product[0], np.empty((5, 33), np.float32))], [z]) == both
    assert kinds([steps[0], CopyCall(product[0].T[:4], z[:4])], [z]) == both
    changed, again = (
        CopyCall(np.ones(5, np.float32), z[0]),
        CopyCall(product[0].T, np.empty_like(z)),
    )
    assert kinds([*steps, changed, again], [z]) == [KernelCall, *[CopyCall] * 3]
    assert kinds([*steps, steps[1]], [z]) == [KernelCall, *[CopyCall] * 2]


def test_a_product_that_is_written_transposed_already_is_left_as_it_is():
    steps, z = recorded(scalar_of("float32"), (5, 7, 33), (0, 0), "separate")
    (product,) = write_transposed(steps, [z])
    back = np.empty((5, 33), np.float32)
    assert kinds([product, CopyCall(z.T, back)], [back]) == [KernelCall, CopyCall]


def test_a_copy_that_other_steps_use_earlier_is_made_in_its_place():
    steps, z = recorded(scalar_of("float32"), (5, 7, 33), (0, 0), "separate")
    read = CopyCall(z[:2], np.empty((2, 5), np.float32))
    assert kinds([steps[0], read, steps[1]], [z]) == [KernelCall, CopyCall, CopyCall]
    assert kinds([read, *steps, read], [z]) == [CopyCall, KernelCall, CopyCall]
