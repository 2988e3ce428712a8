"""Options of training that save a run, go on with one, or take weights from a file."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Final

from numlean.cli.asked import asked, check_writable
from numlean.errors import NumleanError

if TYPE_CHECKING:
    from numlean.autograd.tensor import Tensor
    from numlean.checkpoint import Checkpoint, Run
    from numlean.training import EarlyStopping, Stepper

_EVALUATIONS: Final = "evaluations"

_DEFAULTS: Final = {"dtype": "ieee32exec", "seed": 0}
"""Of options whose absence must be told from their default, which a checkpoint may override."""


def add_arguments(parser: argparse.ArgumentParser) -> argparse._ArgumentGroup:
    """Say what the options are, and return their group."""
    group = parser.add_argument_group("files of a run")
    group.add_argument(
        "--save", metavar="FILE", help="write a checkpoint when training ends or is interrupted"
    )
    group.add_argument(
        "--checkpoint-every", type=int, metavar="N", help="write it also after every N steps"
    )
    group.add_argument(
        "--resume",
        metavar="FILE",
        help="go on where a checkpoint was written; options that are not given are the file's",
    )
    group.add_argument(
        "--weights",
        metavar="FILE",
        help="begin with these weights, such as a PyTorch state_dict in a safetensors file",
    )
    return group


def settle(arguments: argparse.Namespace) -> Checkpoint | None:
    """Fill in the options that are not given; return the checkpoint to go on from, if there is one.

    Raises:
        NumleanError: The options contradict each other, or the file is no checkpoint.
    """
    _refuse_contradictions(arguments)
    checkpoint = None
    if arguments.resume is not None:
        from numlean.checkpoint import load

        checkpoint = load(arguments.resume)
    known = {**_DEFAULTS, **(checkpoint.arguments if checkpoint else {})}
    for name, value in known.items():
        given = getattr(arguments, name, None)
        if given is None or given is False:  # not 0
            setattr(arguments, name, value)
    return checkpoint


class CheckpointWriter:
    """Begins a run as the options say, and writes checkpoints of it.

    Attributes:
        stepper: Whose run it is.
        run: What it is a run of.
        evaluator: What else must be remembered: when evaluations are due, and how patience stands.
        goes_on: Whether it began with a checkpoint.
    """

    def __init__(
        self,
        arguments: argparse.Namespace,
        stepper: Stepper,
        run: Run,
        evaluator: EarlyStopping | None,
    ) -> None:
        self.stepper = stepper
        self.run = run
        self.evaluator = evaluator
        self.is_resuming: bool = arguments.resume is not None
        self._path: str | None = arguments.save
        self._every: int = arguments.checkpoint_every or 0
        self._weights: str | None = arguments.weights
        self._arguments = asked(arguments)
        self._written_after: int | None = None

    def begin(self, checkpoint: Checkpoint | None) -> None:
        """Go on from a checkpoint, or take the weights that are named, or neither."""
        from numlean.checkpoint import atomic, import_weights, resume

        if checkpoint is not None:
            resume(checkpoint, self.stepper, self.run)
            if self.evaluator is not None:
                scalar = self.stepper.runner.scalar
                self.evaluator.load_extra_state(checkpoint.extra_state(_EVALUATIONS, scalar))
        elif self._weights is not None:
            import_weights(self.stepper.runner, self._weights)
        if self._path is not None:
            atomic.remove_stale_partials(self._path)

    def __call__(self, stepper: Stepper, loss: Tensor) -> bool:
        """After a step, write a checkpoint if one is due; never an end of training."""
        if self._every and self.stepper.step_count % self._every == 0:
            self.write()
        return False

    def write(self) -> None:
        """Write a checkpoint, if there shall be one, of the run as it is between two steps."""
        from numlean.checkpoint import save

        if self._path is not None and self._written_after != self.stepper.step_count:
            self._written_after = self.stepper.step_count
            further = {} if self.evaluator is None else {_EVALUATIONS: self.evaluator.extra_state}
            save(self._path, self.stepper, self.run, arguments=self._arguments, further=further)


def _refuse_contradictions(arguments: argparse.Namespace) -> None:
    every = arguments.checkpoint_every
    if every is not None and arguments.save is None:
        raise NumleanError("--checkpoint-every needs --save FILE")
    if every is not None and every < 1:
        raise NumleanError(f"a checkpoint is written every 1 step at most often, not every {every}")
    if arguments.resume is not None and arguments.weights is not None:
        raise NumleanError("--resume takes the checkpoint's weights; leave --weights out")
    check_writable("--save", arguments.save)
