"""The numbers that a run trains: their initial values, and the store that holds them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, final

import numpy as np

from numlean.autograd.tensor import Tensor
from numlean.errors import MixedScalarError, NumleanError, ShapeError
from numlean.nn.layer import Floats, ParameterSpec
from numlean.rng import UniformStream
from numlean.scalar.identity import name_both
from numlean.scalar.protocol import Scalar

if TYPE_CHECKING:
    from numlean.training.task import Task


@final
class ParameterStore:
    """The parameters and buffers of a run, in the model's order.

    The runner and the engine of a run hold the same store. ``values`` are immutable tensors: a
    tensor that was read once keeps its numbers, whatever the run does afterwards.

    The eager engine assigns new tensors at each step, and reading copies nothing. The compiled
    engine asks for ``arrays``: from then on the numbers live in arrays that never move, which the
    engine overwrites at each step and ``assign`` fills. ``values`` is then a snapshot: it is copied
    at the first read after a change, and later reads return the same tensors.

    Attributes:
        specs: The parameters' names and shapes; each has a Scalar of its own.
        version: The number of changes so far.
    """

    def __init__(
        self, scalars: Sequence[Scalar], specs: Sequence[ParameterSpec], values: Sequence[Tensor]
    ) -> None:
        self._scalars = tuple(scalars)
        self.specs = tuple(specs)
        self.version = 0
        self._arrays: tuple[Tensor, ...] | None = None
        self._values = self._checked(values)
        self._values_version = 0

    @property
    def values(self) -> tuple[Tensor, ...]:
        """The current parameters and buffers."""
        if self._arrays is not None and self._values_version != self.version:
            self._values = tuple(t.like(np.array(t.data)) for t in self._arrays)
            self._values_version = self.version
        return self._values

    def assign(self, values: Sequence[Tensor]) -> None:
        """Replace all parameters and buffers.

        Raises:
            NumleanError: The number of tensors is not the number of parameters.
            ShapeError: A tensor does not have its parameter's shape.
            MixedScalarError: A tensor belongs to another Scalar.
        """
        values = self._checked(values)
        for array, value in zip(self._arrays or (), values, strict=self._arrays is not None):
            array.data[...] = value.data
        self._values = values
        self.version += 1
        self._values_version = self.version

    def arrays(self) -> tuple[Tensor, ...]:
        """Return tensors over the arrays that hold the numbers from now on.

        Call ``mark_written`` after each write to them.
        """
        if self._arrays is None:
            copies = (t.scalar.device_copy(t.data) for t in self._values)
            self._arrays = tuple(map(Tensor.like, self._values, copies))
        return self._arrays

    def mark_written(self) -> None:
        """Record that the arrays were written to, so that the next read copies them again."""
        self.version += 1

    def _checked(self, values: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Return tensors, once checked, in the Scalars of the run and without a history."""
        values = tuple(values)
        if len(values) != len(self.specs):
            raise NumleanError(
                f"the model has {len(self.specs)} parameters and buffers, got {len(values)} tensors"
            )
        for spec, scalar, value in zip(self.specs, self._scalars, values, strict=True):
            if value.shape != spec.shape:
                raise ShapeError(f"{spec.name} has shape {spec.shape}, got {value.shape}")
            if value.scalar != scalar:
                raise MixedScalarError(
                    f"the Scalars of the run and of the tensor for {spec.name} differ:"
                    f" {name_both(scalar, value.scalar)}"
                )
        owned = map(Tensor.in_scalar, values, self._scalars)
        return tuple(value if value.tape is None else value.detach() for value in owned)


def initial_parameters(task: Task, seed: int) -> list[Floats]:
    """Return the initial values of a task's parameters as binary64, the same for every Scalar.

    One stream of uniform numbers, keyed by the seed, is consumed in the parameters' order.
    """
    uniform = UniformStream(seed)
    return [spec.initial(uniform, spec.shape) for spec in task.model.parameters]


def trainable_parameters(specs: Sequence[ParameterSpec], params: Sequence[Tensor]) -> list[Tensor]:
    """Return the parameters without the buffers."""
    return [p for p, spec in zip(params, specs, strict=True) if spec.is_trainable]


def merge_parameters(
    is_trainable: Sequence[bool], trained: Sequence[Tensor], params: Sequence[Tensor]
) -> list[Tensor]:
    """Return all parameters, with the trainable ones replaced in order by ``trained``."""
    replacements = iter(trained)
    return [
        next(replacements) if trains else p for trains, p in zip(is_trainable, params, strict=True)
    ]
