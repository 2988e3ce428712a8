"""One update of a task's parameters as a pure function; every engine executes it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, TypeAlias

from numlean.autograd import Tape
from numlean.autograd.rows import Rows
from numlean.autograd.tensor import Tensor
from numlean.nn.layer import Clock, Context, Mode
from numlean.optim import Cast, Optimizer, State
from numlean.optim.scaled_loss import loss_scale
from numlean.precision.delayed_scales import Observed
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

ApplyProgram: TypeAlias = Callable[
    [Sequence[Tensor], State, "Gradients", Tensor], tuple[list[Tensor], State]
]
"""``apply(params, state, gradients, rate) -> (params, state)``."""


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
    share: Tensor | None = None,
) -> tuple[Tensor, list[Tensor]]:
    """Return the loss of a batch and its gradient by every trainable parameter, in order.

    ``on_output`` is called with the model's output. With a ``scale``, the gradient is that of the
    loss times the scale; the loss itself is not scaled. With a ``share``, of shape (), the loss is
    that of the task times the share, in the arithmetic of losses.
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
        value = task.loss_of(context, output, y)
        return value if share is None else value * share

    leaves = precision.leaves(trainable_parameters(specs, params))
    rule = precision.scalars.cotangents
    return scaled_value_and_gradient(loss, leaves, scale, new_tape=new_tape, rule=rule)


class GradientProgram(Protocol):
    """The part of an update that reads the batch."""

    def __call__(
        self,
        params: Sequence[Tensor],
        x: Tensor,
        y: Tensor,
        scale: Tensor | None,
        share: Tensor | None = None,
        rows: Rows | None = None,
    ) -> Gradients:
        """Return the loss and the gradient; see ``loss_and_gradient`` and ``Context``."""


@dataclass(frozen=True)
class Gradients:
    """What an update takes from a batch, or from a part of one.

    Attributes:
        loss: The loss before the update, of shape ().
        gradients: Its gradient by every trainable parameter, in order, in the Scalar in which the
            optimizer is given it.
        buffers: New values of buffers by their full names.
        amaxes: The greatest magnitudes that delayed scales observed.
    """

    loss: Tensor
    gradients: Sequence[Tensor]
    buffers: Mapping[str, Tensor]
    amaxes: Mapping[Observed, Tensor]

    @property
    def tensors(self) -> list[Tensor]:
        """All tensors, in an order that ``with_tensors`` takes."""
        return [self.loss, *self.gradients, *self.buffers.values(), *self.amaxes.values()]

    def with_tensors(self, tensors: Iterable[Tensor]) -> Gradients:
        """Return the same structure with other tensors."""
        values = iter(tensors)
        return Gradients(
            next(values),
            [next(values) for _ in self.gradients],
            {name: next(values) for name in self.buffers},
            {name: next(values) for name in self.amaxes},
        )


def make_gradient(
    task: Task,
    clock: Clock,
    precision: RunPrecision,
    *,
    new_tape: Callable[[], Tape],
    on_output: OnOutput | None = None,
    joins_statistics: bool = False,
) -> GradientProgram:
    """Return the part of an update that reads the batch: it changes nothing.

    With ``joins_statistics``, batch norm takes the statistics of a shard over all shards.
    """

    def gradient(
        params: Sequence[Tensor],
        x: Tensor,
        y: Tensor,
        scale: Tensor | None,
        share: Tensor | None = None,
        rows: Rows | None = None,
    ) -> Gradients:
        buffers: dict[str, Tensor] = {}
        arithmetics = precision.arithmetics(params, is_observing=True)
        context = Context(
            Mode.TRAIN,
            clock,
            buffer_updates=buffers,
            arithmetics=replace(arithmetics, rows=rows),
            rows=rows if joins_statistics else None,
        )
        loss, gradients = loss_and_gradient(
            task,
            context,
            params,
            x,
            y,
            precision,
            new_tape=new_tape,
            on_output=on_output,
            scale=scale,
            share=share,
        )
        amaxes = {} if arithmetics.scales is None else arithmetics.scales.amaxes
        return Gradients(loss, precision.handed(gradients), buffers, amaxes)

    return gradient


def make_apply(
    task: Task, optimizer: Optimizer, cast: Cast, precision: RunPrecision
) -> ApplyProgram:
    """Return the part of an update that changes parameters, buffers, scales and the state."""
    specs = precision.specs(task.model)
    is_trainable = [spec.is_trainable for spec in specs]

    def apply(
        params: Sequence[Tensor], state: State, found: Gradients, rate: Tensor
    ) -> tuple[list[Tensor], State]:
        trained, state = optimizer.update(
            trainable_parameters(specs, params), found.gradients, state, rate=rate, cast=cast
        )
        arithmetics = precision.arithmetics(params, is_observing=True)
        if arithmetics.scales is not None:
            arithmetics.scales.observe_all(found.amaxes)
        following = {**found.buffers, **precision.following_scales(arithmetics)}
        kept = [following.get(spec.name, p) for spec, p in zip(specs, params, strict=True)]
        return merge_parameters(is_trainable, trained, kept), state

    return apply


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
    gradient = make_gradient(task, clock, precision, new_tape=new_tape, on_output=on_output)
    apply = make_apply(task, optimizer, cast, precision)

    def update(
        params: Sequence[Tensor], state: State, x: Tensor, y: Tensor, rate: Tensor
    ) -> tuple[Tensor, list[Tensor], State]:
        found = gradient(params, x, y, loss_scale(state))
        params, state = apply(params, state, found, rate)
        return found.loss, params, state

    return update
