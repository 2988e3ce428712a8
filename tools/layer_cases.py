"""The layers that tests use, each with the shape of a small sample."""

import numpy as np

from numlean import Tensor, nn
from numlean.autograd.indices import INDEX
from numlean.nn.layer import Context, Mode
from numlean.rng import UniformStream

CASES = {
    "Linear": (nn.Linear(3, 2), (3,)),
    "Linear on sequences": (nn.Linear(2, 3), (2, 2)),
    "Square": (nn.Square(), (3,)),
    "Sum": (nn.Sum(), (2, 2)),
    "Reshape": (nn.Reshape(2, 2), (4,)),
    "Conv2d": (nn.Conv2d(2, 2, 2, padding=1), (2, 2, 2)),
    "Conv2d with strides": (nn.Conv2d(1, 2, (2, 3), stride=(1, 2), padding=(0, 1)), (1, 3, 4)),
    "Conv2d in groups": (
        nn.Conv2d(2, 2, (1, 2), dilation=(1, 2), groups=2, bias=False),
        (2, 1, 4),
    ),
    "MaxPool2d": (nn.MaxPool2d(2), (1, 2, 4)),
    "MaxPool2d with padding": (nn.MaxPool2d(3, stride=2, padding=1), (1, 3, 3)),
    "AvgPool2d": (nn.AvgPool2d((1, 2), stride=1, padding=(0, 1)), (2, 1, 3)),
    "SmoothMaxPool2d": (nn.SmoothMaxPool2d(2, beta=3.0, stride=1), (1, 2, 3)),
    "Dropout": (nn.Dropout(0.4, seed=3), (2, 3)),
    "LayerNorm": (nn.LayerNorm(4), (4,)),
    "LayerNorm on sequences": (nn.LayerNorm(3), (2, 3)),
    "RMSNorm": (nn.RMSNorm(4), (4,)),
    "BatchNorm": (nn.BatchNorm(2), (2,)),
    "BatchNorm over images": (nn.BatchNorm(2), (2, 1, 2)),
    "RNN": (nn.RNN(2, 2), (3, 2)),
    "RNN, last": (nn.RNN(2, 2, last_only=True), (3, 2)),
    "GRU": (nn.GRU(2, 2), (2, 2)),
    "LSTM": (nn.LSTM(2, 2), (2, 2)),
    "RNN stacked in both directions": (
        nn.RNN(1, 1, num_layers=2, bidirectional=True, dropout=0.25, bias=False),
        (2, 1),
    ),
    "GatedScan": (nn.GatedScan(2, 2), (3, 2)),
    "Embedding": (nn.Embedding(4, 2), (3,)),
    "PositionalEmbedding": (nn.PositionalEmbedding(3, 2), (2, 2)),
    "MultiHeadAttention": (nn.MultiHeadAttention(4, 2), (2, 4)),
    "causal MultiHeadAttention": (nn.MultiHeadAttention(2, 1, causal=True), (3, 2)),
    "PaddedTokens": (
        nn.PaddedTokens(nn.Embedding(3, 2), nn.MultiHeadAttention(2, 1), padding_idx=0),
        (3,),
    ),
    "Residual": (nn.Residual(nn.Linear(3, 2), nn.Tanh(), nn.Linear(2, 3)), (3,)),
}


class Case:
    """A layer with parameters near their initial values and a batch of two samples."""

    def __init__(self, layer, shape):
        self.layer, self.shape = layer, shape
        rng = np.random.default_rng(89)
        uniform = UniformStream(7)
        self.parameters = [
            spec.initial(uniform, spec.shape) + 0.1 * rng.random(spec.shape) * spec.is_trainable
            for spec in layer.parameters
        ]
        self.x = rng.standard_normal((2, *shape))
        if layer.takes_indices:
            self.x = rng.integers(0, layer.index_count, (2, *shape))

    def tensors(self, scalar):
        """Return the parameters, then the input if it has a gradient."""
        given = [Tensor.of(scalar, p) for p in self.parameters]
        return given if self.layer.takes_indices else [*given, Tensor.of(scalar, self.x)]

    def program(self, tensors):
        """Return the outputs in training mode."""
        x = Tensor(INDEX, self.x) if self.layer.takes_indices else tensors[-1]
        parameters = tensors[: len(self.parameters)]
        return self.layer(parameters, x, Context(Mode.TRAIN))


def weighted(program, tensors):
    """Return the weighted sum of the outputs, with a different weight for each element."""
    z = program(tensors)
    weights = Tensor.of(z.scalar, np.linspace(0.3, 1.7, z.size).reshape(z.shape))
    return (z * weights).sum()
