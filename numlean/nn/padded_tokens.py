"""Tokens that only fill up a sequence, and that attention leaves out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from numlean.arguments import checked
from numlean.autograd import primitives as ops
from numlean.autograd.tensor import Tensor
from numlean.errors import ShapeError
from numlean.nn.checks import check_token
from numlean.nn.composite import LayerTuple
from numlean.nn.layer import Context, Layer, Shape


@checked
@dataclass(frozen=True, init=False)
class PaddedTokens(LayerTuple):
    """Layers for sequences of tokens that one token, the padding, fills up to the same length.

    The attention layers in it, at any depth, leave out the keys at the times of that token: this
    is the key padding mask of the context. The first layer takes the tokens; give it the same
    ``padding_idx``, if it is an ``Embedding``.

    Attributes:
        layers: The layers, in order of application.
        padding_idx: The token that is the padding; a negative one counts from the end.

    Raises:
        ShapeError: The first layer does not take tokens, or not this one.
    """

    padding_idx: int

    def __init__(self, *layers: Layer, padding_idx: int) -> None:
        super().__init__(layers)
        for layer in layers:
            if not isinstance(layer, Layer):
                raise ShapeError(f"PaddedTokens takes layers, got {layer!r}")
        count = self.index_count
        if count is None or not self.parameters:
            raise ShapeError(
                "PaddedTokens: the first layer must take tokens, as Embedding does; got"
                f" {layers[0].name if layers else 'no layer'}"
            )
        object.__setattr__(self, "padding_idx", check_token("PaddedTokens", count, padding_idx))

    @property
    def name(self) -> str:
        """The layers' names in order, and the token."""
        names = ", ".join(layer.name for layer in self.layers)
        return f"PaddedTokens({names}, padding_idx={self.padding_idx})"

    def output_shape(self, shape: Shape) -> Shape:
        """Return the last layer's output shape."""
        return self.propagate_shape(shape)

    def __call__(self, parameters: Sequence[Tensor], x: Tensor, context: Context) -> Tensor:
        """Return the last layer's outputs."""
        # Taken from a table, so that a compiled step finds the padding of each batch.
        table = np.zeros(self.index_count or 0)
        table[self.padding_idx] = 1.0
        mask = ops.take(Tensor.of(parameters[0].scalar, table), x)
        return self.apply_layers(parameters, x, replace(context, key_padding_mask=mask))
