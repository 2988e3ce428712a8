"""Recurrent layers over samples of shape (time, features)."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from typing import ClassVar, TypeAlias

import numpy as np

from numlean.autograd import primitives as ops
from numlean.autograd.tensor import Tensor
from numlean.errors import ShapeError
from numlean.nn.layer import Context, Floats, Layer, ParameterSpec, Shape, Uniform, wrong_shape
from numlean.nn.linear import affine

State: TypeAlias = tuple[Tensor, ...]
"""The state of a recurrent layer, each (batch, hidden); the first is its output."""


@dataclass(frozen=True)
class Recurrent(Layer):
    """A layer that steps through time with a state, which starts at +0.

    Weights have PyTorch's names, shapes and order of gates, and start, like biases, uniform within
    +-1 / sqrt(hidden). At a time t, p is x[t] W_ih^T + b_ih and q is h W_hh^T + b_hh, with h the
    previous output. The gradient of W_ih adds over (sample, time); that of W_hh adds over the
    samples of each time first, and then over the times, the last one first.

    Attributes:
        in_features: The features of a sample at a time.
        hidden: The features of the output at a time.
        last_only: Whether the output is that of the last time instead of all times.
    """

    in_features: int
    hidden: int
    last_only: bool = False

    gates: ClassVar[int]
    """The number of gates: p and q have this many times the features of the state."""

    def __post_init__(self) -> None:
        if self.in_features < 1 or self.hidden < 1:
            raise ShapeError(
                f"{self.name}: a recurrent layer needs at least one feature in and out"
            )

    @property
    def name(self) -> str:
        """The layer with its sizes."""
        return f"{type(self).__name__}({self.in_features}, {self.hidden})"

    @property
    def parameters(self) -> tuple[ParameterSpec, ...]:
        """The weights from input and state, and their biases."""
        rows = self.gates * self.hidden
        return (
            ParameterSpec("weight_ih_l0", (rows, self.in_features), self._initial),
            ParameterSpec("weight_hh_l0", (rows, self.hidden), self._initial),
            ParameterSpec("bias_ih_l0", (rows,), self._initial),
            ParameterSpec("bias_hh_l0", (rows,), self._initial),
        )

    def _initial(self, uniform: Uniform, shape: Shape) -> Floats:
        return (2.0 * uniform(shape) - 1.0) * (1.0 / sqrt(self.hidden))

    def output_shape(self, shape: Shape) -> Shape:
        """Return (time, hidden), or (hidden,), for samples of shape (time, features)."""
        if len(shape) != 2 or shape[0] < 1 or shape[1] != self.in_features:
            raise wrong_shape(self, f"(time, {self.in_features})", shape)
        return (self.hidden,) if self.last_only else (shape[0], self.hidden)

    def __call__(self, parameters: Sequence[Tensor], x: Tensor, context: Context) -> Tensor:
        """Return outputs of shape (batch, time, hidden), or (batch, hidden)."""
        weight_ih, weight_hh, bias_ih, bias_hh = parameters
        state, outputs = self._start(x), []
        # W_hh is transposed again at each time. A single transpose would save a few percent of a
        # step, but change the layout of its gradient and so the draws of stochastic rounding.
        for p in unstack_times(affine(x, weight_ih, bias_ih)):
            state = self._next(state, p, affine(state[0], weight_hh, bias_hh))
            outputs.append(state[0])
        return outputs[-1] if self.last_only else stack_times(outputs)

    def _start(self, x: Tensor) -> State:
        return (Tensor.of(x.scalar, np.zeros((x.shape[0], self.hidden))),)

    @abstractmethod
    def _next(self, state: State, p: Tensor, q: Tensor) -> State:
        """Return the state at the next time."""


@dataclass(frozen=True)
class RNN(Recurrent):
    """h <- tanh(p + q)."""

    gates = 1

    def _next(self, state: State, p: Tensor, q: Tensor) -> State:
        return (ops.tanh(p + q),)


@dataclass(frozen=True)
class GRU(Recurrent):
    """h <- (1 - z) * n + z * h, with three parts of p and q.

    r = sigmoid(p0 + q0), z = sigmoid(p1 + q1), n = tanh(p2 + r * q2).
    """

    gates = 3

    def _next(self, state: State, p: Tensor, q: Tensor) -> State:
        (h,) = state
        p_r, p_z, p_n = split_last_axis(p, self.gates)
        q_r, q_z, q_n = split_last_axis(q, self.gates)
        r, z = ops.sigmoid(p_r + q_r), ops.sigmoid(p_z + q_z)
        n = ops.tanh(p_n + r * q_n)
        return ((1.0 - z) * n + z * h,)


@dataclass(frozen=True)
class LSTM(Recurrent):
    """c <- f * c + i * g and h <- o * tanh(c), with four parts of p + q.

    i, f and o are sigmoids of their parts, g is the tanh of the third one; c starts at +0, as h
    does.
    """

    gates = 4

    def _start(self, x: Tensor) -> State:
        return super()._start(x) * 2

    def _next(self, state: State, p: Tensor, q: Tensor) -> State:
        _, c = state
        i, f, g, o = split_last_axis(p + q, self.gates)
        c = ops.sigmoid(f) * c + ops.sigmoid(i) * ops.tanh(g)
        return (ops.sigmoid(o) * ops.tanh(c), c)


def split_last_axis(x: Tensor, count: int) -> list[Tensor]:
    """Return equal parts of the last axis."""
    extent, whole = x.shape[-1] // count, (slice(None),) * (x.ndim - 1)
    starts = range(0, count * extent, extent)
    return [ops.slice_(x, (*whole, slice(start, start + extent))) for start in starts]


def unstack_times(x: Tensor) -> list[Tensor]:
    """Return the parts (batch, ...) of x (batch, time, ...) at each time.

    x is split in halves, so that the backward sweep places n log n numbers instead of n * n.
    """
    batch, times, *others = x.shape
    if times == 1:
        return [x.reshape(batch, *others)]
    half, whole = times // 2, slice(None)
    halves = (slice(0, half), slice(half, times))
    return [part for where in halves for part in unstack_times(ops.slice_(x, (whole, where)))]


def stack_times(parts: Sequence[Tensor]) -> Tensor:
    """Return an array (batch, time, ...) from its parts (batch, ...) at each time."""
    return ops.concat([x.reshape(x.shape[0], 1, *x.shape[1:]) for x in parts], 1)
