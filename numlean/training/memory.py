"""The memory that a run takes, estimated before its parameters are made."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Final

from numlean.arguments.memory import check_memory
from numlean.scalar.protocol import Scalar

if TYPE_CHECKING:
    from numlean.training.task import Task

_BINARY64_BYTES: Final = 8
_OBJECT_BYTES: Final = 160
"""The bytes of an ``mpmath.mpf`` with a short significand, and of the reference to it."""

_COPIES: Final = 3
"""A step holds the parameters, their gradients and the new parameters; on a GPU, in its memory."""


def check_run_memory(task: Task, scalar: Scalar) -> None:
    """Check that this machine can hold the parameters of a run, and one step of it.

    Raises:
        NumleanError: It cannot.
    """
    numbers = sum(prod(shape) for shape in task.param_shapes)
    size = _OBJECT_BYTES if scalar.storage_dtype.hasobject else scalar.storage_dtype.itemsize
    copies = 0 if scalar.device == "cuda" else _COPIES
    check_memory(
        numbers * (_BINARY64_BYTES + copies * size),
        f"a training step of {numbers:,} parameters in {scalar.name}",
        "use fewer or narrower layers (--hidden)",
    )
