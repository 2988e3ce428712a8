"""The options of ``numlean train`` that affect the bits of a run, by their names.

This flat form is that of the command line and of certificates and checkpoints of version 1. Files
of version 2 contain a :class:`numlean.tasks.recipe.Recipe`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Final

from numlean.errors import NumleanError
from numlean.tasks.named import task_names
from numlean.tasks.optimization import Clip, OptimizerChoice, ScheduleChoice
from numlean.tasks.sources import TableSource, TaskName

_TABLE_OPTIONS: Final = (
    *("target", "input", "kind", "categorical", "drop", "header"),
    *("test_share", "split_seed", "standardise", "hidden", "activation"),
    *("more_targets", "test_data", "delimiter", "decimal", "thousands", "encoding", "comment"),
    *("na_values", "impute", "drop_missing"),
)
_LISTS: Final = ("categorical", "drop", "more_targets", "na_values")
_NO_LAYERS: Final = "none"
_WIDTH: Final = re.compile(r"\d{1,20}")


@dataclass(frozen=True)
class TrainOptions:
    """Options by their names; None stands for an option that is not given."""

    task: str | None = None
    steps: int | None = None
    batch_size: int | None = None
    seed: int | None = None
    dtype: str | None = None
    policy: str | None = None
    accumulate: str | None = None
    master: str | None = None
    text: str | None = None
    optim: str | None = None
    lr: float | None = None
    momentum: float | None = None
    nesterov: bool = False
    weight_decay: float | None = None
    beta1: float | None = None
    beta2: float | None = None
    eps: float | None = None
    schedule: str | None = None
    step_size: int | None = None
    gamma: float | None = None
    final_lr: float | None = None
    warmup: int | None = None
    schedule_length: int | None = None
    clip_norm: float | None = None
    clip_value: float | None = None
    data: str | None = None
    target: str | None = None
    input: str | None = None
    kind: str | None = None
    categorical: tuple[str, ...] | None = None
    drop: tuple[str, ...] | None = None
    header: str | None = None
    test_share: str | None = None
    split_seed: int | None = None
    standardise: str | None = None
    hidden: str | None = None
    activation: str | None = None
    more_targets: tuple[str, ...] | None = None
    test_data: str | None = None
    delimiter: str | None = None
    decimal: str | None = None
    thousands: str | None = None
    encoding: str | None = None
    comment: str | None = None
    na_values: tuple[str, ...] | None = None
    impute: str | None = None
    drop_missing: bool = False
    eval_every: int | None = None
    patience: int | None = None
    shards: int | None = None
    batch_statistics: str | None = None

    @classmethod
    def select(cls, arguments: Mapping[str, Any]) -> TrainOptions:
        """Return the options among the arguments of a command; all others are ignored."""
        known = {field.name for field in fields(cls)}
        given = {k: v for k, v in arguments.items() if k in known and v is not None}
        for name in _LISTS:
            if name in given:
                given[name] = tuple(given[name])
        return cls(**given)

    def source(self) -> TaskName | TableSource:
        """Return the model and data.

        Raises:
            NumleanError: Neither a task nor a table is given, or both, or an option of the other.
        """
        if self.data is None:
            return self._task_name()
        if self.task is not None:
            raise NumleanError(f"give either the task {self.task!r} or --data FILE, not both")
        if self.text is not None:
            raise NumleanError("give either --text FILE or --data FILE, not both")
        if self.target is None:
            raise NumleanError("--data FILE needs --target COLUMN (or KEY), the values to predict")
        return TableSource(
            path=self.data,
            target=self.target,
            key=self.input,
            kind=self.kind,
            categorical=self.categorical or (),
            drop=self.drop or (),
            header=self.header,
            test_share=self.test_share,
            split_seed=self.split_seed,
            standardise=self.standardise,
            hidden=None if self.hidden is None else parse_widths(self.hidden),
            activation=self.activation,
            more_targets=self.more_targets or (),
            test_data=self.test_data,
            delimiter=self.delimiter,
            decimal=self.decimal,
            thousands=self.thousands,
            encoding=self.encoding,
            comment=self.comment,
            na_values=self.na_values or (),
            impute=self.impute,
            drop_missing=self.drop_missing,
        )

    def _task_name(self) -> TaskName:
        for option in _TABLE_OPTIONS:
            if getattr(self, option) not in (None, False):
                raise NumleanError(f"--{option.replace('_', '-')} needs --data FILE")
        if self.task is None:
            raise NumleanError(f"name a TASK ({', '.join(task_names())}) or --data FILE")
        return TaskName(self.task, self.text)

    def optimizer(self) -> OptimizerChoice:
        """Return the optimizer."""
        return OptimizerChoice(
            self.optim,
            self.lr,
            self.momentum,
            self.nesterov,
            self.weight_decay,
            self.beta1,
            self.beta2,
            self.eps,
        )

    def learning_rates(self) -> ScheduleChoice | None:
        """Return the learning-rate schedule; None for a constant rate."""
        choice = ScheduleChoice(
            self.schedule,
            self.step_size,
            self.gamma,
            self.final_lr,
            self.warmup,
            self.schedule_length,
        )
        return None if choice == ScheduleChoice() else choice

    def clip(self) -> Clip | None:
        """Return the limit for gradients, if there is one."""
        if self.clip_norm is None and self.clip_value is None:
            return None
        return Clip(self.clip_norm, self.clip_value)


def parse_widths(text: str) -> tuple[int, ...]:
    """Return the widths of hidden layers, such as ``32,16``, or none for ``none``.

    Raises:
        NumleanError: The text is neither.
    """
    if text == _NO_LAYERS:
        return ()
    parts = text.split(",")
    if not all(_WIDTH.fullmatch(part.strip()) and int(part) > 0 for part in parts):
        raise NumleanError(f"expected positive widths such as 32,16, or none, got {text!r:.80}")
    return tuple(map(int, parts))


def format_widths(widths: tuple[int, ...]) -> str:
    """Return the text that ``parse_widths`` reads."""
    return ",".join(map(str, widths)) or _NO_LAYERS
