"""Recipe: the settings of one ``numlean train`` run, and the only form in which files keep them.

A recipe contains every setting that affects the bits of a run and nothing else: it is built from a
fixed list of fields, so that an option such as ``--log`` or ``--save`` cannot get into a file. What
is read from a file is a ``RecordedRecipe``, which opens no file before it is trusted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Final

from numlean.errors import DocumentError, NumleanError
from numlean.json_lines import read_document
from numlean.precision import Policy, format_policy
from numlean.precision.policy_text import policy_from_plain, policy_to_plain
from numlean.tasks.arithmetic import asked_arithmetic
from numlean.tasks.named import NamedTask, Split
from numlean.tasks.optimization import Clip, OptimizerChoice, ScheduleChoice
from numlean.tasks.sources import TableSource, TaskName
from numlean.tasks.train_options import TrainOptions, format_widths
from numlean.training.config import MOST_STEPS, TrainConfig
from numlean.training.hooks import EarlyStopping
from numlean.training.options import SHARD, Options, check_shards

VERSION: Final = 1
"""Version of the plain form that is written, and the only one that is read.

A field that a part of a recipe gains has a default, so that earlier files are read.
"""

DEFAULT_DTYPE: Final = "ieee32exec"

_POLICY: Final = "policy"

_OMITTED: Final = {_POLICY: None, "shards": 1, "batch_statistics": SHARD}
"""The fields that a plain form contains only if they have another value than this."""


@dataclass(frozen=True)
class EvaluationChoice:
    """When a run is evaluated on its test data, and when it stops early.

    Attributes:
        every: Steps between evaluations.
        patience: Evaluations without a lower loss after which the run stops; None for no limit.

    Raises:
        NumleanError: A count is not positive.
    """

    every: int
    patience: int | None = None

    def __post_init__(self) -> None:
        if self.every < 1:
            raise NumleanError(f"--eval-every must be at least 1, got {self.every}")
        if self.patience is not None and self.patience < 1:
            raise NumleanError(f"--patience must be at least 1, got {self.patience}")

    def hook(self, task: NamedTask, split: Split) -> EarlyStopping:
        """Return the hook that evaluates a run of a task on its test data.

        Raises:
            NumleanError: There are no test data.
        """
        if not split.test.size:
            raise NumleanError(f"--eval-every needs test data, but {task.name} has none")
        return EarlyStopping(
            self.every, split.test, self.patience, with_accuracy=task.is_classification
        )


@dataclass(frozen=True)
class Recipe:
    """Settings of one ``numlean train`` run; None stands for the task's default.

    Attributes:
        task: The model and the data.
        steps: Updates to make.
        batch_size: Samples per update.
        seed: Seed of the initial parameters and of the order of the samples.
        dtype: The number format, as ``--dtype`` takes it.
        optimizer: The optimizer.
        schedule: The learning-rate schedule; None for a constant rate.
        clip: The limit for gradients; None for no limit.
        evaluation: Evaluations during the run; None for no evaluation.
        policy: The formats of a run in several dtypes; ``dtype`` is then that of its losses. None
            for a run in one dtype.
        shards: The number of parts into which each batch is cut.
        batch_statistics: Whether batch norm takes its statistics over a "shard" or the "batch".

    Raises:
        NumleanError: A value is out of range.
    """

    task: TaskName | TableSource
    steps: int | None = None
    batch_size: int | None = None
    seed: int = 0
    dtype: str = DEFAULT_DTYPE
    optimizer: OptimizerChoice = field(default_factory=OptimizerChoice)
    schedule: ScheduleChoice | None = None
    clip: Clip | None = None
    evaluation: EvaluationChoice | None = None
    policy: Policy | None = None
    shards: int = 1
    batch_statistics: str = SHARD

    def __post_init__(self) -> None:
        check_shards(self.shards, self.batch_statistics)
        for name, least in (("steps", 0), ("batch_size", 1), ("seed", 0)):
            value = getattr(self, name)
            option = name.replace("_", "-")
            if value is not None and value < least:
                raise NumleanError(f"--{option} must be at least {least}, got {value}")
            if value is not None and name != "seed" and value > MOST_STEPS:
                raise NumleanError(f"--{option} must be at most {MOST_STEPS}, got {value}")

    @classmethod
    def from_arguments(cls, arguments: Mapping[str, Any]) -> Recipe:
        """Return the recipe of a command's arguments by name; other arguments are ignored.

        Raises:
            NumleanError: Arguments contradict each other, or a value is out of range.
        """
        return cls.from_options(TrainOptions.select(arguments))

    @classmethod
    def from_options(cls, options: TrainOptions) -> Recipe:
        """Return the recipe of the options of ``numlean train``.

        Raises:
            NumleanError: Options contradict each other, or a value is out of range.
        """
        dtype, policy = asked_arithmetic(
            options.dtype, options.policy, options.accumulate, options.master, DEFAULT_DTYPE
        )
        return cls(
            task=options.source(),
            steps=options.steps,
            batch_size=options.batch_size,
            seed=options.seed or 0,
            dtype=dtype,
            optimizer=options.optimizer(),
            schedule=options.learning_rates(),
            clip=options.clip(),
            evaluation=_evaluation(options.eval_every, options.patience),
            policy=policy,
            shards=1 if options.shards is None else options.shards,
            batch_statistics=options.batch_statistics or SHARD,
        )

    def resolve(self) -> tuple[NamedTask, TrainConfig]:
        """Return the task and its training configuration, with the task's defaults filled in.

        Raises:
            NumleanError: The task is unknown, a file cannot be read, or a value is out of range.
        """
        task = self.task.resolve()
        steps = task.steps if self.steps is None else self.steps
        optimizer = self.optimizer.resolve(task)
        if self.clip is not None:
            optimizer = self.clip.apply(optimizer)
        schedule = None if self.schedule is None else self.schedule.resolve(optimizer.lr, steps)
        batch_size = task.batch_size if self.batch_size is None else self.batch_size
        return task, TrainConfig(steps, batch_size, optimizer, schedule, seed=self.seed)

    def runner_options(self, options: Options) -> Options:
        """Return options of an execution with those of the recipe."""
        shards, statistics = self.shards, self.batch_statistics
        return replace(options, seed=self.seed, shards=shards, batch_statistics=statistics)

    def to_plain(self) -> dict[str, Any]:
        """Return the recipe as plain data with a version, for JSON."""
        plain = {"version": VERSION, **_lists(asdict(replace(self, policy=None)))}
        plain[_POLICY] = None if self.policy is None else policy_to_plain(self.policy)
        defaults = [name for name, value in _OMITTED.items() if plain[name] == value]
        return {name: value for name, value in plain.items() if name not in defaults}

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Recipe:
        """Return the recipe that ``to_plain`` wrote, each field checked.

        Raises:
            NumleanError: The version is another one, a field is missing, unknown or of the wrong
                type, or a value is out of range.
        """
        document = dict(plain)
        version = document.pop("version", None)
        if type(version) is not int or version != VERSION:
            raise DocumentError(f"recipe: expected version {VERSION}, got {version!r:.80}")
        policy = document.pop(_POLICY, None)
        for each in fields(cls):
            if each.name not in document and each.name not in _OMITTED:
                raise DocumentError(f"recipe: the field {each.name!r} is missing")
        recipe = read_document(cls, document, "recipe")
        return recipe if policy is None else replace(recipe, policy=policy_from_plain(policy))

    @classmethod
    def from_version_1(cls, arguments: Mapping[str, Any]) -> Recipe:
        """Return the recipe of a file of version 1, which contains options by their names.

        Raises:
            NumleanError: An option is unknown, of the wrong type or out of range.
        """
        return cls.from_options(read_document(TrainOptions, dict(arguments), "arguments"))

    def to_options(self) -> TrainOptions:
        """Return the options of ``numlean train`` that give this recipe."""
        optimizer, schedule = self.optimizer, self.schedule or ScheduleChoice()
        clip, evaluation = self.clip, self.evaluation
        return TrainOptions(
            steps=self.steps,
            batch_size=self.batch_size,
            seed=self.seed,
            dtype=self.dtype if self.policy is None else None,
            policy=None if self.policy is None else format_policy(self.policy),
            optim=optimizer.name,
            lr=optimizer.lr,
            momentum=optimizer.momentum,
            nesterov=optimizer.nesterov,
            weight_decay=optimizer.weight_decay,
            beta1=optimizer.beta1,
            beta2=optimizer.beta2,
            eps=optimizer.epsilon,
            schedule=schedule.name,
            step_size=schedule.step_size,
            gamma=schedule.gamma,
            final_lr=schedule.final_lr,
            warmup=schedule.warmup,
            schedule_length=schedule.length,
            clip_norm=None if clip is None else clip.norm,
            clip_value=None if clip is None else clip.value,
            eval_every=None if evaluation is None else evaluation.every,
            patience=None if evaluation is None else evaluation.patience,
            shards=None if self.shards == 1 else self.shards,
            batch_statistics=None if self.batch_statistics == SHARD else self.batch_statistics,
            **_source_options(self.task),
        )


def _evaluation(every: int | None, patience: int | None) -> EvaluationChoice | None:
    if patience is not None and not every:
        raise NumleanError(f"--patience {patience} needs --eval-every N")
    return EvaluationChoice(every, patience) if every else None


def _source_options(source: TaskName | TableSource) -> dict[str, Any]:
    if isinstance(source, TaskName):
        return {"task": source.name, "text": source.text}
    own = {each.name: getattr(source, each.name) for each in fields(source)}
    own["data"], own["input"] = own.pop("path"), own.pop("key")
    own["hidden"] = None if source.hidden is None else format_widths(source.hidden)
    return {name: None if value == () else value for name, value in own.items()}


def _lists(value: Any) -> Any:
    match value:
        case dict():
            return {key: _lists(each) for key, each in value.items()}
        case tuple():
            return [_lists(each) for each in value]
    return value
