"""Changed checkpoints: a run must refuse them in one line, and load nothing of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from numlean.checkpoint import Run, resume, save
from numlean.digest import state_digest
from numlean.errors import NumleanError
from numlean.optim import sgd
from numlean.precision import Policy
from numlean.tasks import get_task
from numlean.training import Options, Stepper, TrainConfig, instantiate, run_steps
from numlean.verification.checkpoints._mutations import Mutation


@dataclass(frozen=True)
class Refusal:
    """The result of loading a changed checkpoint.

    Attributes:
        kind: The kind of change.
        message: The error message; None if the checkpoint was accepted.
        is_clean: Whether it was refused in one line that names the file, and nothing was loaded.
    """

    kind: str
    message: str | None
    is_clean: bool


class CorruptedRun:
    """A run that loads changed checkpoints of itself.

    Attributes:
        content: The checkpoint as it was written.
    """

    def __init__(
        self, arithmetic: str | Policy, folder: Path, *, task: str = "xor", steps: int = 3
    ) -> None:
        self._task, self._arithmetic = get_task(task), arithmetic
        self._path = folder / "run.ckpt"
        data = self._task.load().train
        config = TrainConfig(steps=steps, batch_size=3, optimizer=sgd(0.1, 0.9))
        self._run = Run(config, data, task)
        stepper = self._fresh()
        run_steps(stepper.runner, config, data, stepper=stepper)
        save(self._path, stepper, self._run)
        self.content = self._path.read_bytes()
        resume(self._path, self._fresh(), self._run)  # as it is, it is taken
        self._offered = self._fresh()

    def _fresh(self) -> Stepper:
        runner = instantiate(self._task.task, self._arithmetic, Options(seed=7))
        return Stepper(runner, sgd(0.1, 0.9))

    def try_load(self, mutation: Mutation) -> Refusal:
        """Resume from a changed checkpoint."""
        self._path.write_bytes(mutation.content)
        before = _digest(self._offered)
        try:
            resume(self._path, self._offered, self._run)
        except NumleanError as error:
            message = str(error)
            is_one_line = "\n" not in message and message.startswith(f"{self._path}: ")
            is_clean = is_one_line and _digest(self._offered) == before
            return Refusal(mutation.kind, message.removeprefix(f"{self._path}: "), is_clean)
        return Refusal(mutation.kind, None, is_clean=False)


def _digest(stepper: Stepper) -> tuple[int, str]:
    state = [(name, tensor) for name, group in stepper.state.items() for tensor in group]
    return stepper.step_count, state_digest([*stepper.runner.named_parameters, *state])
