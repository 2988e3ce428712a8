"""The weights of a model in a file: a checkpoint, or floats in a safetensors file."""

from __future__ import annotations

from os import PathLike
from typing import TypeAlias

from numlean.autograd.tensor import Tensor
from numlean.checkpoint.container import is_checkpoint, read_header
from numlean.checkpoint.errors import CheckpointError, FilePath, error_context
from numlean.checkpoint.importing import match_floats
from numlean.checkpoint.raw_numbers import from_raw
from numlean.checkpoint.reading import Checkpoint, parse
from numlean.data.input_file import read_input
from numlean.precision.delayed_scales import PREFIX
from numlean.precision.policy_text import policy_from_plain
from numlean.precision.resolved import SCALES
from numlean.scalar.protocol import Scalar
from numlean.scalar.registry import get_scalar
from numlean.training import Task
from numlean.training.initial_values import InitialValues, given_values

WeightSource: TypeAlias = InitialValues | Checkpoint | FilePath
"""Values of a model's parameters, or a checkpoint, or the file of either."""


def weights_of(task: Task, source: WeightSource) -> InitialValues:
    """Return the values of a task's parameters and buffers, read from a file if it is one.

    Raises:
        CheckpointError: The file cannot be read, or its tensors do not match the parameters.
    """
    if isinstance(source, Checkpoint):
        return _parameters_of(source, task)
    if not isinstance(source, str | PathLike):
        return source
    content = read_input(source, pipes=True, error=CheckpointError)
    with error_context(source):
        if not is_checkpoint(read_header(content)):
            return match_floats(task.model, content)
    return _parameters_of(parse(content, source), task)


def _parameters_of(checkpoint: Checkpoint, task: Task) -> dict[str, Tensor]:
    with error_context(checkpoint.path):
        plain = checkpoint.run.get("policy")
        dtype = str(checkpoint.run.get("dtype"))
        trained = dtype if plain is None else policy_from_plain(plain).parameters
        buffers = {spec.name for spec in task.model.parameters if not spec.is_trainable}

        def scalar(name: str) -> Scalar:
            if name.startswith(PREFIX):
                return get_scalar(SCALES)
            return get_scalar(dtype if name in buffers else trained)

        values = {
            name: from_raw(numbers, scalar(name)) for name, numbers in checkpoint.parameters.items()
        }
        given_values(task.model.parameters, values)  # checks names and shapes
        return values
