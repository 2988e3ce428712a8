"""What a certificate is of: a task, how it is trained and on what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from numlean.analysis.lockstep import RunSpec
from numlean.analysis.lockstep.lockstep import Data
from numlean.checkpoint import Run
from numlean.checkpoint.fingerprint import Plain
from numlean.data import Dataset
from numlean.errors import NumleanError
from numlean.scalar.protocol import Scalar
from numlean.tasks import NamedTask, get_task
from numlean.training import Stepper, Task, TrainConfig


@dataclass(frozen=True)
class Subject:
    """A run that can be made in any arithmetic.

    Attributes:
        task: What is trained.
        config: How.
        data: On what, or what makes of a Scalar the data of a run in it.
        name: What the task is called, if it has a name.
        is_own: Whether it is a task by name, trained as it is by default but for steps and seed.
    """

    task: Task
    config: TrainConfig
    data: Data
    name: str | None = None
    is_own: bool = False

    @classmethod
    def of(
        cls, task: Task | NamedTask | str, config: TrainConfig | None, data: Data | None
    ) -> Subject:
        """What is given, completed by what a task by name knows.

        Raises:
            NumleanError: There is no such task, or nothing says how to train it.
        """
        task = get_task(task) if isinstance(task, str) else task
        if isinstance(task, Task):
            if config is None or data is None:
                raise NumleanError("a Task is trained by a config on data: give config= and data=")
            return cls(task, config, data)
        config = config or task.config()
        own = task.config(steps=config.steps, seed=config.seed)
        is_own = data is None and config == own
        return cls(task.task, config, data or task.train_data_for, task.name, is_own)

    @classmethod
    def asked(cls, arguments: Mapping[str, Plain]) -> Subject:
        """What ``numlean train`` makes of its arguments.

        Raises:
            NumleanError: They make no run.
        """
        # Only the command line knows what its arguments mean.
        from numlean.cli.asked import run_of

        task, config = run_of(arguments)
        return cls(task.task, config, task.train_data_for, task.name)

    def arguments(self, side: RunSpec) -> dict[str, Plain] | None:
        """What makes ``numlean train`` train like this; None if nothing does."""
        if not self.is_own:
            return None
        steps, seed = self.config.steps, self.config.seed
        return {"dtype": side.scalar.name, "task": self.name, "steps": steps, "seed": seed}

    def begun(self, side: RunSpec) -> tuple[Stepper, Dataset]:
        """A stepper of the run before its first step, and its data."""
        runner = side.runner(self.task)
        stepper = Stepper(runner, self.config.optimizer, self.config.scheduler)
        return stepper, self._in(runner.scalar)

    def run(self, data: Dataset) -> Run:
        """What it is a run of, as files of runs tell it."""
        return Run(self.config, data, self.name)

    def _in(self, scalar: Scalar) -> Dataset:
        return self.data if isinstance(self.data, Dataset) else self.data(scalar)
