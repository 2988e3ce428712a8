"""Recurrent layers over samples of shape (time, features), also stacked and in both directions."""

from __future__ import annotations

import copy
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import sqrt
from typing import Any, ClassVar, Literal, TypeAlias, get_args

import numpy as np

from numlean.arguments import checked
from numlean.arguments.option import option
from numlean.autograd import primitives as ops
from numlean.autograd.tensor import Tensor
from numlean.errors import NumleanError, ShapeError, UnknownNameError
from numlean.nn.checks import check_flags, check_integers, check_probability
from numlean.nn.dropout import Dropout
from numlean.nn.layer import (
    Context,
    Floats,
    Layer,
    ParameterSpec,
    Shape,
    Uniform,
    label,
    split_parameters,
    wrong_shape,
)
from numlean.nn.linear import affine
from numlean.precision.arithmetic import Arithmetic, Use

Nonlinearity: TypeAlias = Literal["tanh", "relu"]
"""The function of a plain recurrent layer."""

State: TypeAlias = tuple[Tensor, ...]
"""The state of a recurrent layer, each (batch, hidden); the first is its output."""


_IH, _HH = "weight_ih_l0", "weight_hh_l0"


@dataclass(frozen=True)
class Recurrent(Layer):
    """A layer that steps through time with a state, which starts at +0.

    Weights have PyTorch's names, shapes and order of gates, and start, like biases, uniform within
    +-1 / sqrt(hidden). At a time t, p is x[t] W_ih^T + b_ih and q is h W_hh^T + b_hh, with h the
    previous output; without bias, b_ih and b_hh are left out. The gradient of W_ih adds over
    (sample, time); that of W_hh adds over the samples of each time first, and then over the times,
    the last one first.

    In a stack, each layer takes the outputs of the layer before it. In both directions, a second
    layer takes the times from the last to the first, and its output at each time follows that of
    the forward layer. Parameters have PyTorch's order and names: ``weight_ih_l1_reverse`` is the
    weight of the second layer backwards. A stack or both directions are children of the layer.

    Attributes:
        in_features: The features of a sample at a time.
        hidden: The features of the output of one direction at a time.
        last_only: Whether the output is the last one of each direction instead of all times: that
            of the last time, and backwards that of the first.
        bias: Whether there are b_ih and b_hh.
        num_layers: The number of layers.
        bidirectional: Whether each layer takes the times in both directions.
        dropout: The probability that an output of a layer but the last becomes zero in training,
            as by ``Dropout``.
        seed: The seed of the dropout.
    """

    in_features: int
    hidden: int
    last_only: bool = False
    bias: bool = option(True)
    num_layers: int = option(1)
    bidirectional: bool = option(False)
    dropout: float = option(0.0)
    seed: int = option(0)

    gates: ClassVar[int]
    """The number of gates: p and q have this many times the features of the state."""

    def __post_init__(self) -> None:
        check_flags(self, "last_only", "bias", "bidirectional")
        if self.in_features < 1 or self.hidden < 1:
            raise ShapeError(
                f"{self.name}: a recurrent layer needs at least one feature in and out"
            )
        check_integers(self, "num_layers", least=1)
        check_integers(self, "seed", least=0)
        check_probability(type(self).__name__, "dropout", self.dropout)
        if self.dropout and self.num_layers == 1:
            raise NumleanError(
                f"{self.name}: dropout acts between layers, so it needs num_layers of at least 2"
            )
        is_stack = self.num_layers > 1 or self.bidirectional
        vars(self)["_children"] = tuple(self._stack()) if is_stack else ()

    def _stack(self) -> Iterator[Layer]:
        """Yield the layers of a stack: the directions of each in turn, and then their dropouts."""
        plain: dict[str, Any] = {"num_layers": 1, "bidirectional": False, "dropout": 0.0, "seed": 0}
        for k in range(self.num_layers):
            width = self.in_features if k == 0 else self.hidden * self._directions
            is_last = k == self.num_layers - 1
            cell = replace(self, in_features=width, last_only=self.last_only and is_last, **plain)
            yield cell
            if self.bidirectional:
                yield Backwards(cell)
        if self.dropout:
            yield from [Dropout(self.dropout, self.seed)] * (self.num_layers - 1)

    @property
    def _directions(self) -> int:
        return 2 if self.bidirectional else 1

    @property
    def name(self) -> str:
        """The layer with its sizes."""
        return label(self, self.in_features, self.hidden)

    @property
    def children(self) -> tuple[Layer, ...]:
        """The layers of a stack or of both directions; none of a single layer."""
        children: tuple[Layer, ...] = vars(self)["_children"]
        return children

    def with_children(self, children: Sequence[Layer]) -> Layer:
        """Return a copy with other layers in its stack."""
        layer = copy.copy(self)
        vars(layer)["_children"] = tuple(children)
        return layer

    @property
    def parameters(self) -> tuple[ParameterSpec, ...]:
        """The weights from input and state, and their biases; in a stack, those of each layer."""
        if self.children:
            return tuple(self._parameters_of_stack())
        rows = self.gates * self.hidden
        weights = (
            ParameterSpec(_IH, (rows, self.in_features), self._initial, use=Use.WEIGHT),
            ParameterSpec(_HH, (rows, self.hidden), self._initial, use=Use.WEIGHT),
        )
        biases = (
            ParameterSpec("bias_ih_l0", (rows,), self._initial, use=Use.BIAS),
            ParameterSpec("bias_hh_l0", (rows,), self._initial, use=Use.BIAS),
        )
        return (*weights, *biases) if self.bias else weights

    def _parameters_of_stack(self) -> Iterator[ParameterSpec]:
        for index, layer in enumerate(self.children):
            k, backwards = divmod(index, self._directions)
            suffix = f"_l{k}_reverse" if backwards else f"_l{k}"
            for spec in layer.parameters:
                if k < self.num_layers:
                    yield replace(spec, name=spec.name.removesuffix("_l0") + suffix)
                else:
                    number = index - self.num_layers * self._directions
                    yield replace(spec, name=f"dropout_l{number}.{spec.name}")

    def _initial(self, uniform: Uniform, shape: Shape) -> Floats:
        return (2.0 * uniform(shape) - 1.0) * (1.0 / sqrt(self.hidden))

    def output_shape(self, shape: Shape) -> Shape:
        """Return (time, outputs), or (outputs,), for samples of shape (time, features)."""
        if len(shape) != 2 or shape[0] < 1 or shape[1] != self.in_features:
            raise wrong_shape(self, f"(time, {self.in_features})", shape)
        outputs = self.hidden * self._directions
        return (outputs,) if self.last_only else (shape[0], outputs)

    def __call__(self, parameters: Sequence[Tensor], x: Tensor, context: Context) -> Tensor:
        """Return outputs of shape (batch, time, outputs), or (batch, outputs)."""
        if not self.children:
            return self.through_time(context.arithmetic, parameters, x)
        children = list(split_parameters(self.children, parameters))

        def apply(index: int, x: Tensor) -> Tensor:
            layer, own = children[index]
            return layer(own, x, context.at(index))

        count = self._directions
        for k in range(self.num_layers):
            outputs = [apply(index, x) for index in range(k * count, (k + 1) * count)]
            x = outputs[0] if count == 1 else ops.concat(outputs, outputs[0].ndim - 1)
            dropout = self.num_layers * count + k
            if dropout < len(children):
                x = apply(dropout, x)
        return x

    def through_time(
        self,
        arithmetic: Arithmetic,
        parameters: Sequence[Tensor],
        x: Tensor,
        *,
        backwards: bool = False,
    ) -> Tensor:
        """Return the outputs of a single layer that takes the times in one direction."""
        weight_ih, weight_hh, *biases = parameters
        bias_ih, bias_hh = biases or (None, None)
        projected = affine(arithmetic, x, weight_ih, bias_ih, name=_IH)
        state, outputs, order = (
            self._start(projected),
            [],
            slice(None, None, -1 if backwards else 1),
        )
        # W_hh is transposed again at each time. A single transpose would save a few percent of a
        # step, but change the layout of its gradient and so the draws of stochastic rounding.
        for p in unstack_times(projected)[order]:
            q = affine(arithmetic, state[0], weight_hh, bias_hh, name=_HH)
            state = self._next(state, p, q)
            outputs.append(state[0])
        return outputs[-1] if self.last_only else stack_times(outputs[order])

    def _start(self, x: Tensor) -> State:
        return (Tensor.of(x.scalar, np.zeros((x.shape[0], self.hidden))),)

    @abstractmethod
    def _next(self, state: State, p: Tensor, q: Tensor) -> State:
        """Return the state at the next time."""


@checked
@dataclass(frozen=True)
class Backwards(Layer):
    """A recurrent layer that takes the times from the last to the first.

    Its outputs are at the times of their inputs.

    Attributes:
        cell: The layer.
    """

    cell: Recurrent

    @property
    def name(self) -> str:
        """The layer, backwards."""
        return f"{self.cell.name} backwards"

    @property
    def parameters(self) -> tuple[ParameterSpec, ...]:
        """The layer's."""
        return self.cell.parameters

    def output_shape(self, shape: Shape) -> Shape:
        """Return the layer's."""
        return self.cell.output_shape(shape)

    def __call__(self, parameters: Sequence[Tensor], x: Tensor, context: Context) -> Tensor:
        """Return outputs of shape (batch, time, hidden), or (batch, hidden)."""
        return self.cell.through_time(context.arithmetic, parameters, x, backwards=True)


@checked
@dataclass(frozen=True)
class RNN(Recurrent):
    """h <- tanh(p + q), or relu(p + q).

    Attributes:
        nonlinearity: "tanh" or "relu".
    """

    nonlinearity: Nonlinearity = option("tanh")

    gates = 1

    def __post_init__(self) -> None:
        names = get_args(Nonlinearity)
        if not isinstance(self.nonlinearity, str) or self.nonlinearity not in names:
            raise UnknownNameError("nonlinearity", str(self.nonlinearity), names)
        super().__post_init__()

    def _next(self, state: State, p: Tensor, q: Tensor) -> State:
        return (ops.relu(p + q) if self.nonlinearity == "relu" else ops.tanh(p + q),)


@checked
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


@checked
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
