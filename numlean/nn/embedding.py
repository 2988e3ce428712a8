"""Trained vectors: one for each token, one for each position."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from numlean.arguments import checked
from numlean.arguments.option import option
from numlean.autograd import primitives as ops
from numlean.autograd.indices import INDEX
from numlean.autograd.tensor import Tensor
from numlean.errors import DataError, ShapeError
from numlean.nn.checks import check_token
from numlean.nn.layer import (
    Context,
    Floats,
    Layer,
    ParameterSpec,
    Shape,
    Uniform,
    label,
    wrong_shape,
)
from numlean.nn.linear import xavier_uniform


@checked
@dataclass(frozen=True)
class Embedding(Layer):
    """Look up each token, an integer, as a row of W, of shape (count, features).

    W starts Xavier uniform. The gradient of a row adds the gradients of its uses from +0, in C
    order. The row of ``padding_idx`` starts at zero and has the gradient +0, so that only a decay
    of the weights could change it.

    Attributes:
        count: The number of tokens.
        features: The length of a row.
        padding_idx: The token whose row is not trained; a negative one counts from the end.
    """

    count: int
    features: int
    padding_idx: int | None = option(None, kw_only=False)

    def __post_init__(self) -> None:
        if self.count < 1 or self.features < 1:
            raise ShapeError(f"{self.name}: an embedding needs at least one token and one feature")
        if self.padding_idx is not None:
            token = check_token(type(self).__name__, self.count, self.padding_idx)
            object.__setattr__(self, "padding_idx", token)

    @property
    def name(self) -> str:
        """The layer with its sizes."""
        return label(self, self.count, self.features)

    @property
    def parameters(self) -> tuple[ParameterSpec, ...]:
        """The rows."""
        return (ParameterSpec("weight", (self.count, self.features), self._initial),)

    def _initial(self, uniform: Uniform, shape: Shape) -> Floats:
        rows = xavier_uniform(uniform, shape)
        if self.padding_idx is not None:
            rows[self.padding_idx] = 0.0
        return rows

    @property
    def index_count(self) -> int:
        """The count."""
        return self.count

    @property
    def keeps_leading_axes(self) -> bool:
        """Always True."""
        return True

    def output_shape(self, shape: Shape) -> Shape:
        """Return (..., features) for tokens of shape (...)."""
        return (*shape, self.features)

    def __call__(self, parameters: Sequence[Tensor], x: Tensor, context: Context) -> Tensor:
        """Return outputs of shape (batch, ..., features).

        Raises:
            DataError: The tokens are numbers of a Scalar.
            ShapeError: A token is out of range.
        """
        if x.scalar is not INDEX:
            raise DataError(f"{self.name} takes integer tokens, not numbers of {x.scalar.name}")
        (weight,) = parameters
        return ops.take(self._trained(weight), x, row_axes=1)

    def _trained(self, weight: Tensor) -> Tensor:
        """Return the rows, with that of the padding as a constant."""
        k = self.padding_idx
        if k is None:
            return weight
        parts = [ops.slice_(weight, (rows,)) for rows in _around(k, self.count)]
        parts[1] = parts[1].detach()
        return ops.concat([part for part in parts if part.shape[0]])


def _around(k: int, count: int) -> tuple[slice, slice, slice]:
    """Return the rows before row k, that row, and the rows after it."""
    return slice(0, k), slice(k, k + 1), slice(k + 1, count)


@checked
@dataclass(frozen=True)
class PositionalEmbedding(Layer):
    """x + W[:time] for samples of shape (time, features), with W of shape (length, features).

    W starts Xavier uniform.

    Attributes:
        length: The greatest extent of time.
        features: The features of a sample at a time.
    """

    length: int
    features: int

    def __post_init__(self) -> None:
        if self.length < 1 or self.features < 1:
            raise ShapeError(
                f"{self.name}: an embedding needs at least one position and one feature"
            )

    @property
    def name(self) -> str:
        """The layer with its sizes."""
        return f"PositionalEmbedding({self.length}, {self.features})"

    @property
    def parameters(self) -> tuple[ParameterSpec, ...]:
        """The rows."""
        return (ParameterSpec("weight", (self.length, self.features), xavier_uniform),)

    def output_shape(self, shape: Shape) -> Shape:
        """Return the same shape, for (time, features) with time at most the length."""
        if len(shape) != 2 or shape[0] > self.length or shape[1] != self.features:
            raise wrong_shape(self, f"(at most {self.length}, {self.features})", shape)
        return shape

    def __call__(self, parameters: Sequence[Tensor], x: Tensor, context: Context) -> Tensor:
        """Return outputs of x's shape, (batch, time, features)."""
        (weight,) = parameters
        x, weight = context.arithmetic.joined(x, weight)
        return x + ops.slice_(weight, (slice(0, x.shape[1]),))
