"""Models that are ready to train."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Final, Literal, TypeAlias

from numlean.arguments import checked
from numlean.errors import ShapeError, UnknownNameError
from numlean.nn.activation import GELU, ReLU
from numlean.nn.attention import MultiHeadAttention
from numlean.nn.convolution import Conv2d
from numlean.nn.dropout import Dropout
from numlean.nn.embedding import Embedding, PositionalEmbedding
from numlean.nn.layer import Layer, Shape
from numlean.nn.linear import Linear
from numlean.nn.normalization import LayerNorm
from numlean.nn.pooling import MaxPool2d
from numlean.nn.recurrent import GRU, LSTM, RNN
from numlean.nn.reshaping import Flatten, Reshape
from numlean.nn.residual import Residual
from numlean.nn.sequential import Sequential

Cell: TypeAlias = Literal["rnn", "gru", "lstm"]
"""A recurrent layer, by name."""

_CELLS: Final[dict[str, Callable[[int, int], Layer]]] = {"rnn": RNN, "gru": GRU, "lstm": LSTM}


@checked
def mlp(sizes: Sequence[int], *, activation: Callable[[], Layer] = ReLU) -> Sequential:
    """Return linear layers of these sizes, with the activation between every two.

    Raises:
        ShapeError: There are fewer than two sizes.
    """
    return Sequential(*_linear_layers(sizes, activation))


@checked
def mlp_classifier(
    sample_shape: Shape,
    hidden: Sequence[int],
    classes: int,
    *,
    activation: Callable[[], Layer] = ReLU,
) -> Sequential:
    """Return a model from samples of any shape, flattened, through hidden sizes to logits."""
    (elements,) = Flatten().output_shape(sample_shape)
    layers = _linear_layers((elements, *hidden, classes), activation)
    return Sequential(Flatten(), *layers, sample_shape=sample_shape)


@checked
def softmax_regression(sample_shape: Shape, classes: int) -> Sequential:
    """Return a model of the logits of classes, linear in a flattened sample."""
    return mlp_classifier(sample_shape, (), classes)


@checked
def autoencoder(
    features: int,
    hidden: Sequence[int],
    code: int,
    *,
    activation: Callable[[], Layer] = ReLU,
) -> Sequential:
    """Return a model from features through hidden sizes to a code, and back in reverse."""
    return mlp((features, *hidden, code, *reversed(hidden), features), activation=activation)


@checked
def small_cnn(image_shape: Shape, classes: int, *, channels: int = 8) -> Sequential:
    """Return two convolutions of 3 by 3, each with ReLU and max-pooling by 2, and a linear layer.

    Args:
        image_shape: (channels, height, width), or (height, width) for one channel.
        classes: The number of logits.
        channels: The channels after the first convolution; the second has twice as many.

    Raises:
        ShapeError: Images have other axes, or are too small.
    """
    if len(image_shape) not in (2, 3):
        raise ShapeError(
            "images must have shape (height, width) or (channels, height, width), got"
            f" {image_shape}"
        )
    with_channels = (1, *image_shape)[-3:]
    layers: list[Layer] = [] if len(image_shape) == 3 else [Reshape(*with_channels)]
    layers += (Conv2d(with_channels[0], channels, 3, padding=1), ReLU(), MaxPool2d(2))
    layers += (Conv2d(channels, 2 * channels, 3, padding=1), ReLU(), MaxPool2d(2), Flatten())
    (elements,) = Sequential(*layers).output_shape(image_shape)
    return Sequential(*layers, Linear(elements, classes), sample_shape=image_shape)


@checked
def transformer_block(
    features: int,
    heads: int,
    *,
    hidden: int | None = None,
    causal: bool = False,
    dropout: float = 0.0,
    seed: int = 0,
) -> Sequential:
    """Return attention, then two linear layers with GELU between, both normalized and residual.

    The block takes samples of shape (time, features) and keeps the shape.

    Args:
        features: The features of a sample at a time.
        heads: The heads of the attention.
        hidden: The size between the linear layers; by default four times the features.
        causal: Whether a time cannot attend to later ones.
        dropout: The probability that an output of a residual part becomes zero in training.
        seed: The seed of the dropout.
    """
    wide = 4 * features if hidden is None else hidden
    dropped = [] if dropout == 0.0 else [Dropout(dropout, seed)]
    attention = MultiHeadAttention(features, heads, causal)
    return Sequential(
        Residual(LayerNorm(features), attention, *dropped),
        Residual(
            LayerNorm(features), Linear(features, wide), GELU(), Linear(wide, features), *dropped
        ),
    )


@checked
def char_transformer(
    vocabulary: int,
    length: int,
    *,
    features: int = 32,
    heads: int = 4,
    blocks: int = 2,
    dropout: float = 0.0,
    seed: int = 0,
) -> Sequential:
    """Return causal transformer blocks that give the logits of the next token at each time.

    From tokens of shape (time,), time at most ``length``, to (time, vocabulary).
    """
    block = transformer_block(features, heads, causal=True, dropout=dropout, seed=seed)
    return Sequential(
        Embedding(vocabulary, features),
        PositionalEmbedding(length, features),
        *[block] * blocks,
        LayerNorm(features),
        Linear(features, vocabulary),
    )


@checked
def char_rnn(
    vocabulary: int, *, features: int = 16, hidden: int = 32, cell: Cell = "lstm"
) -> Sequential:
    """Return a recurrent model that gives the logits of the next token at each time.

    From tokens of shape (time,) to (time, vocabulary).

    Raises:
        UnknownNameError: The cell is unknown.
    """
    if cell not in _CELLS:
        raise UnknownNameError("cell", cell, tuple(_CELLS))
    return Sequential(
        Embedding(vocabulary, features),
        _CELLS[cell](features, hidden),
        Linear(hidden, vocabulary),
    )


def _linear_layers(sizes: Sequence[int], activation: Callable[[], Layer]) -> list[Layer]:
    if len(sizes) < 2:
        raise ShapeError(f"an mlp needs at least two sizes, got {tuple(sizes)}")
    layers: list[Layer] = []
    for size, following in pairwise(sizes):
        layers += [activation()] if layers else []
        layers.append(Linear(size, following))
    return layers
