"""A run made and written down."""

from __future__ import annotations

from collections.abc import Callable

from numlean.analysis.lockstep import RunSpec
from numlean.analysis.lockstep.lockstep import Data
from numlean.analysis.lockstep.run_spec import RunSpecLike
from numlean.autograd.tensor import Tensor
from numlean.certificate.certificate import Certificate
from numlean.certificate.recording import Recorder
from numlean.certificate.subject import Subject
from numlean.tasks import NamedTask
from numlean.training import Options, Stepper, Task, TrainConfig, run_steps

OnStep = Callable[[int], None]
"""Told how many steps have been made."""


def certify(
    task: Task | NamedTask | str,
    side: RunSpecLike,
    *,
    config: TrainConfig | None = None,
    data: Data | None = None,
    options: Options | None = None,
    on_step: OnStep | None = None,
) -> Certificate:
    """Train a task and write down what the run was and what it did.

    Each step's loss is taken down and a digest of the parameters and buffers after it, chained so
    that :func:`replay` can tell at which step another run differs.

    Args:
        task: What to train; a task by name knows how and on what.
        side: ``DTYPE[:DEVICE][:BACKEND][:fast]``, or a Scalar, or a ``Side``.
        config: How to train; by default as the named task does.
        data: On what; by default the named task's.
        options: How the side is run, where it does not say it, and which seed names the initial
            parameters.
        on_step: Told of each step.

    Raises:
        NumleanError: The side cannot be run, or nothing says how.
    """
    subject, side = Subject.of(task, config, data), RunSpec.of(side, options)
    stepper, dataset = subject.begun(side)
    fast = side.options.fast_kernels
    recorder = Recorder(stepper, subject.run(dataset), fast_kernels=fast)

    def record(stepper: Stepper, loss: Tensor) -> bool:
        recorder(stepper, loss)
        if on_step is not None:
            on_step(stepper.step_count)
        return False

    run_steps(stepper.runner, subject.config, dataset, on_step=record, stepper=stepper)
    return recorder.certificate(steps_asked=subject.config.steps, arguments=subject.arguments(side))
