"""The layers of a run by a policy next to PyTorch's in ``torch.autocast``, on the same operands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from numlean.analysis.lockstep import Number
from numlean.analysis.lockstep.comparison import first_place
from numlean.analysis.report.encoding_block import encoding_block
from numlean.autograd.tensor import Tensor
from numlean.interop.torch.autocast import Autocast
from numlean.interop.torch.distances import differing, relative_difference, ulps
from numlean.interop.torch.layer_calls import Call, calls_of
from numlean.interop.torch.layer_causes import Causes, in_one_format
from numlean.interop.torch.setting import Setting
from numlean.optim.scaled_loss import loss_scale
from numlean.precision import Policy, format_policy
from numlean.text_table import align_rows
from numlean.training import Stepper

_TITLES: Final = (
    *("phase", "layer", "result", "numlean", "PyTorch"),
    *("calls", "elements", "differ", "relative", "max ulp"),
)


@dataclass(frozen=True)
class LayerDifference:
    """The first number in which a layer of PyTorch differs, with the cause.

    Attributes:
        step: The step, from 0.
        phase: ``forward`` or ``backward``.
        layer: The layer or the loss, with its place.
        part: The result: ``output``, ``gradient of input``, ``gradient of weight`` and so on.
        element: The index of the first element that differs.
        ours: The number of numlean.
        theirs: The number of PyTorch.
        reference: The number that numlean computes in float64 from the same operands.
        cause: Why it differs, as far as evaluating the layer in other ways shows it.
    """

    step: int
    phase: str
    layer: str
    part: str
    element: tuple[int, ...]
    ours: Number
    theirs: Number
    reference: Number | None
    cause: str

    def __str__(self) -> str:
        place = f"[{', '.join(map(str, self.element))}]" if self.element else ""
        title = (
            f"step {self.step}, {self.phase}, {self.layer}: PyTorch differs from numlean at"
            f" {self.part}{place}"
        )
        rows = [("numlean", str(self.ours)), ("PyTorch", str(self.theirs))]
        rows += [] if self.reference is None else [("in float64", self.reference.text)]
        return encoding_block(title, rows, [self.cause])


@dataclass(frozen=True)
class LayerComparison:
    """The comparison of one result of a layer over all steps.

    Attributes:
        phase: ``forward`` or ``backward``.
        layer: The layer or the loss, with its place.
        part: The result: ``output``, ``gradient of input``, ``gradient of weight`` and so on.
        dtype: The format of numlean's numbers.
        their_dtype: The format of PyTorch's numbers.
        calls: The number of calls.
        elements: The number of results.
        differing: The number of results that PyTorch computes differently from the same operands.
        relative: The norm of the differences of a call's results, divided by the greater norm of
            both results; the greatest of all calls.
        max_ulp: The greatest distance between two results, in steps of the wider of both formats.
        first: The first element that differs, with the cause; None if all are equal.
    """

    phase: str
    layer: str
    part: str
    dtype: str
    their_dtype: str
    calls: int = 0
    elements: int = 0
    differing: int = 0
    relative: float = 0.0
    max_ulp: float = 0.0
    first: LayerDifference | None = None

    @property
    def share(self) -> float:
        """The fraction of the elements that differ."""
        return self.differing / self.elements if self.elements else 0.0

    @property
    def cells(self) -> tuple[str, ...]:
        """The texts of the row."""
        counts = (f"{self.calls:,}", f"{self.elements:,}", f"{self.share:.2%}")
        formats = (self.dtype, self.their_dtype)
        distances = (f"{self.relative:.3g}", f"{self.max_ulp:.6g}")
        return (self.phase, self.layer, self.part, *formats, *counts, *distances)

    def extend(self, ours: Tensor, theirs: Tensor) -> LayerComparison:
        """Return the row with the results of one more call."""
        x, y = in_one_format(ours, theirs)
        mask = differing(x.scalar, x.data, y.data)
        distances = ulps(x.scalar, x.data[mask], y.data[mask])
        return replace(
            self,
            calls=self.calls + 1,
            elements=self.elements + x.size,
            differing=self.differing + int(mask.sum()),
            relative=max(self.relative, relative_difference(x.scalar, x.data, y.data)),
            max_ulp=max(self.max_ulp, float(distances.max(initial=0.0))),
        )


@dataclass(frozen=True)
class AutocastComparison:
    """The layers of a run by a policy compared with PyTorch's, on the same operands.

    Attributes:
        policy: The policy of numlean.
        steps: The number of training steps from which the operands come.
        rows: The comparison of each result of each layer: forward, and then backward, in the order
            in which a step computes them.
        first: The first difference in program order, with its cause; None if all are equal.
    """

    policy: Policy
    steps: int
    rows: tuple[LayerComparison, ...]
    first: LayerDifference | None

    @property
    def identical(self) -> bool:
        """Whether PyTorch computes the same numbers throughout."""
        return self.first is None

    def __str__(self) -> str:
        title = (
            f"{format_policy(self.policy)} and torch.autocast on the same operands,"
            f" {self.steps} steps"
        )
        table = align_rows([_TITLES, *(row.cells for row in self.rows)], "<<<<<>")
        return "\n".join([title, *table, *([] if self.first is None else ["", str(self.first)])])


def compare_layers(setting: Setting, policy: Policy, steps: int) -> AutocastComparison:
    """Train by a policy, and evaluate PyTorch's layers from the same operands in each step.

    Raises:
        UnavailableError: PyTorch is not installed, or it lacks a layer, the loss or the policy.
    """
    autocast = Autocast.of(policy)
    runner = setting.runner()
    stepper = Stepper(runner, setting.config.optimizer, setting.config.scheduler)
    causes = Causes(setting.task, policy, setting.options)
    rows: dict[tuple[str, str, str], LayerComparison] = {}
    first: LayerDifference | None = None
    for step, sample in enumerate(setting.batches(steps)):
        calls = calls_of(runner, sample, loss_scale(stepper.state))
        for result in _results(calls, causes, autocast):
            row = rows.get(result.key) or result.new_row()
            row = row.extend(result.ours, result.theirs)
            if row.differing and row.first is None:
                row = replace(row, first=result.difference(step, causes))
                first = first or row.first
            rows[result.key] = row
        stepper.step(sample)
    return AutocastComparison(policy, steps, tuple(rows.values()), first)


@dataclass(frozen=True)
class _Result:
    """One result of a call, of numlean and of PyTorch."""

    call: Call
    index: int
    ours: Tensor
    theirs: Tensor

    @property
    def key(self) -> tuple[str, str, str]:
        return "backward" if self.index else "forward", self.call.name, self.call.parts[self.index]

    def new_row(self) -> LayerComparison:
        """Return a row without a call."""
        return LayerComparison(*self.key, self.ours.scalar.name, self.theirs.scalar.name)

    def difference(self, step: int, causes: Causes) -> LayerDifference:
        """Return the first element that differs, with its cause."""
        x, y = in_one_format(self.ours, self.theirs)
        place = first_place(differing(x.scalar, x.data, y.data))
        assert place is not None
        reference = causes.reference(self.call, self.index)
        return LayerDifference(
            step,
            *self.key,
            place,
            _number(self.ours, place),
            _number(self.theirs, place),
            None if reference is None else _number(reference, place),
            causes.of(self.call, self.index, self.ours, self.theirs),
        )


def _results(calls: Sequence[Call], causes: Causes, autocast: Autocast) -> list[_Result]:
    """Return the results of a step in program order: outputs, then cotangents from the last on."""
    found = []
    for call in calls:
        pairs = zip(call.ours(causes.arithmetics), call.theirs(autocast), strict=True)
        found.append(
            [
                _Result(call, index, x, y)
                for index, (x, y) in enumerate(pairs)
                if x is not None and y is not None
            ]
        )
    backward = [result for results in reversed(found) for result in results if result.index]
    return [results[0] for results in found] + backward


def _number(x: Tensor, place: tuple[int, ...]) -> Number:
    return Number.of(x.scalar, np.asarray(x.data[place]))
