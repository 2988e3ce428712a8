"""Where one function's calls in two arithmetics part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest

import numpy as np

from numlean.analysis.functions.traced_call import Call
from numlean.analysis.lockstep.divergence import Divergence, described, first_difference
from numlean.analysis.lockstep.run_spec import RunSpec
from numlean.scalar.wrappers.tracing import TracedOperation
from numlean.training import Options

_STEP = "step 0, "
"""What a divergence begins with: a call is a run of one step."""


@dataclass(frozen=True)
class FunctionDivergence:
    """How two calls compare.

    Attributes:
        a: The name of one arithmetic.
        b: The other's.
        count: How many operations both carried out, until their programs differ.
        operation: The number of the first operation, from 0, whose results differ; None if there
            is none.
        divergence: Everything about it.
        programs: What the two do where their programs differ; None if both are one program.
    """

    a: str
    b: str
    count: int
    operation: int | None = None
    divergence: Divergence | None = None
    programs: tuple[str, str] | None = None

    @property
    def identical(self) -> bool:
        """Whether both calls did the same operations with the same results."""
        return self.operation is None and self.programs is None

    def summary(self) -> str:
        """One line: where they part."""
        if self.divergence is not None:
            where = f"{self.divergence.operation}, {self.divergence.where}"
            return f"{self.a} and {self.b} part at operation {self.operation}: {where}"
        if self.programs is not None:
            return f"{self.a} and {self.b} do not part in {self.count} operations"
        return f"{self.a} and {self.b} have the same results of all {self.count} operations"

    def warning(self) -> str | None:
        """One line if the programs differ."""
        if self.programs is None:
            return None
        one, other = self.programs
        return (
            f"the programs of {self.a} and {self.b} differ from operation {self.count} on"
            f" ({one} / {other}): the function looks at its numbers, as by an if or a while"
        )

    def block(self) -> str:
        """The first operation whose results differ, in full; "" if there is none."""
        return "" if self.divergence is None else str(self.divergence).removeprefix(_STEP)

    def __str__(self) -> str:
        return "\n".join(filter(None, (self.summary(), self.block(), self.warning())))


def parting_of(a: Call, b: Call) -> FunctionDivergence:
    """Where two calls part."""
    count, programs = common_program(a, b)
    traces, scalars = [a.operations[:count], b.operations[:count]], [a.scalar, b.scalar]
    difference = first_difference(traces, scalars)
    if difference is None:
        return FunctionDivergence(a.name, b.name, count, programs=programs)
    sides = [RunSpec(call.name, call.scalar, Options()) for call in (a, b)]
    divergence = described(sides, 0, "", traces, difference)
    return FunctionDivergence(a.name, b.name, count, difference.number, divergence, programs)


def common_program(a: Call, b: Call) -> tuple[int, tuple[str, str] | None]:
    """How many operations two calls have in common, and what they do next if that differs."""
    for number, pair in enumerate(zip_longest(a.operations, b.operations)):
        if not _is_one(pair):
            return number, (_told(pair[0]), _told(pair[1]))
    return len(a.operations), None


def _is_one(pair: Sequence[TracedOperation | None]) -> bool:
    a, b = pair
    if a is None or b is None:
        return False
    is_one_shape = np.shape(a.result) == np.shape(b.result)
    return is_one_shape and (a.operation, a.place) == (b.operation, b.place)


def _told(application: TracedOperation | None) -> str:
    return "it ends" if application is None else f"{application.operation}, {application.place}"
