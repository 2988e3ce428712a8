"""What a comparison with PyTorch trains: a task, how, and on what."""

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
        config: How it is trained.
        data: On what.
        scalar: In which arithmetic of ours.
        seed: Names the initial parameters.
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
        """The training of a task, by default as the named task says.

        Raises:
            NumleanError: There is no such task or dtype, or nothing says how to train on what.
        """
        task, config, data = training_of(task, config, data)
        if config is None or data is None:
            raise NumleanError("a Task is trained by a config on data: give config= and data=")
        return cls(task, config, data, cast(KernelScalar, get_scalar(dtype)), seed)

    @property
    def theirs(self) -> TorchScalar:
        """PyTorch's arithmetic of the same numbers."""
        return TorchScalar(self.scalar)

    @property
    def options(self) -> Options:
        """How our runs are made."""
        return Options(seed=self.seed)

    def runner(self, scalar: Scalar | None = None) -> Runner:
        """A runner that has not begun."""
        return instantiate(self.task, scalar or self.scalar, self.options)

    def batches(self, steps: int) -> Iterator[Batch]:
        """What the first steps are made by."""
        data = self.data if isinstance(self.data, Dataset) else self.data(self.scalar)
        config = self.config
        return islice(minibatches(data, config.batch_size, seed=config.seed), steps)
