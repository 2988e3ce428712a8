"""The divergence of a function's calls in two arithmetics."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest

import numpy as np

from numlean.analysis.functions.traced_call import Call
from numlean.analysis.lockstep.divergence import Divergence, describe_divergence, first_difference
from numlean.analysis.lockstep.run_spec import RunSpec
from numlean.scalar.wrappers.tracing import TracedOperation
from numlean.training import Options

_STEP = "step 0, "
"""The beginning of a divergence's text: a call is a run of one step."""


@dataclass(frozen=True)
class FunctionDivergence:
    """The comparison of two calls.

    Attributes:
        a: The name of one arithmetic.
        b: The name of the other arithmetic.
        count: The number of operations that both made, until their programs differ.
        operation: The index of the first operation whose results differ; None if all agree.
        divergence: The details of that operation.
        programs: The next operations of both where their programs differ; None if they are the
            same.
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
        """Return one line: where they diverge."""
        if self.divergence is not None:
            where = f"{self.divergence.operation}, {self.divergence.where}"
            return f"{self.a} and {self.b} diverge at operation {self.operation}: {where}"
        if self.programs is not None:
            return f"{self.a} and {self.b} do not diverge in {self.count} operations"
        return f"{self.a} and {self.b} have the same results in all {self.count} operations"

    def warning(self) -> str | None:
        """Return one line if the programs differ."""
        if self.programs is None:
            return None
        one, other = self.programs
        return (
            f"the programs of {self.a} and {self.b} differ from operation {self.count} on"
            f" ({one} / {other}): the function's control flow depends on values, as in an if or a"
            " while"
        )

    def block(self) -> str:
        """Return the first operation whose results differ, in full; "" if all agree."""
        return "" if self.divergence is None else str(self.divergence).removeprefix(_STEP)

    def __str__(self) -> str:
        return "\n".join(filter(None, (self.summary(), self.block(), self.warning())))


def divergence_between(a: Call, b: Call) -> FunctionDivergence:
    """Return where two calls diverge."""
    count, programs = common_program(a, b)
    traces = [a.operations[:count], b.operations[:count]]
    difference = first_difference(traces)
    if difference is None:
        return FunctionDivergence(a.name, b.name, count, programs=programs)
    specs = [RunSpec(call.name, call.scalar, Options()) for call in (a, b)]
    divergence = describe_divergence(specs, 0, "", traces, difference)
    return FunctionDivergence(a.name, b.name, count, difference.number, divergence, programs)


def common_program(a: Call, b: Call) -> tuple[int, tuple[str, str] | None]:
    """Return how many operations two calls share, and their next ones if these differ."""
    for number, pair in enumerate(zip_longest(a.operations, b.operations)):
        if not _are_equal(pair):
            return number, (_describe(pair[0]), _describe(pair[1]))
    return len(a.operations), None


def _are_equal(pair: Sequence[TracedOperation | None]) -> bool:
    a, b = pair
    if a is None or b is None:
        return False
    has_same_shape = np.shape(a.result) == np.shape(b.result)
    return has_same_shape and (a.operation, a.place) == (b.operation, b.place)


def _describe(op: TracedOperation | None) -> str:
    return "it ends" if op is None else f"{op.label}, {op.place}"
