"""Every format that has fast kernels has all of them: each can be made for the CPU."""

import subprocess
import sys

import pytest

from numlean import get_scalar
from numlean.errors import NumleanError
from numlean.scalar.operations import ELEMENTWISE, OPERATIONS
from numlean.scalar.registry import scalar_backends
from numlean_kernels.loops.elementwise import broadcast_operand, elementwise

ARGUMENTS = {
    "ieee": ("ieee:e2m10", "ieee:e3m9", "ieee:e4m4", "ieee:e6m17"),
    "p3109": ("p3109:7.3", "p3109:12.4u"),
}
"""Dtypes of backends that take an argument, of formats that do not fill their words."""


def fast_dtypes():
    """Yield what has fast kernels on the CPU, with subnormals and without."""
    for name, backend in scalar_backends():
        for dtype in ARGUMENTS.get(name, (name,)):
            for option in ("", "@subnormal=flush"):
                if backend.has_fast_kernels("cpu") and has_fast_kernels(dtype + option):
                    yield dtype + option


def has_fast_kernels(dtype):
    try:
        get_scalar(dtype, fast_kernels=True)
    except NumleanError:
        return False
    return True


def loops_of(table):
    """Yield the loops over each operation that the table has."""
    for name in ELEMENTWISE:
        if table.get(name) is not None:
            arity = OPERATIONS[name].arity
            yield elementwise(name, arity)
            if arity == 2:
                yield from (broadcast_operand(name, place) for place in (0, 1))


@pytest.mark.parametrize("dtype", list(fast_dtypes()))
def test_each_kernel_can_be_made(dtype):
    table = get_scalar(dtype, fast_kernels=True).table
    assert len([loop.make(table) for loop in loops_of(table)]) > 20


def test_tf32_and_formats_with_arguments_are_among_them():
    assert {"tf32", "tf32@subnormal=flush", *ARGUMENTS["ieee"]} <= set(fast_dtypes())


MAKE_KERNELS = """
import sys
from numlean import get_scalar
from numlean_kernels.loops.elementwise import elementwise
from numlean_kernels.loops.matmul import MATMUL, MATMUL_FMA

for dtype in ("float64", "ieee32exec", "bfloat16", "tf32"):
    for fast_kernels in (False, True):
        table = get_scalar(dtype, fast_kernels=fast_kernels).table
        for name, arity in (("add", 2), ("mul", 2), ("div", 2), ("sqrt", 1), ("fma", 3)):
            elementwise(name, arity).make(table)
        for loop in (MATMUL, MATMUL_FMA):
            loop.make(table)
print("numba.np.arraymath" in sys.modules)
"""


def test_to_make_kernels_compiles_nothing():
    """A start with compiled kernels on disk loads nothing that numba needs to compile."""
    done = subprocess.run(
        [sys.executable, "-c", MAKE_KERNELS], capture_output=True, text=True, check=True
    )
    assert done.stdout == "False\n"
