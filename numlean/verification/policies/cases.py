"""Short trainings of named tasks, by whose states runs are compared."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final, final

from numlean.autograd.tensor import Tensor
from numlean.data import Batch, minibatches
from numlean.digest import state_digest
from numlean.precision import Policy
from numlean.tasks import get_task
from numlean.training import Options, Stepper, instantiate

States = list[dict[str, str]]
"""The first digits of the digest of each tensor by its name, after each update."""

_DIGITS: Final = 16


@final
@dataclass(frozen=True)
class Case:
    """A few updates of a named task with its own optimizer.

    Attributes:
        task: The name of the task.
        samples: The number of samples of each update.
        steps: The number of updates. The compiled engine records the first one and replays it in
            the second.
        positions: How many positions at the start of each sample to take; None for all.
    """

    task: str
    samples: int
    steps: int
    positions: int | None = None

    def __str__(self) -> str:
        cut = "" if self.positions is None else f" of {self.positions} positions"
        samples, steps = (
            _counted(n, of) for n, of in ((self.samples, "sample"), (self.steps, "step"))
        )
        return f"{samples}{cut}, {steps}"

    def batches(self) -> Iterator[Batch]:
        """Yield the batch of each update."""
        data = get_task(self.task).load().train
        for x, y in islice(minibatches(data, self.samples, seed=0), self.steps):
            cut = slice(self.positions)
            yield Batch(x, y) if self.positions is None else Batch(x[:, cut], y[:, cut])

    def states(self, policy: Policy, options: Options) -> States:
        """Return the digests of a run by a policy: all that it keeps, losses and predictions."""
        named = get_task(self.task)
        stepper = Stepper(instantiate(named.task, policy, options), named.config().optimizer)
        return [_state_after(stepper, batch) for batch in self.batches()]


def _state_after(stepper: Stepper, batch: Batch) -> dict[str, str]:
    loss = stepper.step(batch)
    runner = stepper.runner
    runner.eval()
    found: dict[str, Tensor] = {"loss": loss}
    found |= runner.named_parameters
    for name, tensors in stepper.state.items():
        found |= {f"{name} {k}": tensor for k, tensor in enumerate(tensors)}
    found["prediction"] = runner.predict(batch.x)
    return {name: state_digest([(name, each)])[:_DIGITS] for name, each in found.items()}


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
