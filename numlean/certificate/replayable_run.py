"""A run that can be repeated in any arithmetic: a task, its configuration and its data."""

from __future__ import annotations

from dataclasses import dataclass

from numlean.analysis.lockstep import RunSpec
from numlean.analysis.lockstep.lockstep import Data
from numlean.checkpoint import Run
from numlean.data import Dataset
from numlean.errors import NumleanError
from numlean.scalar.protocol import Scalar
from numlean.tasks import NamedTask, get_task
from numlean.tasks.recipe import Recipe
from numlean.tasks.sources import TaskName
from numlean.training import Stepper, Task, TrainConfig


@dataclass(frozen=True)
class ReplayableRun:
    """A run that can be repeated in any arithmetic.

    Attributes:
        task: The model and the loss.
        config: The training configuration.
        data: The training data, or a function that returns the data for a Scalar.
        name: The name of the task, if it has one.
        is_default_config: Whether this is a named task with its own configuration, apart from
            steps and seed.
    """

    task: Task
    config: TrainConfig
    data: Data
    name: str | None = None
    is_default_config: bool = False

    @classmethod
    def of(
        cls, task: Task | NamedTask | str, config: TrainConfig | None, data: Data | None
    ) -> ReplayableRun:
        """Return the run; a named task supplies missing parts.

        Raises:
            NumleanError: The task is unknown, or config or data are missing.
        """
        task = get_task(task) if isinstance(task, str) else task
        if isinstance(task, Task):
            if config is None or data is None:
                raise NumleanError("a Task needs a configuration and data: pass config= and data=")
            return cls(task, config, data)
        config = config or task.config()
        own = task.config(steps=config.steps, seed=config.seed)
        is_default = data is None and config == own
        return cls(task.task, config, data or task.train_data_for, task.name, is_default)

    @classmethod
    def from_recipe(cls, recipe: Recipe) -> ReplayableRun:
        """Return the run of a recipe.

        Raises:
            NumleanError: The recipe cannot be resolved here.
        """
        task, config = recipe.resolve()
        return cls(task.task, config, task.train_data_for, task.name)

    def recipe(self, side: RunSpec) -> Recipe | None:
        """Return the recipe of this run; None if a recipe cannot express it."""
        if not self.is_default_config or self.name is None:
            return None
        return Recipe(
            TaskName(self.name),
            steps=self.config.steps,
            seed=self.config.seed,
            dtype=side.scalar.name,
            policy=side.policy,
        )

    def start(self, side: RunSpec) -> tuple[Stepper, Dataset]:
        """Return a stepper before the first step, and the data."""
        runner = side.runner(self.task)
        stepper = Stepper(runner, self.config.optimizer, self.config.scheduler)
        return stepper, self._data_in(runner.scalar)

    def description(self, data: Dataset) -> Run:
        """Return the description of the run that its files contain."""
        return Run(self.config, data, self.name)

    def _data_in(self, scalar: Scalar) -> Dataset:
        return self.data if isinstance(self.data, Dataset) else self.data(scalar)
