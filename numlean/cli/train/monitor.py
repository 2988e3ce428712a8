"""Evaluation, log, progress and early end after each step of a training run."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from numlean.analysis.finiteness import FiniteCheck
from numlean.autograd.tensor import Tensor
from numlean.cli.interrupt import Interrupt
from numlean.cli.progress import Advance
from numlean.cli.train.run_log import Write, exact_loss
from numlean.optim.scaled_loss import ScaledStep
from numlean.scalar.wrappers.counting import FlagHistory
from numlean.training import EarlyStopping, Evaluation, Stepper, TrainConfig
from numlean.training.pace import UNLIMITED
from numlean_kernels.compilation import COMPILATIONS


@dataclass
class TrainingMonitor:
    """Monitors a run: evaluates, logs, advances the progress bar, and decides when to stop.

    Attributes:
        config: The configuration of the run.
        evaluator: The evaluations; None without any.
        interrupt: The possible request of the user to end.
        advance: Function that advances the progress bar.
        write: Function that writes a line of the log; None without a log.
        flags: The history of flags; None if they are not counted.
        finite: Looks for numbers that are not finite; None without.
        keeps_losses: Whether to keep the loss of every step.
        losses: The exact losses kept, each with the number of updates before it.
        last_loss: The loss of the last step; None before the first.
        steps: The number of steps made.
        seconds: The duration of the steps, without compilation and evaluations, once they have
            ended.
        skipped_steps: The steps that loss scaling has skipped.
        stopped_by: "interrupt", "patience" or "nonfinite" if the run ended early; None if it did
            not.
    """

    config: TrainConfig
    evaluator: EarlyStopping | None
    interrupt: Interrupt
    advance: Advance
    write: Write | None = None
    flags: FlagHistory | None = None
    finite: FiniteCheck | None = None
    keeps_losses: bool = False
    losses: list[tuple[int, float]] = field(default_factory=list, init=False)
    last_loss: Tensor | None = field(default=None, init=False)
    steps: int = field(default=0, init=False)
    seconds: float = field(default=0.0, init=False)
    skipped_steps: list[int] = field(default_factory=list, init=False)
    stopped_by: str | None = field(default=None, init=False)
    _began: float = field(default_factory=time.perf_counter, init=False, repr=False)
    _compiled: float = field(default_factory=lambda: COMPILATIONS.seconds, init=False, repr=False)
    _excluded: float = field(default=0.0, init=False, repr=False)

    def __call__(self, stepper: Stepper, loss: Tensor) -> bool:
        """Do what follows the steps since the last call; return whether training ends."""
        step, self.last_loss = stepper.step_count - 1, loss
        made, self.steps = stepper.step_count - self.steps, stepper.step_count
        if self.flags is not None:
            self.flags.end_step()
        began = time.perf_counter()
        found = None if self.evaluator is None else self.evaluator.after_step(stepper, made)
        self._excluded += time.perf_counter() - began if found is not None else 0.0
        if self.flags is not None and found is not None:
            self.flags.discard()
        if self.finite is not None:
            self.finite(stepper, loss)
        scaled = stepper.scaled_steps[-1] if stepper.scaled_steps else None
        if scaled is not None and scaled.is_skipped:
            self.skipped_steps.append(step)
        if self.keeps_losses or self.write is not None:
            exact = stepper.reported_loss().item()
            if self.keeps_losses:
                self.losses.append((step, exact))
            if self.write is not None:
                self._log(self.write, step, loss, exact, found, scaled)
        self.advance(lambda: self._note(step, loss), made)
        return self.is_over

    def steps_until_call(self, stepper: Stepper) -> int:
        """Return after how many further steps a call is due: 1 if each step is recorded."""
        if self.flags is not None or self.keeps_losses or self.write is not None:
            return 1
        return UNLIMITED if self.evaluator is None else self.evaluator.steps_until_due

    @property
    def is_over(self) -> bool:
        """Whether training ends early. This sets ``stopped_by``."""
        if self.interrupt.requested:
            self.stopped_by = "interrupt"
        elif self.finite is not None and self.finite.stops:
            self.stopped_by = "nonfinite"
        elif self.evaluator is not None and self.evaluator.is_over:
            self.stopped_by = "patience"
        return self.stopped_by is not None

    @property
    def evaluations(self) -> list[Evaluation]:
        """The evaluations so far."""
        return [] if self.evaluator is None else self.evaluator.evaluations

    def end(self) -> None:
        """Set the duration of training."""
        self.seconds = self._elapsed()

    def _elapsed(self) -> float:
        """Return the duration of the steps so far, without compilation and evaluations."""
        compiled = COMPILATIONS.seconds - self._compiled
        return max(time.perf_counter() - self._began - self._excluded - compiled, 0.0)

    def _log(
        self,
        write: Write,
        step: int,
        loss: Tensor,
        exact: float,
        found: Evaluation | None,
        scaled: ScaledStep | None,
    ) -> None:
        line = {
            "step": step,
            **exact_loss(loss),
            "exact_loss": exact,
            "lr": self.config.lr_at(step),
            "seconds": round(self._elapsed(), 6),
        }
        if scaled is not None:
            line["skipped"] = scaled.is_skipped
            line["next_loss_scale"] = scaled.scale.item()
        if found is not None:
            line["test_loss"] = found.loss.item()
            line["test_loss_in_format"] = found.loss.in_format.item()
            if found.accuracy is not None:
                line["accuracy"] = found.accuracy
        write(line)

    def _note(self, step: int, loss: Tensor) -> str:
        test = f", {self.evaluations[-1]}" if self.evaluations else ""
        return f"loss {loss.item():.6g}{test}, lr {self.config.lr_at(step):.3g}"
