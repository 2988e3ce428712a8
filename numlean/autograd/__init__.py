"""Reverse-mode differentiation over a tape of primitives."""

from numlean.autograd.primitive import Primitive
from numlean.autograd.tape import Node, Tape, value_and_gradient
from numlean.autograd.tensor import Tensor

__all__ = ["Node", "Primitive", "Tape", "Tensor", "value_and_gradient"]
