"""A run of training, as a checkpoint knows it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final

from numlean.checkpoint.fingerprint import Data, Plain, data_described, fingerprint
from numlean.training import Stepper

_NOT_OF_THE_CONFIG: Final = ("class", "optimizer", "schedule", "scheduler")
_HOW_LONG: Final = ("steps", "epochs", "log_every")
"""What of a configuration decides no bit of a step."""


@dataclass(frozen=True)
class Run:
    """What decides the bits of a run, apart from what its stepper is made of.

    Attributes:
        config: A dataclass such as ``TrainConfig``, for its batch size and its seed; how many steps
            it asks for does not count.
        data: What is trained on, a loader as it is before the first step; None if checkpoints shall
            not tell.
        name: What the task is called, if it has a name.
    """

    config: object = None
    data: Data | None = None
    name: str | None = None

    def description(self, stepper: Stepper) -> dict[str, Plain]:
        """The whole run as plain data; the dataset by a digest.

        Neither the device nor the backend is part of it: a run may go on with others.
        """
        runner, config = stepper.runner, fingerprint(self.config) or {}
        own_cast = runner.cast == runner.scalar.from_float
        return {
            "task": self.name,
            "dtype": runner.scalar.name,
            "cast": None if own_cast else fingerprint(runner.cast),
            "optimizer": fingerprint(stepper.optimizer),
            "schedule": fingerprint(stepper.schedule),
            **{k: config[k] for k in config if k not in (*_NOT_OF_THE_CONFIG, *_HOW_LONG)},
            "model": fingerprint(runner.task.model),
            "loss": fingerprint(runner.task.loss),
            "data": self._data_described,
        }

    @cached_property
    def _data_described(self) -> Plain:
        return data_described(self.data)
