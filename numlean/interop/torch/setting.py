"""The task, config and data of a comparison with PyTorch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import cast

from numlean.analysis.lockstep.lockstep import Data, training_of
from numlean.data import Batch, Dataset, minibatches
from numlean.errors import NumleanError
from numlean.interop.torch.scalar import TorchScalar
from numlean.scalar.kernel_scalar import KernelScalar
from numlean.scalar.protocol import Scalar
from numlean.scalar.registry import get_scalar
from numlean.tasks import NamedTask
from numlean.training import Options, Runner, Task, TrainConfig, instantiate


@dataclass(frozen=True)
class Setting:
    """A training.

    Attributes:
        task: The model and the loss.
        config: The training configuration.
        data: The data.
        scalar: The arithmetic of numlean.
        seed: The seed of the initial parameters.
    """

    task: Task
    config: TrainConfig
    data: Data
    scalar: KernelScalar
    seed: int

    @classmethod
    def of(
        cls,
        task: Task | NamedTask | str,
        dtype: str,
        *,
        config: TrainConfig | None,
        data: Data | None,
        seed: int,
    ) -> Setting:
        """Return the training of a task; config and data default to those of the named task.

        Raises:
            NumleanError: The task or dtype is unknown, or config or data are missing.
        """
        task, config, data = training_of(task, config, data)
        if config is None or data is None:
            raise NumleanError("a Task has no default config and data; pass config= and data=")
        return cls(task, config, data, cast(KernelScalar, get_scalar(dtype)), seed)

    @property
    def theirs(self) -> TorchScalar:
        """PyTorch's arithmetic of the same numbers."""
        return TorchScalar(self.scalar)

    @property
    def options(self) -> Options:
        """The options of our runs."""
        return Options(seed=self.seed)

    def runner(self, scalar: Scalar | None = None) -> Runner:
        """Return a new runner."""
        return instantiate(self.task, scalar or self.scalar, self.options)

    def batches(self, steps: int) -> Iterator[Batch]:
        """Yield the batches of the first steps."""
        data = self.data if isinstance(self.data, Dataset) else self.data(self.scalar)
        config = self.config
        return islice(minibatches(data, config.batch_size, seed=config.seed), steps)
