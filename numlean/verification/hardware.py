"""The six basic operations of ieee32exec against the processor's binary32.

A result that is no NaN must have the hardware's bits, numpy computing all but fma, for which it has
no name and the processor's instruction is called. Where the result is a NaN, the hardware says only
that; which NaN is told by a transcription of the rule that shares nothing with the routines.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from numlean.registry import get_scalar
from numlean.verification.operands import Bits, operands

BATCH: Final = 1 << 20

_QUIET: Final = np.uint32(1 << 22)
_INFINITY: Final = np.uint32(0x7F800000)
_DEFAULT_NAN: Final = np.uint32(0x7FC00000)
_MAGNITUDE: Final = np.uint32(0x7FFFFFFF)


@dataclass(frozen=True)
class Operation:
    """An operation and its hardware counterpart.

    Attributes:
        arity: How many operands it takes.
        hardware: Computes it on binary32 hardware floats.
    """

    arity: int
    hardware: Callable[..., np.ndarray[Any, np.dtype[np.float32]]]


def _hardware_fma(*x: Any) -> Any:
    return get_scalar("float32").fma(*x)


OPERATIONS: Final = {
    "add": Operation(2, np.add),
    "sub": Operation(2, np.subtract),
    "mul": Operation(2, np.multiply),
    "div": Operation(2, np.divide),
    "sqrt": Operation(1, np.sqrt),
    "fma": Operation(3, _hardware_fma),
}


@dataclass(frozen=True)
class Outcome:
    """What a comparison found.

    Attributes:
        cases: How many operand tuples were tried.
        mismatches: How many of them gave other bits.
        first: The first mismatch: its operands, the expected and the actual encoding.
    """

    cases: int
    mismatches: int
    first: tuple[tuple[int, ...], int, int] | None

    def __add__(self, other: Outcome) -> Outcome:
        cases, mismatches = self.cases + other.cases, self.mismatches + other.mismatches
        return Outcome(cases, mismatches, self.first or other.first)


def verify_operation(
    name: str, count: int, *, seed: int = 0, on_batch: Callable[[int], None] | None = None
) -> Outcome:
    """Compare at least ``count`` operand tuples, in whole batches.

    Args:
        name: A key of ``OPERATIONS``.
        count: How many to try.
        seed: Names the operands.
        on_batch: Told after each batch how many have been tried.
    """
    outcome = Outcome(0, 0, None)
    for batch in range(-(-count // BATCH)):
        outcome += compare(name, operands(BATCH, OPERATIONS[name].arity, batch, seed))
        if on_batch is not None:
            on_batch(outcome.cases)
    return outcome


def compare(name: str, x: list[Bits]) -> Outcome:
    """Compare ieee32exec and the hardware on arrays of encodings."""
    scalar, operation = get_scalar("ieee32exec"), OPERATIONS[name]
    actual = getattr(scalar, name)(*x)
    with np.errstate(all="ignore"):
        hardware = operation.hardware(*(a.view(np.float32) for a in x))
    # sub(a, b) is add(a, neg(b)), and neg makes a NaN quiet as it flips its sign.
    nan_operands = [x[0], _negated(x[1])] if name == "sub" else x
    expected = np.where(np.isnan(hardware), prescribed_nan(nan_operands), hardware.view(np.uint32))
    wrong = np.flatnonzero(actual != expected)
    first = None
    if len(wrong):
        k = wrong[0]
        first = tuple(int(a[k]) for a in x), int(expected[k]), int(actual[k])
    return Outcome(len(x[0]), len(wrong), first)


def _negated(a: Bits) -> Bits:
    flipped = a ^ np.uint32(1 << 31)
    return np.where((a & _MAGNITUDE) > _INFINITY, flipped | _QUIET, flipped)


def prescribed_nan(x: list[Bits]) -> Bits:
    """The first signalling NaN made quiet, else the first quiet NaN, else the default NaN."""
    result = np.full(len(x[0]), _DEFAULT_NAN)
    for signalling in (False, True):
        for a in reversed(x):
            is_nan = (a & _MAGNITUDE) > _INFINITY
            chosen = is_nan & ((a & _QUIET == 0) == signalling)
            result = np.where(chosen, a | _QUIET, result)
    return result
