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
from numlean.precision import Policy
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
        scalar: The arithmetic of numlean; in a run by a policy, that of inputs and losses.
        seed: The seed of the initial parameters.
        device: The device of our run; None for the default one.
        policy: The formats of a run in several dtypes; None for a run in one.
    """

    task: Task
    config: TrainConfig
    data: Data
    scalar: KernelScalar
    seed: int
    device: str | None = None
    policy: Policy | None = None

    @classmethod
    def of(
        cls,
        task: Task | NamedTask | str,
        dtype: str | Policy,
        *,
        config: TrainConfig | None,
        data: Data | None,
        seed: int,
        device: str | None = None,
    ) -> Setting:
        """Return the training of a task; config and data default to those of the named task.

        Raises:
            NumleanError: The task, dtype or device is unknown, or config or data are missing.
        """
        task, config, data = training_of(task, config, data)
        if config is None or data is None:
            raise NumleanError("a Task has no default config and data; pass config= and data=")
        policy = dtype if isinstance(dtype, Policy) and not dtype.is_uniform else None
        text = dtype.reductions if isinstance(dtype, Policy) else dtype
        scalar = cast(KernelScalar, get_scalar(text, device))
        return cls(task, config, data, scalar, seed, device, policy)

    @property
    def theirs(self) -> TorchScalar:
        """PyTorch's arithmetic of the same numbers."""
        return TorchScalar(self.scalar)

    @property
    def options(self) -> Options:
        """The options of our runs."""
        return Options(seed=self.seed, device=self.device)

    def runner(self, scalar: Scalar | None = None) -> Runner:
        """Return a new runner."""
        return instantiate(self.task, scalar or self.policy or self.scalar, self.options)

    def batches(self, steps: int) -> Iterator[Batch]:
        """Yield the batches of the first steps."""
        data = self.data if isinstance(self.data, Dataset) else self.data(self.scalar)
        config = self.config
        return islice(minibatches(data, config.batch_size, seed=config.seed), steps)
