"""Options that save a run, resume one, or start from given weights; and the writer."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Final

import numlean.checkpoint as files
from numlean.autograd.tensor import Tensor
from numlean.checkpoint import Checkpoint, Run
from numlean.checkpoint.errors import error_context
from numlean.cli.failed_outputs import FailedOutputs
from numlean.cli.options import add_trust_option, check_writable, given_files
from numlean.errors import NumleanError
from numlean.tasks import Recipe
from numlean.tasks.file_limits import check_recipe_precision, check_steps
from numlean.training import EarlyStopping, Stepper
from numlean.training.loops.resume_point import completed_steps
from numlean.training.pace import UNLIMITED

_UPDATES: Final = 1
"""The updates of a step: one, by a batch."""


def add_arguments(parser: argparse.ArgumentParser) -> argparse._ArgumentGroup:
    """Add the options, and return their group."""
    group = parser.add_argument_group("files of a run")
    group.add_argument(
        "--save",
        metavar="FILE",
        help="write a checkpoint when training ends or is interrupted",
    )
    group.add_argument(
        "--checkpoint-every",
        type=int,
        metavar="N",
        help="also write the checkpoint after every N steps",
    )
    group.add_argument(
        "--resume",
        metavar="FILE",
        help="resume a run from its checkpoint; options that are not given are taken from the file,"
        " but for names of files (--data, --text)",
    )
    add_trust_option(group, "the checkpoint")
    group.add_argument(
        "--weights",
        metavar="FILE",
        help="start from these weights, such as a PyTorch state_dict in a safetensors file",
    )
    return group


def resolve_resume_options(arguments: argparse.Namespace) -> Checkpoint | None:
    """Return the checkpoint to resume, if any, and set options not given to those of its recipe.

    Raises:
        NumleanError: The options contradict each other, or the file is not a checkpoint, or names
            files that are not trusted.
    """
    _check_contradictions(arguments)
    if arguments.resume is None:
        return None
    checkpoint = files.load(arguments.resume)
    if checkpoint.recipe is not None:
        with error_context(checkpoint.path):
            recipe = checkpoint.recipe.trust(
                given_files(arguments), trust_paths=arguments.trust_paths
            )
            if arguments.steps is None:
                check_steps(recipe.steps)
            if arguments.dtype is arguments.policy is None:
                check_recipe_precision(recipe.dtype, recipe.policy)
        for name, value in asdict(recipe.to_options()).items():
            given = getattr(arguments, name)
            if given is None or given is False:  # but not 0
                setattr(arguments, name, value)
    return checkpoint


@contextmanager
def settings_of(checkpoint: Checkpoint | None) -> Iterator[None]:
    """Name the checkpoint in errors of settings, which may come from it."""
    if checkpoint is None:
        yield
        return
    with error_context(checkpoint.path):
        yield


class CheckpointWriter:
    """Starts a run as the options say, and writes its checkpoints.

    Attributes:
        stepper: The stepper of the run.
        run: The description of the run.
        evaluator: The evaluations, whose state is part of a checkpoint; None without any.
        is_resuming: Whether the run is resumed.
    """

    def __init__(
        self,
        arguments: argparse.Namespace,
        stepper: Stepper,
        run: Run,
        recipe: Recipe,
        evaluator: EarlyStopping | None,
        failed: FailedOutputs,
    ) -> None:
        self.stepper = stepper
        self.run = run
        self.evaluator = evaluator
        self.is_resuming: bool = arguments.resume is not None
        self._path: str | None = arguments.save
        self._every: int = arguments.checkpoint_every or 0
        self._weights: str | None = arguments.weights
        self._recipe = recipe
        self._failed = failed
        self._written_after: int | None = None

    def start(self, checkpoint: Checkpoint | None, *, steps: int) -> None:
        """Resume from a checkpoint, or import the given weights, or keep the initial ones.

        Args:
            checkpoint: The checkpoint, if the run is resumed.
            steps: The number of steps of the whole run.

        Raises:
            NumleanError: The file does not fit the run, or has more steps.
        """
        if checkpoint is not None:
            files.resume(checkpoint, self.stepper, self.run)
            with error_context(checkpoint.path):
                completed_steps(self.stepper, _UPDATES, steps)
            if self.evaluator is not None:
                state = checkpoint.state_dict(self.stepper.runner.scalar)
                with error_context(checkpoint.path):
                    self.evaluator.load_state_dict(state)
        elif self._weights is not None:
            files.import_weights(self.stepper.runner, self._weights)

    def __call__(self, stepper: Stepper, loss: Tensor) -> bool:
        """Write a checkpoint after a step if one is due; return False, as it never ends."""
        if self._every and self.stepper.step_count % self._every == 0:
            self.write()
        return False

    def steps_until_call(self, stepper: Stepper) -> int:
        """Return after how many further steps a checkpoint is due."""
        return self._every - stepper.step_count % self._every if self._every else UNLIMITED

    def write(self) -> None:
        """Write a checkpoint of the run between two steps, if ``--save`` is given.

        If it cannot be written, the old one stays, and training goes on until the next one is due.
        """
        if self._path is None or self._written_after == self.stepper.step_count:
            return
        with self._failed.tolerate("the checkpoint", self._path):
            state = {} if self.evaluator is None else self.evaluator.state_dict()
            files.save(self._path, self.stepper, self.run, recipe=self._recipe, extra_state=state)
            self._written_after = self.stepper.step_count


def _check_contradictions(arguments: argparse.Namespace) -> None:
    every = arguments.checkpoint_every
    if every is not None and arguments.save is None:
        raise NumleanError("--checkpoint-every needs --save FILE")
    if every is not None and every < 1:
        raise NumleanError(f"--checkpoint-every must be at least 1, got {every}")
    if arguments.trust_paths and arguments.resume is None:
        raise NumleanError("--trust-paths is for the files that --resume FILE names")
    if arguments.resume is not None and arguments.weights is not None:
        raise NumleanError("--resume loads the checkpoint's weights; omit --weights")
    check_writable("--save", arguments.save)
