"""Layers without parameters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numlean.functional as functional
from numlean.autograd import primitives as ops
from numlean.autograd.tensor import Tensor
from numlean.nn.layer import Context, Layer


@dataclass(frozen=True)
class Elementwise(Layer):
    """A function that keeps the shape, applied to every element or along the last axis.

    Attributes:
        label: The layer's name.
        function: A primitive, or a composition of primitives.
    """

    label: str
    function: Callable[[Tensor], Tensor]

    @property
    def name(self) -> str:
        """The label."""
        return self.label

    @property
    def keeps_leading_axes(self) -> bool:
        """Always True."""
        return True

    def __call__(self, parameters: Sequence[Tensor], x: Tensor, context: Context) -> Tensor:
        """Return the values of the function."""
        return self.function(x)


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
