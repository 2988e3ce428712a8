"""A hook that finds the step, and the operation, at which a run stops being finite."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from numlean.arguments import checked
from numlean.autograd.tensor import Tensor
from numlean.errors import UnknownNameError
from numlean.training import Stepper
from numlean.training.finiteness import Nonfinite, RunNumbers

if TYPE_CHECKING:
    from numlean.analysis.finiteness.cause import Cause

ON_NONFINITE: Final = ("warn", "stop", "ignore")
"""The actions of a check at a number that is not finite."""


@dataclass(frozen=True)
class NonfiniteEvent:
    """The step after which numbers of a run are not finite for the first time.

    Attributes:
        step: The index of the last update of the step, from 0; -1 before the first.
        numbers: The numbers that are not finite.
        cause: The operation that first made one; None if it is unknown.
    """

    step: int
    numbers: Nonfinite
    cause: Cause | None

    def __str__(self) -> str:
        if self.step < 0:
            return f"the run starts with numbers that are not finite ({self.numbers})"
        cause = "the cause is unknown" if self.cause is None else f"first {self.cause}"
        return f"step {self.step}: the run is not finite ({self.numbers}); {cause}"


@checked
class FiniteCheck:
    """A hook that reports the first loss, and the first other number, that is not finite.

    It changes nothing of the run. At the step it repeats the step with every operation recorded.

    Attributes:
        on_nonfinite: "stop" ends training, "warn" reports only, "ignore" does nothing.
        loss: The first event with a loss that is not finite; None so far.
        death: The first event with parameters, buffers or an optimizer state that are not finite.

    Raises:
        UnknownNameError: ``on_nonfinite`` is unknown.
    """

    def __init__(
        self,
        on_nonfinite: str = "stop",
        *,
        stepper: Stepper | None = None,
        report: Callable[[str], object] = print,
    ) -> None:
        """Create a hook.

        Args:
            on_nonfinite: What to do.
            stepper: The stepper of the run, to check the numbers before the first step, too.
            report: Called with the text of an event.
        """
        if on_nonfinite not in ON_NONFINITE:
            raise UnknownNameError("on_nonfinite", on_nonfinite, ON_NONFINITE)
        self.on_nonfinite = on_nonfinite
        self.loss: NonfiniteEvent | None = None
        self.death: NonfiniteEvent | None = None
        self._report = report
        self._before: RunNumbers | None = None
        if stepper is not None and on_nonfinite != "ignore":
            self._start(stepper)

    @property
    def first(self) -> NonfiniteEvent | None:
        """The first event; None while everything is finite."""
        events = [event for event in (self.loss, self.death) if event is not None]
        return min(events, key=lambda event: event.step, default=None)

    @property
    def stops(self) -> bool:
        """Whether training ends."""
        return self.on_nonfinite == "stop" and self.first is not None

    def __call__(self, stepper: Stepper, loss: Tensor) -> bool:
        """Check the numbers after a step; return whether training ends."""
        if self.on_nonfinite == "ignore" or self.death is not None:
            return self.stops
        numbers = RunNumbers.of(stepper)
        if not numbers.all_finite(loss):
            self._find(stepper, numbers.nonfinite(loss))
        self._before = numbers
        return self.stops

    def _start(self, stepper: Stepper) -> None:
        self._before = RunNumbers.of(stepper)
        found = self._before.nonfinite()
        if found:
            self.death = NonfiniteEvent(-1, found, None)
            self._report(str(self.death))

    def _find(self, stepper: Stepper, found: Nonfinite) -> None:
        is_new_loss = bool(found.loss.nonfinite) and self.loss is None
        if not (is_new_loss or found.is_dead):
            return
        from numlean.analysis.finiteness.cause import find_cause  # slow to import, and rarely used

        before = _before_last_step(stepper) or self._before or _origin(stepper)
        cause = None if before is None else find_cause(stepper, before)
        event = NonfiniteEvent(stepper.step_count - 1, found, cause)
        self.loss = event if is_new_loss else self.loss
        self.death = event if found.is_dead else None
        self._report(str(event))


def _before_last_step(stepper: Stepper) -> RunNumbers | None:
    """Return the numbers before the last step, if the stepper has kept them."""
    if stepper.previous is None:
        return None
    return RunNumbers(*stepper.previous, stepper.runner.precision.scale_count)


def _origin(stepper: Stepper) -> RunNumbers | None:
    """Return the numbers from which a stepper started, if it has made one step since."""
    numbers = RunNumbers.at_origin(stepper)
    return numbers if numbers.step_count + len(stepper.samples) == stepper.step_count else None
