"""Make a run and record its certificate."""

from __future__ import annotations

from collections.abc import Callable

from numlean.analysis.lockstep import RunSpec
from numlean.analysis.lockstep.lockstep import Data
from numlean.analysis.lockstep.run_spec import RunSpecLike
from numlean.arguments import checked
from numlean.autograd.tensor import Tensor
from numlean.certificate.certificate import Certificate
from numlean.certificate.recording import Recorder
from numlean.certificate.replayable_run import ReplayableRun
from numlean.tasks import NamedTask
from numlean.training import Options, Stepper, Task, TrainConfig, run_steps

OnStep = Callable[[int], bool | None]
"""Function that is called after each step with the number of steps made; True ends the run."""


@checked
def certify(
    task: Task | NamedTask | str,
    side: RunSpecLike,
    *,
    config: TrainConfig | None = None,
    data: Data | None = None,
    options: Options | None = None,
    on_step: OnStep | None = None,
) -> Certificate:
    """Train a task and return the certificate of the run.

    The certificate contains each step's loss and the digest of the parameters and buffers after it,
    in a chain, so that :func:`replay` finds the first step at which another run differs.

    Args:
        task: The task; a named task has its own config and data.
        side: ``DTYPE[:DEVICE][:BACKEND][:fast]``, or a Scalar, or a ``RunSpec``.
        config: The training configuration (default: the named task's).
        data: The training data (default: the named task's).
        options: Options that ``side`` does not contain, and the seed of the initial parameters.
        on_step: Function to call after each step. The run ends if it returns True, and is then
            certified as stopped by an interrupt.

    Raises:
        NumleanError: The side cannot be run, or config or data are missing.
    """
    run, side = ReplayableRun.of(task, config, data), RunSpec.of(side, options)
    stepper, dataset = run.start(side)
    recorder = Recorder(stepper, run.description(dataset), fast_kernels=side.options.fast_kernels)

    is_stopped = False

    def record(stepper: Stepper, loss: Tensor) -> bool:
        nonlocal is_stopped
        recorder(stepper, loss)
        is_stopped = on_step is not None and bool(on_step(stepper.step_count))
        return is_stopped

    run_steps(stepper.runner, run.config, dataset, on_step=record, stepper=stepper)
    return recorder.certificate(
        steps_asked=run.config.steps,
        stopped_by="interrupt" if is_stopped else None,
        recipe=run.recipe(side),
    )
