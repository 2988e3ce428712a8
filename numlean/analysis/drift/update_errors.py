"""What an update in several arithmetics computes but does not keep, by parameter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, final

import numpy as np

from numlean.analysis.drift.error_stats import ErrorStats
from numlean.analysis.drift.exact_array import ExactArray, finite
from numlean.analysis.drift.norm import ScaledNorm
from numlean.analysis.drift.ulp_scale import Floats, UlpScale
from numlean.autograd.tensor import Tensor
from numlean.optim import Cast, State
from numlean.optim.wrapping import WrappingOptimizer

PARAMETER: Final = "parameter"
GRADIENT: Final = "gradient"


@final
@dataclass(frozen=True)
class ComputedUpdate:
    """An update in the arithmetic in which the optimizer computes.

    Attributes:
        gradients: The gradients that the optimizer is given.
        parameters: The parameters that it computes.
        state: The state that it computes.
    """

    gradients: Sequence[Tensor]
    parameters: Sequence[Tensor]
    state: State


@final
@dataclass(frozen=True)
class ObservedOptimizer(WrappingOptimizer):
    """An optimizer that also notes its updates.

    Attributes:
        optimizer: The optimizer that updates.
        seen: The updates.
    """

    seen: list[ComputedUpdate] = field(default_factory=list, compare=False)

    def initial(self, parameters: Sequence[Tensor], cast: Cast) -> State:
        """Return the inner optimizer's state."""
        return self.optimizer.initial(parameters, cast)

    def update(
        self,
        parameters: Sequence[Tensor],
        gradients: Sequence[Tensor],
        state: State,
        *,
        rate: Tensor,
        cast: Cast,
    ) -> tuple[list[Tensor], State]:
        """Return the inner optimizer's update."""
        moved, after = self.optimizer.update(parameters, gradients, state, rate=rate, cast=cast)
        self.seen.append(ComputedUpdate(gradients, moved, after))
        return moved, after


@dataclass
class UpdateErrors:
    """What is lost in the updates of one parameter; skipped updates lose nothing.

    Attributes:
        parameter: The parameter that is kept against the one computed.
        gradient: The gradient that the optimizer is given against the one that the last product or
            sum of the backward sweep computed, without the scale of the loss.
        state: By name, the state that is kept against the one computed.
        step: The norm of the changes that the updates compute.
        units: By the names of ``parts``, the format whose ulps errors in ulps are in.
        unchanged: The count of numbers that an update changes, but that are kept as they were.
        skipped: The count of updates that loss scaling skipped.
    """

    parameter: ErrorStats = field(default_factory=ErrorStats)
    gradient: ErrorStats = field(default_factory=ErrorStats)
    state: dict[str, ErrorStats] = field(default_factory=dict)
    step: ScaledNorm = field(default_factory=ScaledNorm)
    units: dict[str, str] = field(default_factory=dict)
    unchanged: int = 0
    skipped: int = 0

    @property
    def relative_to_step(self) -> float:
        """The norm of the parameter's errors divided by that of the changes."""
        if self.parameter.infinite or not self.step.squares:
            return self.parameter.relative
        return self.parameter.errors.by(self.step)

    @property
    def parts(self) -> dict[str, ErrorStats]:
        """All errors by the name of what is rounded: ``parameter``, ``gradient`` and the state."""
        return {PARAMETER: self.parameter, GRADIENT: self.gradient, **self.state}

    def merge(self, other: UpdateErrors) -> None:
        """Add the counts of another one."""
        self.parameter.merge(other.parameter)
        self.gradient.merge(other.gradient)
        for name, stats in other.state.items():
            self.state.setdefault(name, ErrorStats()).merge(stats)
        self.step.merge(other.step)
        self.units |= other.units
        self.unchanged += other.unchanged
        self.skipped += other.skipped

    def as_plain(self) -> dict[str, Any]:
        """Return the figures by name."""
        value = {"relative_to_step": self.relative_to_step, "unchanged": self.unchanged}
        parts = {name: self._plain(name) for name in self.parts}
        return {
            "skipped": self.skipped,
            "value": {**parts.pop(PARAMETER), **value},
            "gradient": parts.pop(GRADIENT),
            "state": parts,
        }

    def _plain(self, name: str) -> dict[str, Any]:
        return {"ulp_of": self.units.get(name), **self.parts[name].as_plain()}


@final
@dataclass(frozen=True)
class UpdateStep:
    """A step of a run, with the numbers that were rounded in it.

    Attributes:
        names: The names of the trained parameters.
        before: These parameters before the step.
        after: They after it.
        state: The optimizer's state after it.
        computed: The update that the optimizer computed.
        gradients: The gradients that the backward sweep computed, times ``scale``.
        scale: The scale of the loss; None if it is not scaled.
        is_skipped: Whether loss scaling skipped the update.
    """

    names: Sequence[str]
    before: Sequence[Tensor]
    after: Sequence[Tensor]
    state: State
    computed: ComputedUpdate
    gradients: Sequence[Tensor]
    scale: Tensor | None
    is_skipped: bool


def update_errors(step: UpdateStep) -> dict[str, UpdateErrors]:
    """Return what the update of each parameter loses."""
    found = {name: UpdateErrors(skipped=int(step.is_skipped)) for name in step.names}
    if step.is_skipped:
        return found
    states = {
        name: kept for name, kept in step.state.items() if _is_by_parameter(kept, step.before)
    }
    for k, errors in enumerate(found.values()):
        _add_parameter(errors, step.before[k], step.computed.parameters[k], step.after[k])
        given = step.computed.gradients[k]
        _add_gradient(errors.gradient, step.gradients[k], given, step.scale)
        errors.units = {PARAMETER: step.after[k].dtype, GRADIENT: given.dtype}
        for name, kept in states.items():
            if name in step.computed.state:
                stats = errors.state[name] = ErrorStats()
                _add_rounding(stats, step.computed.state[name][k], kept[k])
                errors.units[name] = kept[k].dtype
    return found


def _is_by_parameter(tensors: Sequence[Tensor], parameters: Sequence[Tensor]) -> bool:
    return [x.shape for x in tensors] == [p.shape for p in parameters]


def _add_parameter(errors: UpdateErrors, before: Tensor, computed: Tensor, after: Tensor) -> None:
    _add_rounding(errors.parameter, computed, after)
    old, new, kept = map(_exact, (before, computed, after))
    where = _finite(before) & _finite(computed) & _finite(after)
    change = (new - old).floats()[where]
    errors.step.add(change)
    errors.unchanged += int(((change != 0) & ((kept - old).floats()[where] == 0)).sum())


def _add_rounding(stats: ErrorStats, computed: Tensor, kept: Tensor) -> None:
    """Count the differences between what is kept and what was computed."""
    error = (_exact(kept) - _exact(computed)).floats()
    _add(stats, error, computed, kept, _exact(computed).floats())


def _add_gradient(stats: ErrorStats, computed: Tensor, given: Tensor, scale: Tensor | None) -> None:
    """Count the differences between a gradient given and one computed, times a scale."""
    if scale is None:
        _add_rounding(stats, computed, given)
        return
    factor = _exact(scale)
    value = float(factor.floats())
    error = (_exact(given) * factor - _exact(computed)).floats() / value
    _add(stats, error, computed, given, _exact(computed).floats() / value)


def _add(
    stats: ErrorStats, error: Floats, computed: Tensor, kept: Tensor, expected: Floats
) -> None:
    starts, ends = _finite(computed), _finite(kept)
    where = starts & ends
    values = _exact(kept).floats()
    numbers = [x[where] for x in (error, values, expected)]
    stats.add(UlpScale.of(kept.scalar).ulps(*numbers), *numbers)
    stats.add_specials(infinite=int((starts & ~ends).sum()), unknown=0)


def _exact(x: Tensor) -> ExactArray:
    return ExactArray.of(x.scalar, x.data)


def _finite(x: Tensor) -> np.ndarray[Any, np.dtype[np.bool_]]:
    return finite(x.scalar, x.data)
