"""Layers: immutable definitions, functions of their parameters."""

from numlean.nn.activation import Elementwise, Flatten, ReLU, Tanh
from numlean.nn.layer import Layer, Mode, ParameterSpec
from numlean.nn.linear import Linear
from numlean.nn.sequential import Sequential

__all__ = [
    "Elementwise",
    "Flatten",
    "Layer",
    "Linear",
    "Mode",
    "ParameterSpec",
    "ReLU",
    "Sequential",
    "Tanh",
]
