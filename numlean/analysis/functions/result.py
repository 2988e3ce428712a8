"""The result of a function in one arithmetic, and its errors."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from numlean.analysis.functions.divergence import common_program
from numlean.analysis.functions.error_propagation import (
    LineError,
    OperationError,
    by_line,
    errors_of_operations,
)
from numlean.analysis.functions.errors import (
    Floats,
    equals_rounded,
    errors_in_ulps,
    relative_errors,
    worst,
)
from numlean.analysis.functions.traced_call import Call
from numlean.arguments import checked
from numlean.autograd.tensor import Tensor
from numlean.scalar.protocol import Storage


@checked
@dataclass(frozen=True, eq=False)
class FunctionResult:
    """The result of a function in one arithmetic.

    If it returned several tensors, arrays hold their numbers one after the other.

    Attributes:
        dtype: The name of the arithmetic.
        result: The return value of the function.
        ulps: The distance of each number above the truth, in ulps there.
        relative: The same relative to the truth.
        is_correctly_rounded: Whether each number is the truth rounded once.
        flags: The count of each exception; None if the arithmetic does not count them.
        operations: The effect of each operation on the error, in program order, as far as the
            program is the same as the truth's.
        is_whole_program: Whether the whole program is the same as the truth's.
    """

    dtype: str
    result: Tensor | tuple[Tensor, ...]
    ulps: Floats
    relative: Floats
    is_correctly_rounded: np.ndarray[Any, np.dtype[np.bool_]]
    flags: dict[str, int] | None
    operations: tuple[OperationError, ...] = field(repr=False)
    is_whole_program: bool

    @classmethod
    def of(cls, call: Call, truth: Call, exact: Storage) -> FunctionResult:
        """Return the result of a call, measured against the truth and its values."""
        x, scalar = join_numbers(call.results), call.scalar
        exact = exact.reshape(x.shape)
        count, programs = common_program(call, truth)
        return cls(
            call.name,
            call.results[0] if len(call.results) == 1 else call.results,
            errors_in_ulps(scalar, x, exact),
            relative_errors(scalar, x, exact),
            equals_rounded(scalar, x, exact),
            call.flags,
            tuple(errors_of_operations(call, truth, count)),
            programs is None,
        )

    @property
    def worst_ulps(self) -> float:
        """The greatest distance from the truth, in ulps; NaN if a number or its truth is."""
        return worst(self.ulps)

    @property
    def worst_relative(self) -> float:
        """The greatest relative distance from the truth."""
        return worst(self.relative)

    @property
    def worst_place(self) -> int:
        """The index of the number farthest from the truth, in C order."""
        errors = np.abs(self.ulps).reshape(-1)
        return int(np.argmax(errors)) if errors.size else 0

    @property
    def lines(self) -> tuple[LineError, ...]:
        """The errors by operation and line of the program."""
        return by_line(self.operations)

    @property
    def largest_growth(self) -> OperationError | None:
        """The operation that increases the error most; None if it never exceeds an ulp.

        Later operations may reduce the error again, as in a compensated sum.
        """
        growing = [each for each in self.operations if each.growth > 1]
        return max(growing, key=lambda each: each.growth, default=None)


def join_numbers(tensors: tuple[Tensor, ...]) -> Storage:
    """Return the numbers of a tensor as they are; those of several one after the other."""
    if len(tensors) == 1:
        return tensors[0].data
    return tensors[0].scalar.concat([t.data.reshape(-1) for t in tensors], 0)


def places_of(tensors: tuple[Tensor, ...]) -> tuple[str, ...]:
    """Return the names of all numbers of a function's result, in order."""
    several = len(tensors) > 1
    return tuple(
        (str(k) if several else "") + (f"[{', '.join(map(str, place))}]" if place else "")
        for k, t in enumerate(tensors)
        for place in np.ndindex(*t.shape)
    )
