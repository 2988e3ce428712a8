"""Layers: immutable definitions, functions of their parameters."""

import numlean.functional as functional
from numlean.nn import models
from numlean.nn._summary import Summary, summary
from numlean.nn.activation import (
    GELU,
    Elementwise,
    LogSoftmax,
    ReLU,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Square,
    Tanh,
)
from numlean.nn.attention import MultiHeadAttention
from numlean.nn.batch_norm import BatchNorm
from numlean.nn.composite import Composite
from numlean.nn.convolution import Conv2d
from numlean.nn.dropout import Dropout
from numlean.nn.embedding import Embedding, PositionalEmbedding
from numlean.nn.layer import (
    EVALUATION,
    Clock,
    Context,
    Layer,
    Mode,
    ParameterSpec,
    split_parameters,
)
from numlean.nn.linear import Linear
from numlean.nn.normalization import LayerNorm, RMSNorm
from numlean.nn.padded_tokens import PaddedTokens
from numlean.nn.pooling import AvgPool2d, MaxPool2d, SmoothMaxPool2d
from numlean.nn.recurrent import GRU, LSTM, RNN
from numlean.nn.reshaping import Flatten, Reshape, Sum
from numlean.nn.residual import Residual
from numlean.nn.scan import GatedScan
from numlean.nn.sequential import Sequential

__all__ = [
    "EVALUATION",
    "GELU",
    "GRU",
    "LSTM",
    "RNN",
    "AvgPool2d",
    "BatchNorm",
    "Clock",
    "Composite",
    "Context",
    "Conv2d",
    "Dropout",
    "Elementwise",
    "Embedding",
    "Flatten",
    "GatedScan",
    "Layer",
    "LayerNorm",
    "Linear",
    "LogSoftmax",
    "MaxPool2d",
    "Mode",
    "MultiHeadAttention",
    "PaddedTokens",
    "ParameterSpec",
    "PositionalEmbedding",
    "RMSNorm",
    "ReLU",
    "Reshape",
    "Residual",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "SmoothMaxPool2d",
    "Softmax",
    "Softplus",
    "Square",
    "Sum",
    "Summary",
    "Tanh",
    "functional",
    "models",
    "split_parameters",
    "summary",
]
