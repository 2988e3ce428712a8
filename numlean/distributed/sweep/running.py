"""One run of a sweep, from its recipe to its figures and its certificate."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, TypeAlias, final

from numlean.analysis.finiteness import FiniteCheck
from numlean.analysis.lockstep import RunSpec
from numlean.autograd.tensor import Tensor
from numlean.certificate.file_format import dumps
from numlean.certificate.recording import Recorder
from numlean.checkpoint import Run
from numlean.display_text import one_line
from numlean.distributed.sweep.execution import Execution
from numlean.distributed.sweep.point import Point
from numlean.errors import NumleanError
from numlean.scalar.protocol import Scalar
from numlean.scalar.registry import get_scalar
from numlean.tasks import NamedTask, Recipe, Split
from numlean.training import (
    EarlyStopping,
    Evaluation,
    Options,
    Stepper,
    TrainConfig,
    all_of,
    run_evaluation,
    run_steps,
)
from numlean.training.options import resolve_part
from numlean.version import __version__

Progress: TypeAlias = Callable[[int, int], None]
"""Called after each step with the number of steps made, and of all."""

Figures: TypeAlias = dict[str, Any]
"""A row of a table, by the names of :mod:`numlean.distributed.sweep.schema`."""


@final
@dataclass(frozen=True)
class PointResult:
    """What a run of a sweep leaves.

    Attributes:
        digest: The digest of its point.
        run: The row of the run.
        steps: The rows of its measured steps.
        certificate: The bytes of its certificate; None if it failed.
    """

    digest: str
    run: Figures
    steps: tuple[Figures, ...] = ()
    certificate: bytes | None = None


def run_point(point: Point, execution: Execution, on_progress: Progress) -> PointResult:
    """Make the run of a point; an error is a result as well."""
    began = time.perf_counter()
    try:
        made = _PointRun(point, execution, on_progress).make()
    except (NumleanError, OSError, MemoryError, ArithmeticError) as error:
        return failed_point(point, error, time.perf_counter() - began)
    return made


def failed_point(point: Point, error: BaseException, seconds: float | None = None) -> PointResult:
    """Return the result of a point whose run ended with an error."""
    kind = "" if isinstance(error, NumleanError) else f"{type(error).__name__}: "
    text = one_line(f"{kind}{error}".removesuffix(": "))
    row = {**_identity(point), "status": "failed", "error": text, "seconds": seconds}
    return PointResult(point.digest, row)


def _identity(point: Point) -> Figures:
    """Return the figures of a point that are known before its run."""
    recipe = point.recipe
    return {
        "digest": point.digest,
        "recipe": point.text,
        "task": point.task_name,
        "arithmetic": point.arithmetic,
        "seed": recipe.seed,
        "numlean": __version__,
        "python": platform.python_version(),
        "host": platform.node(),
        "finished": datetime.now(UTC),
    }


@dataclass
class _Measurements:
    """The rows of the measured steps of a run."""

    every: int
    config: TrainConfig
    evaluator: EarlyStopping | None
    on_progress: Progress
    rows: list[Figures] = field(default_factory=list)
    last_loss: float | None = None
    skipped: int = 0

    def __call__(self, stepper: Stepper, loss: Tensor) -> bool:
        """Measure a step, if that is due; return whether training ends."""
        step = stepper.step_count - 1
        found = None if self.evaluator is None else self.evaluator.after_step(stepper)
        self.skipped += sum(each.is_skipped for each in stepper.scaled_steps)
        is_over = self.evaluator is not None and self.evaluator.is_over
        is_last = is_over or step == self.config.steps - 1
        if is_last or found is not None or step % self.every == 0:
            self.last_loss = loss.item()
            row = {"step": step, "loss": self.last_loss, "lr": self.config.lr_at(step)}
            self.rows.append({**row, **_tests(found)})
        self.on_progress(stepper.step_count, self.config.steps)
        return is_over


@dataclass(frozen=True)
class _PointRun:
    """The run of a point."""

    point: Point
    execution: Execution
    on_progress: Progress

    def make(self) -> PointResult:
        """Make all steps, and return what they leave.

        Raises:
            NumleanError: The recipe cannot be carried out here.
        """
        recipe = self.point.recipe
        options = recipe.runner_options(self.execution.options)
        task, config = recipe.resolve()
        spec = _run_spec(recipe, options)
        runner = spec.runner(task.task)
        split = task.load_for(runner.scalar)
        stepper = Stepper(runner, config.optimizer, config.scheduler)
        whole = Run(config, split.train, task.name)
        recorder = Recorder(stepper, whole, fast_kernels=spec.options.fast_kernels)
        evaluator = None if recipe.evaluation is None else recipe.evaluation.hook(task, split)
        measured = _Measurements(self.execution.measure_every, config, evaluator, self.on_progress)
        check = FiniteCheck("warn", stepper=stepper, report=_ignore)
        before = runner.reported_loss(split.train)
        began = time.perf_counter()
        hook = all_of(recorder, check, measured)
        run_steps(runner, config, split.train, on_step=hook, stepper=stepper)
        seconds = time.perf_counter() - began
        runner.eval()
        is_over = evaluator is not None and evaluator.is_over
        certificate = recorder.certificate(
            steps_asked=config.steps, stopped_by="patience" if is_over else None, recipe=recipe
        )
        row = {
            **_identity(self.point),
            **_settings(task, config, spec.scalar),
            "status": "done",
            "steps": stepper.step_count,
            "stopped_by": certificate.stopped_by,
            "loss_before": before.item(),
            "loss_after": runner.reported_loss(split.train).item(),
            "last_loss": measured.last_loss,
            **_final_tests(task, stepper, split),
            "nonfinite_step": None if check.first is None else check.first.step,
            "skipped_steps": measured.skipped,
            **certificate.final,
            "chain": certificate.chain,
            "seconds": seconds,
        }
        steps = ({"digest": self.point.digest, **each} for each in measured.rows)
        return PointResult(self.point.digest, row, tuple(steps), dumps(certificate.document()))


def _run_spec(recipe: Recipe, options: Options) -> RunSpec:
    """Return the run of a recipe, with fast kernels where its dtypes have them."""
    if recipe.policy is not None:
        return RunSpec.of(recipe.policy, options)
    scalar = resolve_part(recipe.dtype, options)
    is_fast = options.fast_kernels and scalar != get_scalar(recipe.dtype, options.device)
    return RunSpec(recipe.dtype, scalar, replace(options, fast_kernels=is_fast))


def _settings(task: NamedTask, config: TrainConfig, scalar: Scalar) -> Figures:
    """Return the figures of the settings of a run, with the task's defaults filled in."""
    return {
        "bits": None if scalar.format is None else scalar.format.width,
        "steps_asked": config.steps,
        "batch_size": config.batch_size,
        "optimizer": repr(config.optimizer),
        "lr": config.optimizer.lr,
        "schedule": None if config.scheduler is None else repr(config.scheduler),
    }


def _final_tests(task: NamedTask, stepper: Stepper, split: Split) -> Figures:
    if not split.test.size:
        return {"test_loss": None, "accuracy": None}
    return _tests(run_evaluation(stepper, split.test, with_accuracy=task.is_classification))


def _tests(found: Evaluation | None) -> Figures:
    if found is None:
        return {"test_loss": None, "accuracy": None}
    return {"test_loss": found.loss.item(), "accuracy": found.accuracy}


def _ignore(text: str) -> None:
    """Drop the text of an event, which the row of the run contains."""
