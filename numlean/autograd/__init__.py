"""Reverse-mode differentiation over a tape of primitives."""

import numlean.tensor  # noqa: F401 (first: its operators are primitives, whose results are tensors)
from numlean.autograd.primitive import Primitive
from numlean.autograd.tape import Node, Tape, value_and_gradient

__all__ = ["Node", "Primitive", "Tape", "value_and_gradient"]
