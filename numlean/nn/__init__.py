"""Layers: immutable definitions, functions of their parameters."""

from numlean.nn import functional
from numlean.nn.activation import (
    GELU,
    Elementwise,
    Flatten,
    LogSoftmax,
    ReLU,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
)
from numlean.nn.layer import EVALUATION, Clock, Context, Layer, Mode, ParameterSpec
from numlean.nn.linear import Linear
from numlean.nn.sequential import Sequential

__all__ = [
    "EVALUATION",
    "GELU",
    "Clock",
    "Context",
    "Elementwise",
    "Flatten",
    "Layer",
    "Linear",
    "LogSoftmax",
    "Mode",
    "ParameterSpec",
    "ReLU",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Tanh",
    "functional",
]
