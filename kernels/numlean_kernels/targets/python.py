"""The reference interpreter: routines and loops run as plain Python.

Encodings become Python integers, so only ``word(...)`` reduces them; hardware floats remain numpy
scalars, which keep their format in arithmetic; objects (mpf) stay unchanged.
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
    compiles = False

    def unsigned(self, bits: int) -> Callable[[Any], Any]:
        """Return a function that reduces modulo 2**bits."""
        mask = (1 << bits) - 1
        return lambda value: int(value) & mask

    def signed(self, bits: int) -> Callable[[Any], Any]:
        """Return Python's integer type: it holds every exponent."""
        return int

    def clz(self, bits: int) -> Routine:
        """Return a function that derives leading zeros from the bit length."""
        return lambda value: bits - value.bit_length()

    def high_product(self, bits: int) -> Routine:
        """Return a function that multiplies Python integers and shifts."""
        return lambda a, b: (a * b) >> bits

    def shift_left(self, bits: int) -> Routine:
        """Return a function that shifts a Python integer."""
        ones = (1 << bits) - 1
        return lambda a, n: (a << n) & ones if n < bits else 0

    def encoding_of(self, width: int) -> Routine:
        """Return a function that views a numpy scalar as an integer."""
        bits = np.dtype(f"uint{width}")
        return lambda value: int(value.view(bits))

    def real_of(self, width: int) -> Routine:
        """Return a function that views an encoding as a numpy scalar."""
        bits, real = np.dtype(f"uint{width}").type, np.dtype(f"float{width}")
        return lambda value: bits(value).view(real)

    def instructions(self, width: int) -> Instructions:
        """Return the arithmetic of numpy scalars."""
        own = float_ops
        return Instructions(own.add, own.sub, own.mul, own.div, own.sqrt, fma=None)

    def routine(self, function: Routine) -> Routine:
        """Return the function unchanged."""
        return function

    def kernel(self, loop: Loop, table: Table) -> Launch:
        """Return the loop itself, over arrays of Python numbers."""
        if table.kernels is not None:
            return table.kernels(loop)
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
    """Return a copy with Python integers; arrays of other numbers are returned unchanged."""
    return array.astype(object) if array.dtype.kind in "iub" else array


PYTHON = PythonTarget()
