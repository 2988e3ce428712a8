"""What a training at the command line does after each of its steps."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from numlean.autograd.tensor import Tensor
from numlean.cli.interrupt import Interrupt
from numlean.cli.progress import Advance
from numlean.cli.train.run_log import Write, exact_loss
from numlean.scalar.wrappers.counting import FlagHistory
from numlean.training import EarlyStopping, Evaluation, Stepper, TrainConfig


@dataclass
class TrainingMonitor:
    """Follows a run: evaluates, logs, moves the bar, and says when to stop.

    Attributes:
        config: What is run.
        evaluator: Evaluates when it is time, if at all.
        interrupt: Whether the user asked for an end.
        advance: Moves the bar.
        write: Writes a line of the log, if there is one.
        flags: Takes the flags of each step, if they are counted.
        keeps_losses: Whether every step's loss is kept.
        losses: The losses kept, by the number of updates before.
        last_loss: The last step's; None before the first.
        steps: How many steps were made.
        seconds: How long training took, once it has ended.
        stopped_by: What ended the run before its time: "interrupt" or "patience".
    """

    config: TrainConfig
    evaluator: EarlyStopping | None
    interrupt: Interrupt
    advance: Advance
    write: Write | None = None
    flags: FlagHistory | None = None
    keeps_losses: bool = False
    losses: list[tuple[int, float]] = field(default_factory=list, init=False)
    last_loss: Tensor | None = field(default=None, init=False)
    steps: int = field(default=0, init=False)
    seconds: float = field(default=0.0, init=False)
    stopped_by: str | None = field(default=None, init=False)
    _began: float = field(default_factory=time.perf_counter, init=False, repr=False)

    def __call__(self, stepper: Stepper, loss: Tensor) -> bool:
        """See to all that follows a step; whether training ends here."""
        step, self.last_loss = stepper.step_count - 1, loss
        self.steps = stepper.step_count
        if self.flags is not None:
            self.flags.end_step()
        found = None if self.evaluator is None else self.evaluator.after_step(stepper)
        if self.flags is not None and found is not None:
            self.flags.discard()
        if self.keeps_losses:
            self.losses.append((step, loss.item()))
        if self.write is not None:
            self._log(self.write, step, loss, found)
        self.advance(lambda: self._note(step, loss))
        return self.is_over

    @property
    def is_over(self) -> bool:
        """Whether training ends before its time, of which ``stopped_by`` tells from then on."""
        if self.interrupt.requested:
            self.stopped_by = "interrupt"
        elif self.evaluator is not None and self.evaluator.is_over:
            self.stopped_by = "patience"
        return self.stopped_by is not None

    @property
    def evaluations(self) -> list[Evaluation]:
        """The evaluations so far."""
        return [] if self.evaluator is None else self.evaluator.evaluations

    def end(self) -> None:
        """Take the time that training has taken."""
        self.seconds = self._elapsed()

    def _elapsed(self) -> float:
        return time.perf_counter() - self._began

    def _log(self, write: Write, step: int, loss: Tensor, found: Evaluation | None) -> None:
        line = {
            "step": step,
            **exact_loss(loss),
            "lr": self.config.lr_at(step),
            "seconds": round(self._elapsed(), 6),
        }
        if found is not None:
            line["test_loss"] = found.loss.item()
            if found.accuracy is not None:
                line["accuracy"] = found.accuracy
        write(line)

    def _note(self, step: int, loss: Tensor) -> str:
        test = f", {self.evaluations[-1]}" if self.evaluations else ""
        return f"loss {loss.item():.6g}{test}, lr {self.config.lr_at(step):.3g}"
