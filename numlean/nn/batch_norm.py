"""Normalization of each channel over a batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numlean.functional as functional
from numlean.arguments import checked
from numlean.arguments.option import option
from numlean.autograd import primitives as ops
from numlean.autograd.tensor import Tensor
from numlean.errors import NumleanError, ShapeError
from numlean.nn.checks import check_flags
from numlean.nn.layer import (
    Context,
    Layer,
    ParameterSpec,
    Shape,
    label,
    ones,
    wrong_shape,
    zeros,
)
from numlean.nn.normalization import (
    STANDARDIZED,
    affine_parameters,
    check_epsilon,
    epsilon_of,
    scaled,
)
from numlean.scalar.constants import Constant, formula


@checked
@dataclass(frozen=True)
class BatchNorm(Layer):
    """((x - m) / sqrt(v + epsilon)) * weight + bias for each channel, the first axis of a sample.

    In training, m is the mean over the batch and the axes after the channel's, in that order, and v
    the mean of (x - m) * (x - m), the biased variance. The running statistics, used in evaluation,
    become (1 - momentum)*running + momentum*batch, with the same m and v; with
    ``unbiased_running_var``, v is there the sum of (x - m) * (x - m) divided by n - 1, as in
    PyTorch. Where v overflows, the normalized numbers are those of x divided by a power of two; see
    ``functional.standardize``. If a run cuts batches into shards, the batch is here a shard, or all
    of them, as the run's options say.

    Attributes:
        channels: The extent of the first axis.
        epsilon: Keeps the divisor from zero.
        momentum: The weight of a batch in the running statistics.
        affine: Whether the layer has the weight and the bias.
        unbiased_running_var: Whether the running variance takes that divided by n - 1.
    """

    channels: int
    epsilon: float = 1e-5
    momentum: float = 0.1
    affine: bool = option(True)
    unbiased_running_var: bool = option(False)

    def __post_init__(self) -> None:
        check_flags(self, "affine", "unbiased_running_var")
        check_epsilon(self, self.epsilon)
        if not 0.0 <= self.momentum <= 1.0:
            raise NumleanError(f"{self.name}: momentum must be from 0 to 1, got {self.momentum}")

    @property
    def name(self) -> str:
        """The layer with its channels."""
        return label(self, self.channels)

    @property
    def parameters(self) -> tuple[ParameterSpec, ...]:
        """The weight and the bias; the running mean, initially zero, and variance, one."""
        shape = (self.channels,)
        return (
            *affine_parameters(self.channels, affine=self.affine, bias=True),
            ParameterSpec("running_mean", shape, zeros, is_trainable=False),
            ParameterSpec("running_var", shape, ones, is_trainable=False),
        )

    @property
    def constants(self) -> tuple[Constant, ...]:
        """The epsilon, and the momentum of the running statistics."""
        zero, one = "never changes", "forgets all earlier batches"
        running = "(1 - momentum) * running + momentum * batch"
        return (epsilon_of(self.epsilon), Constant("momentum", self.momentum, running, zero, one))

    def output_shape(self, shape: Shape) -> Shape:
        """Return the same shape, for samples of shape (channels, ...)."""
        if shape[:1] != (self.channels,):
            raise wrong_shape(self, f"({self.channels}, ...)", shape)
        return shape

    def __call__(self, parameters: Sequence[Tensor], x: Tensor, context: Context) -> Tensor:
        """Return outputs of x's shape, in its arithmetic."""
        z = self._normalized(parameters, context.arithmetic.reduced(x), context)
        return ops.cast(z, x.scalar)

    def _normalized(self, parameters: Sequence[Tensor], x: Tensor, context: Context) -> Tensor:
        by_channel = (self.channels, *(1,) * (x.ndim - 2))
        *trained, mean, variance = (p.reshape(*by_channel) for p in parameters)
        if context.is_training:
            axes, rows = (0, *range(2, x.ndim)), context.rows
            x = x if rows is None else rows.whole(x)
            if self.unbiased_running_var and x.size == self.channels:
                raise ShapeError(
                    f"{self.name}: an unbiased variance needs more than one number per channel, got"
                    f" shape {x.shape}"
                )
            with formula(STANDARDIZED):
                batch = functional.standardize(
                    x, axes, self.epsilon, unbiased=self.unbiased_running_var
                )
            self._update_running("running_mean", parameters[-2], batch.mean, context)
            self._update_running("running_var", parameters[-1], batch.variance, context)
            numbers = batch.numbers if rows is None else rows.part(batch.numbers)
            return scaled(context.arithmetic, numbers, *trained)
        x, mean = context.arithmetic.joined(x, mean)
        x, variance = context.arithmetic.joined(x, variance)
        with formula(STANDARDIZED):
            z = functional.standardized(x, mean, variance, self.epsilon)
            return scaled(context.arithmetic, z, *trained)

    def _update_running(self, name: str, running: Tensor, batch: Tensor, context: Context) -> None:
        own = running.scalar
        batch, running = context.arithmetic.joined(batch.detach(), running)
        rate = Tensor.of(batch.scalar, self.momentum)
        batch = batch.reshape(self.channels)
        context.update_buffer(name, ops.cast((1.0 - rate) * running + rate * batch, own))
