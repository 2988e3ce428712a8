"""One update of a task's parameters as a pure function; every engine executes it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from numlean.autograd import Tape
from numlean.autograd.tensor import Tensor
from numlean.nn.layer import Clock, Context, Mode
from numlean.optim import Cast, Optimizer, State
from numlean.optim.scaled_loss import loss_scale
from numlean.precision.loss_scaling import scaled_value_and_gradient
from numlean.training.parameters import merge_parameters, trainable_parameters
from numlean.training.precision import RunPrecision
from numlean.training.task import Task

Update: TypeAlias = Callable[
    [Sequence[Tensor], State, Tensor, Tensor, Tensor], tuple[Tensor, list[Tensor], State]
]
"""``update(params, state, x, y, rate) -> (loss, params, state)``, the loss before the update."""

OnOutput: TypeAlias = Callable[[Tensor], None]
"""Called with the model's output in a step."""


def loss_and_gradient(
    task: Task,
    context: Context,
    params: Sequence[Tensor],
    x: Tensor,
    y: Tensor,
    precision: RunPrecision,
    *,
    new_tape: Callable[[], Tape] = Tape,
    on_output: OnOutput | None = None,
    scale: Tensor | None = None,
) -> tuple[Tensor, list[Tensor]]:
    """Return the loss of a batch and its gradient by every trainable parameter, in order.

    ``on_output`` is called with the model's output. With a ``scale``, the gradient is that of the
    loss times the scale; the loss itself is not scaled.
    """
    specs = task.model.parameters
    params = params[: len(specs)]
    is_trainable = [spec.is_trainable for spec in specs]
    predict = task.predictor_program(context)

    def loss(trained: Sequence[Tensor]) -> Tensor:
        copies = precision.copies(specs, merge_parameters(is_trainable, trained, params))
        output = predict(copies, x)
        if on_output is not None:
            on_output(output)
        return task.loss_of(context, output, y)

    leaves = precision.leaves(trainable_parameters(specs, params))
    rule = precision.scalars.cotangents
    return scaled_value_and_gradient(loss, leaves, scale, new_tape=new_tape, rule=rule)


def make_update(
    task: Task,
    optimizer: Optimizer,
    clock: Clock,
    cast: Cast,
    precision: RunPrecision,
    *,
    new_tape: Callable[[], Tape],
    on_output: OnOutput | None = None,
) -> Update:
    """Return the update of a task in training mode; it also refreshes buffers and scales."""
    specs = precision.specs(task.model)
    is_trainable = [spec.is_trainable for spec in specs]

    def update(
        params: Sequence[Tensor], state: State, x: Tensor, y: Tensor, rate: Tensor
    ) -> tuple[Tensor, list[Tensor], State]:
        buffer_updates: dict[str, Tensor] = {}
        arithmetics = precision.arithmetics(params, is_observing=True)
        context = Context(Mode.TRAIN, clock, buffer_updates=buffer_updates, arithmetics=arithmetics)
        loss, gradients = loss_and_gradient(
            task,
            context,
            params,
            x,
            y,
            precision,
            new_tape=new_tape,
            on_output=on_output,
            scale=loss_scale(state),
        )
        trained, state = optimizer.update(
            trainable_parameters(specs, params),
            precision.handed(gradients),
            state,
            rate=rate,
            cast=cast,
        )
        buffer_updates |= precision.following_scales(arithmetics)
        kept = [buffer_updates.get(spec.name, p) for spec, p in zip(specs, params, strict=True)]
        return loss, merge_parameters(is_trainable, trained, kept), state

    return update
