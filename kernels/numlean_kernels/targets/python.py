"""The reference interpreter: routines and loops run as the plain Python they are written in.

Encodings become Python integers, so nothing wraps but where a routine says so; hardware floats stay
numpy scalars, which keep their format through arithmetic; objects (mpf) stay as they are.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, final

import numpy as np

from numlean_kernels.protocol import Array, Instructions, Launch, Loop, Routine, Table, Target
from numlean_kernels.targets import float_ops


@final
class PythonTarget(Target):
    """Runs kernels in the Python interpreter."""

    name = "python"

    def unsigned(self, bits: int) -> Callable[[Any], Any]:
        """Reduce modulo 2**bits."""
        mask = (1 << bits) - 1
        return lambda value: int(value) & mask

    def signed(self, bits: int) -> Callable[[Any], Any]:
        """Python's own integers: they hold every exponent."""
        return int

    def clz(self, bits: int) -> Routine:
        """Leading zeros, from the bit length."""
        return lambda value: bits - value.bit_length()

    def high_product(self, bits: int) -> Routine:
        """The product of Python's integers, shifted."""
        return lambda a, b: (a * b) >> bits

    def encoding_of(self, width: int) -> Routine:
        """A view of the numpy scalar."""
        bits = np.dtype(f"uint{width}")
        return lambda value: int(value.view(bits))

    def real_of(self, width: int) -> Routine:
        """A view of the encoding as a numpy scalar."""
        bits, real = np.dtype(f"uint{width}").type, np.dtype(f"float{width}")
        return lambda value: bits(value).view(real)

    def instructions(self, width: int) -> Instructions:
        """What numpy scalars do."""
        own = float_ops
        return Instructions(own.add, own.sub, own.mul, own.div, own.sqrt, fma=None)

    def routine(self, function: Routine) -> Routine:
        """The function itself."""
        return function

    def kernel(self, loop: Loop, table: Table) -> Launch:
        """The loop itself, over arrays of Python numbers."""
        run = loop.make(table)

        def launch(domain: tuple[int, ...], *arrays: Array) -> None:
            cells = [as_python_numbers(array) for array in arrays]
            bounds = [bound for extent in domain for bound in (0, extent)]
            with np.errstate(all="ignore"):
                run(*bounds, *cells)
            for array, result in zip(arrays[-loop.outputs :], cells[-loop.outputs :], strict=True):
                if result is not array:
                    array[...] = result

        return launch


def as_python_numbers(array: Array) -> Array:
    """A copy whose integers are Python's; an array of other numbers as it is."""
    return array.astype(object) if array.dtype.kind in "iub" else array


PYTHON = PythonTarget()
