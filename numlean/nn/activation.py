"""Layers without parameters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import numlean.functional as functional
from numlean.arguments import checked
from numlean.autograd import primitives as ops
from numlean.autograd.tensor import Tensor
from numlean.nn.layer import Context, Layer

_REDUCING: Final = (functional.softmax, functional.log_softmax, ops.softplus)
"""The functions that are computed in the arithmetic of reductions."""


@checked
@dataclass(frozen=True)
class Elementwise(Layer):
    """A function that keeps the shape, applied to every element or along the last axis.

    Attributes:
        label: The layer's name.
        function: A primitive, or a composition of primitives.
    """

    label: str
    function: Callable[[Tensor], Tensor]

    def __repr__(self) -> str:
        keywords = self.function.keywords if isinstance(self.function, partial) else {}
        return f"{self.label}({', '.join(f'{name}={value!r}' for name, value in keywords.items())})"

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return (self.label, _parts(self.function)) == (other.label, _parts(other.function))

    def __hash__(self) -> int:
        return hash((self.label, getattr(self.function, "func", self.function)))

    def __reduce__(self) -> tuple[Any, ...]:
        if not isinstance(self.function, partial) or self.function.args:
            return type(self), (self.label, self.function)
        return restore_elementwise, (self.label, self.function.func, self.function.keywords)

    @property
    def name(self) -> str:
        """The label."""
        return self.label

    @property
    def reduces(self) -> bool:
        """Whether the layer computes in the arithmetic of reductions, and its result stays in it.

        Else it computes in the arithmetic of its input.
        """
        return getattr(self.function, "func", self.function) in _REDUCING

    @property
    def keeps_leading_axes(self) -> bool:
        """Always True."""
        return True

    def __call__(self, parameters: Sequence[Tensor], x: Tensor, context: Context) -> Tensor:
        """Return the values of the function."""
        return self.function(context.arithmetic.reduced(x) if self.reduces else x)


def _parts(function: Callable[..., Tensor]) -> tuple[object, ...]:
    """Return a function and its settings: a partial function equals only itself."""
    if not isinstance(function, partial):
        return (function,)
    return (function.func, function.args, function.keywords)


def restore_elementwise(
    label: str, function: Callable[..., Tensor], settings: dict[str, Any]
) -> Elementwise:
    """Return the layer that ``pickle`` kept as a function and its settings."""
    return Elementwise(label, partial(function, **settings))


def ReLU() -> Elementwise:  # noqa: N802 (a layer, by its usual name)
    """Return the layer max(x, +0); its gradient at zero is zero."""
    return Elementwise("ReLU", ops.relu)


def Tanh() -> Elementwise:  # noqa: N802 (a layer, by its usual name)
    """Return the layer tanh(x)."""
    return Elementwise("Tanh", ops.tanh)


def Sigmoid() -> Elementwise:  # noqa: N802 (a layer, by its usual name)
    """Return the layer 1 / (1 + exp(-x))."""
    return Elementwise("Sigmoid", ops.sigmoid)


def Softplus() -> Elementwise:  # noqa: N802 (a layer, by its usual name)
    """Return the layer log(1 + exp(x))."""
    return Elementwise("Softplus", ops.softplus)


def SiLU() -> Elementwise:  # noqa: N802 (a layer, by its usual name)
    """Return the layer x * sigmoid(x)."""
    return Elementwise("SiLU", functional.silu)


@checked
def GELU(*, approximate: functional.Gelu = "none") -> Elementwise:  # noqa: N802 (as above)
    """Return the layer x * Phi(x), where Phi is the normal CDF; see ``functional.gelu``."""
    return Elementwise("GELU", partial(functional.gelu, approximate=approximate))


def Softmax() -> Elementwise:  # noqa: N802 (a layer, by its usual name)
    """Return the layer exp(x) / sum(exp(x)) on the last axis; see ``functional.softmax``."""
    return Elementwise("Softmax", functional.softmax)


def LogSoftmax() -> Elementwise:  # noqa: N802 (a layer, by its usual name)
    """Return the layer log(softmax(x)) on the last axis; see ``functional.log_softmax``."""
    return Elementwise("LogSoftmax", functional.log_softmax)


def Square() -> Elementwise:  # noqa: N802 (a layer, by its usual name)
    """Return the layer x * x."""
    return Elementwise("Square", functional.square)
