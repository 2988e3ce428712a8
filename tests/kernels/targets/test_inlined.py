"""Routines that are compiled for inlining only."""

import numpy as np
import pytest
from numba import njit, uint32, uint64

from numlean_kernels.targets.cpu import CPU


def double(x):
    return x + x


def quotient(x, y):
    return x / y


@pytest.fixture
def nested():
    """A routine that calls another."""
    inner = CPU.routine(double)

    def outer(x):
        return inner(inner(x)) + x

    return CPU.routine(outer)


@pytest.mark.parametrize("kind", [np.uint32, np.uint64])
def test_a_kernel_runs_the_code_of_its_routines_for_each_width(nested, kind):
    """numba adds unsigned integers of 32 bits in 64 bits, and wraps there."""
    kernel = njit(lambda x: nested(x))
    for x in (3, np.iinfo(kind).max):
        assert kernel(kind(x)) == 5 * x % 2**64


def test_a_routine_has_no_machine_code_of_its_own_and_a_kernel_has(nested):
    kernel = njit([uint32(uint32), uint64(uint64)])(lambda x: nested(x))
    for signature in kernel.signatures:
        routine = nested.overloads[signature]
        assert routine.library.get_pointer_to_function(routine.fndesc.llvm_func_name) == 0
        compiled = kernel.overloads[signature]
        assert compiled.library.get_pointer_to_function(compiled.fndesc.llvm_func_name)


def test_a_routine_called_from_python_computes_what_the_kernel_computes(nested):
    assert nested(np.uint32(3)) == 15
    assert njit(lambda x: nested(x))(np.uint32(3)) == 15


def test_division_by_zero_is_arithmetic():
    routine = CPU.routine(quotient)
    assert np.isinf(routine(1.0, 0.0))
    assert np.isinf(njit(error_model="numpy")(lambda x, y: routine(x, y))(1.0, 0.0))
