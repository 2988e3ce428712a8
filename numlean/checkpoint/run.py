"""The description of a run that its files contain."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final

from numlean.arguments import checked
from numlean.checkpoint.fingerprint import Data, Plain, data_fingerprint, fingerprint
from numlean.precision.policy_text import policy_to_plain
from numlean.scalar.entering import entering
from numlean.training import Runner, Stepper

_NOT_OF_THE_CONFIG: Final = ("class", "optimizer", "schedule", "scheduler")
_HOW_LONG: Final = ("steps", "epochs", "log_every")
"""Fields of a configuration that do not affect the bits of a step."""


@checked
@dataclass(frozen=True)
class Run:
    """The parts of a run that affect its bits and that its stepper does not have.

    Attributes:
        config: A dataclass such as ``TrainConfig``, for its batch size and seed; the number of
            steps is ignored.
        data: The training data; a loader as it is before the first step. With None, files do not
            describe the data.
        name: The name of the task, if it has one.
    """

    config: object = None
    data: Data | None = None
    name: str | None = None

    def description(self, stepper: Stepper) -> dict[str, Plain]:
        """Return the whole run as plain data, with a digest of the dataset.

        Device and backend are not part of it: a run may be resumed with others.
        """
        runner, config = stepper.runner, fingerprint(self.config) or {}
        is_default_cast = runner.cast == entering(runner.scalar)
        return {
            "task": self.name,
            "dtype": runner.scalar.name,
            **_policy(runner),
            "cast": None if is_default_cast else fingerprint(runner.cast),
            "optimizer": fingerprint(stepper.optimizer),
            "schedule": fingerprint(stepper.schedule),
            **{k: config[k] for k in config if k not in (*_NOT_OF_THE_CONFIG, *_HOW_LONG)},
            "model": fingerprint(runner.task.model),
            "loss": fingerprint(runner.task.loss),
            "data": self._data_fingerprint,
            **_shards(runner),
        }

    @cached_property
    def _data_fingerprint(self) -> Plain:
        return data_fingerprint(self.data)


def _policy(runner: Runner) -> dict[str, Plain]:
    """Return every field of a run's policy; nothing for a run in one dtype."""
    policy = runner.precision.policy
    return {} if policy is None else {"policy": policy_to_plain(policy)}


def _shards(runner: Runner) -> dict[str, Plain]:
    """Return how batches are cut; nothing for a run whose batches are not."""
    options = runner.options
    if options.shards == 1:
        return {}
    return {"shards": options.shards, "batch_statistics": options.batch_statistics}
