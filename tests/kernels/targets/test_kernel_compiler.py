"""Compiled kernels: collection of garbage, and routines that are optimised with their kernel."""

import gc

import numba
import numpy as np
import pytest

from numlean_kernels.targets.inlined import InlinedRoutine
from numlean_kernels.targets.kernel_compiler import KernelCompiler, compiled_kernel


@pytest.fixture
def enabled():
    """The garbage collector is enabled, as it is unless somebody disables it."""
    assert gc.isenabled()
    yield
    gc.enable()


def seen_by_the_compiler(found):
    """Return a routine that notes, while it is typed, whether garbage is collected."""

    @numba.extending.intrinsic
    def noted(context, x):
        found.append(gc.isenabled())
        return x(x), lambda context, builder, signature, given: given[0]

    return noted


@pytest.mark.parametrize("is_enabled", [True, False])
def test_garbage_is_not_collected_while_a_kernel_is_compiled(enabled, is_enabled):
    found = []
    noted = seen_by_the_compiler(found)

    def kernel(x):
        return noted(x)

    if not is_enabled:
        gc.disable()
    assert numba.njit(pipeline_class=KernelCompiler)(kernel)(3) == 3
    assert not any(found)
    assert found
    assert gc.isenabled() is is_enabled


def test_a_kernel_that_cannot_be_compiled_leaves_the_collector_as_it_was(enabled):
    def kernel(x):
        return x.nothing

    with pytest.raises(numba.TypingError):
        compiled_kernel(kernel, "a kernel that cannot be compiled")(3)
    assert gc.isenabled()


def test_a_routine_that_is_called_twice_and_nested_has_the_bits_of_python():
    def inner(a, b):
        return np.uint32(a * b) ^ np.uint32(a >> np.uint32(3))

    compiled_inner = InlinedRoutine(inner)

    def outer(a, b):
        c = compiled_inner(a, b)
        return compiled_inner(c, a) if c > b else compiled_inner(b, c)

    compiled_outer = InlinedRoutine(outer)

    def kernel(x, y, z):
        for i in range(x.shape[0]):
            z[i] = compiled_outer(x[i], y[i])

    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 2**32, (2, 1000), dtype=np.uint32)
    z = np.empty_like(x)
    compiled_kernel(kernel, "outer of two")(x, y, z)

    def expected(a, b):
        def step(a, b):
            return np.uint32(a * b & 0xFFFFFFFF) ^ np.uint32(a >> 3)

        c = step(int(a), int(b))
        return step(int(c), int(a)) if c > b else step(int(b), int(c))

    assert z.tolist() == [int(expected(a, b)) for a, b in zip(x, y, strict=True)]
