"""Initial values of a run that come from another run or from a file instead of a seed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeAlias, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike

from numlean.autograd.literal import as_tensor
from numlean.autograd.tensor import Tensor
from numlean.errors import NumleanError, ShapeError
from numlean.nn.layer import ParameterSpec
from numlean.precision.delayed_scales import PREFIX
from numlean.scalar.protocol import Scalar, Storage
from numlean.scalar.real_numbers import as_array


@runtime_checkable
class NamedParameters(Protocol):
    """An object that has parameters and buffers with their names, such as a ``Runner``."""

    @property
    def named_parameters(self) -> list[tuple[str, Tensor]]:
        """The parameters and buffers, in the model's order."""


InitialValues: TypeAlias = NamedParameters | Mapping[str, Any] | Sequence[Any]
"""A runner; arrays, tensors or PyTorch's tensors by the parameters' names; or in their order.

A module of PyTorch stands for its ``state_dict``.
"""

Value: TypeAlias = Tensor | np.ndarray[Any, Any]

_COUNTER = "num_batches_tracked"
"""PyTorch's count of batches in a state dict, which no layer here has."""


def given_values(specs: Sequence[ParameterSpec], source: InitialValues) -> list[Value | None]:
    """Return the values of the numbers of a run; None for a buffer without one.

    Delayed scales are taken if the source has exactly those of the run.

    Args:
        specs: The parameters and buffers of a model, and those of delayed scales.
        source: The values.

    Raises:
        NumleanError: A parameter has no value, or a value no parameter.
        ShapeError: A value has another shape than its parameter.
    """
    values = {name: _as_value(value) for name, value in _by_name(specs, source).items()}
    values = _without_other_scales(specs, values)
    missing = [p.name for p in specs if p.name not in values and p.is_trainable]
    unknown = sorted(values.keys() - {spec.name for spec in specs})
    parts = {"missing": missing, "unknown": unknown}
    listed = "; ".join(f"{kind}: {', '.join(names)}" for kind, names in parts.items() if names)
    if listed:
        raise NumleanError(f"the initial values are not those of this model: {listed}")
    for spec in specs:
        value = values.get(spec.name)
        if value is not None and value.shape != spec.shape:
            raise ShapeError(
                f"{spec.name} has shape {spec.shape}, but its initial value has {value.shape}"
            )
    return [values.get(spec.name) for spec in specs]


def _without_other_scales(
    specs: Sequence[ParameterSpec], values: dict[str, Value]
) -> dict[str, Value]:
    """Return values without the delayed scales of a run that has other ones."""
    own = {spec.name: spec.shape for spec in specs if spec.name.startswith(PREFIX)}
    given = {name: each.shape for name, each in values.items() if name.startswith(PREFIX)}
    if given == own:
        return values
    return {name: each for name, each in values.items() if name not in given}


def starting_values(
    specs: Sequence[ParameterSpec], source: InitialValues | None, drawn: Sequence[Value]
) -> list[Value]:
    """Return the given values of all numbers of a run; those drawn where none is given."""
    given = [None] * len(drawn) if source is None else given_values(specs, source)
    return [d if value is None else value for value, d in zip(given, drawn, strict=True)]


def to_scalar(scalar: Scalar, cast: Callable[[ArrayLike], Storage], value: Value) -> Tensor:
    """Return a value in a Scalar, rounded once; a tensor of the same Scalar keeps its bits."""
    if isinstance(value, Tensor):
        return value.in_scalar(scalar) if value.scalar == scalar else as_tensor(scalar, value)
    if value.dtype == np.float64:
        return Tensor(scalar, cast(value))
    return as_tensor(scalar, value)


def _by_name(specs: Sequence[ParameterSpec], source: InitialValues) -> Mapping[str, Any]:
    if callable(read := getattr(source, "state_dict", None)):  # a module of PyTorch
        source = read()
    if isinstance(source, NamedParameters):
        return dict(source.named_parameters)
    if isinstance(source, Mapping):
        return {name: v for name, v in source.items() if name.rpartition(".")[2] != _COUNTER}
    if not isinstance(source, list | tuple):
        raise NumleanError(
            "initial values are a runner, a mapping by the parameters' names, or a list, got"
            f" {type(source).__name__}"
        )
    if len(source) != len(specs):
        specs = [spec for spec in specs if not spec.name.startswith(PREFIX)]
    if len(source) != len(specs):
        raise NumleanError(
            f"the model has {len(specs)} parameters and buffers, got {len(source)} initial values"
        )
    return {spec.name: value for spec, value in zip(specs, source, strict=True)}


def _as_value(value: Any) -> Value:
    """Return a tensor as it is, and anything else as an array, with floats as binary64."""
    if isinstance(value, Tensor):
        return value.detach()
    if hasattr(value, "detach"):  # PyTorch's, whose bfloat16 numpy does not have
        value = value.detach().cpu()
        value = (value.double() if value.is_floating_point() else value).numpy()
    array = as_array(value, "initial values")
    if array.dtype.kind == "f" and array.dtype.itemsize <= np.dtype(np.float64).itemsize:
        return array.astype(np.float64)
    return array
