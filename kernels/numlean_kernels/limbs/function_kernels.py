"""The kernels of elementary functions on arrays of numbers in limbs, made when they are needed.

Arrays are given as in :mod:`.kernels`. A kernel leaves out what its routine does: ``left[i]`` is 1
there, and the kernel returns how many these are.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Final

import numpy as np

from numlean_kernels.limbs.arctangents import atan
from numlean_kernels.limbs.compiled import compiled_as
from numlean_kernels.limbs.constants import Constants, angle_constants_of, constants_of
from numlean_kernels.limbs.exponentials import exp, exp2, expm1
from numlean_kernels.limbs.hyperbolic import cosh, sigmoid, sinh, tanh
from numlean_kernels.limbs.layout import HEAD
from numlean_kernels.limbs.logarithms import log, log1p, log2, log10
from numlean_kernels.limbs.powers import power, softplus
from numlean_kernels.limbs.trigonometric import cos, sin, tan
from numlean_kernels.limbs.word_literals import W0
from numlean_kernels.limbs.words import words_at

_HEAD: Final = np.uint64(HEAD)

_UNARY: Final = {
    "exp": exp,
    "exp2": exp2,
    "expm1": expm1,
    "log": log,
    "log2": log2,
    "log10": log10,
    "log1p": log1p,
    "sinh": sinh,
    "cosh": cosh,
    "tanh": tanh,
    "sigmoid": sigmoid,
    "softplus": softplus,
    "sin": sin,
    "cos": cos,
    "tan": tan,
    "atan": atan,
}
_BINARY: Final = {"pow": power}
_OF_ANGLES: Final = frozenset({"sin", "cos", "tan", "atan"})

ARITIES: Final = {**dict.fromkeys(_UNARY, 1), **dict.fromkeys(_BINARY, 2)}
"""The numbers of operands of the functions that have kernels, by name."""


def constants_for(name: str, limbs: int) -> Constants:
    """Return the constants that the kernel of a function takes."""
    return angle_constants_of(limbs) if name in _OF_ANGLES else constants_of(limbs)


@cache
def function_kernel(name: str) -> Any:
    """Return the kernel of a function.

    Its arguments are the number of elements; each operand and the words between its numbers; the
    result, the limbs, the precision, the constants, their words, memory, and ``left``.
    """
    return _unary(name) if name in _UNARY else _binary(name)


def _unary(name: str) -> Any:
    function = _UNARY[name]

    def run(
        count: Any,
        x: Any,
        dx: Any,
        z: Any,
        n: Any,
        precision: Any,
        c: Any,
        row: Any,
        t: Any,
        left: Any,
    ) -> Any:
        """Write z[i], the function of x[i]."""
        x, z, c, t = words_at(x), words_at(z), words_at(c), words_at(t)
        step, several = n + _HEAD, W0
        for i in range(count):
            left[i] = function(x, i * dx, z, i * step, n, precision, c, row, t)
            several += left[i]
        return several

    return compiled_as(run, name)


def _binary(name: str) -> Any:
    function = _BINARY[name]

    def run(
        count: Any,
        x: Any,
        dx: Any,
        y: Any,
        dy: Any,
        z: Any,
        n: Any,
        precision: Any,
        c: Any,
        row: Any,
        t: Any,
        left: Any,
    ) -> Any:
        """Write z[i], the function of x[i] and y[i]."""
        x, y, z, c, t = words_at(x), words_at(y), words_at(z), words_at(c), words_at(t)
        step, several = n + _HEAD, W0
        for i in range(count):
            left[i] = function(x, i * dx, y, i * dy, z, i * step, n, precision, c, row, t)
            several += left[i]
        return several

    return compiled_as(run, name)
