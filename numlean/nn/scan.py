"""A linear recurrence whose gates depend on the input."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

import numlean.functional as functional
from numlean.arguments import checked
from numlean.arguments.option import option
from numlean.autograd import primitives as ops
from numlean.autograd.tensor import Tensor
from numlean.errors import ShapeError
from numlean.nn.checks import check_flags
from numlean.nn.layer import (
    Context,
    Layer,
    ParameterSpec,
    Shape,
    label,
    wrong_shape,
)
from numlean.nn.linear import affine, bias_spec, weight_spec
from numlean.nn.recurrent import split_last_axis, stack_times, unstack_times

_IN, _OUT = "in_proj.weight", "out_proj.weight"


@checked
@dataclass(frozen=True)
class GatedScan(Layer):
    """A selective scan over samples of shape (time, features), as in Mamba.

    u, p, q, r are four parts of x W_in^T + b_in. With a = sigmoid(p) and b = sigmoid(q), the state
    is h[t] = a[t] * h[t - 1] + b[t] * u[t], from h = +0, and the output (h * silu(r)) W_out^T +
    b_out. Weights start Xavier uniform, biases at zero.

    Attributes:
        features: The features of a sample at a time, and of the output.
        hidden: The features of the state.
        bias: Whether there are b_in and b_out.
    """

    features: int
    hidden: int
    bias: bool = option(True)

    def __post_init__(self) -> None:
        check_flags(self, "bias")
        if self.features < 1 or self.hidden < 1:
            raise ShapeError(
                f"{self.name}: a scan needs at least one feature and one hidden feature"
            )

    @property
    def name(self) -> str:
        """The layer with its sizes."""
        return label(self, self.features, self.hidden)

    @property
    def parameters(self) -> tuple[ParameterSpec, ...]:
        """The weights in and out, each with its bias, if there is one."""
        rows = 4 * self.hidden
        every = (
            weight_spec(_IN, (rows, self.features)),
            bias_spec("in_proj.bias", rows),
            weight_spec(_OUT, (self.features, self.hidden)),
            bias_spec("out_proj.bias", self.features),
        )
        return every if self.bias else every[::2]

    def output_shape(self, shape: Shape) -> Shape:
        """Return the same shape, for samples of shape (time, features)."""
        if len(shape) != 2 or shape[0] < 1 or shape[1] != self.features:
            raise wrong_shape(self, f"(time, {self.features})", shape)
        return shape

    def __call__(self, parameters: Sequence[Tensor], x: Tensor, context: Context) -> Tensor:
        """Return outputs of x's shape, (batch, time, features)."""
        size = len(parameters) // 2
        inward, outward = parameters[:size], parameters[size:]
        u, p, q, r = split_last_axis(affine(context.arithmetic, x, *inward, name=_IN), 4)
        h = self._scan(ops.sigmoid(p), ops.sigmoid(q) * u)
        return affine(context.arithmetic, h * functional.silu(r), *outward, name=_OUT)

    def _scan(self, kept: Tensor, added: Tensor) -> Tensor:
        h, states = Tensor.of(kept.scalar, np.zeros((kept.shape[0], self.hidden))), []
        for a, b in zip(unstack_times(kept), unstack_times(added), strict=True):
            h = a * h + b
            states.append(h)
        return stack_times(states)
