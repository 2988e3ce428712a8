"""Import weights of other programs, such as a PyTorch ``state_dict`` in a safetensors file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeAlias

import numpy as np

from numlean.arguments import checked
from numlean.checkpoint.container import is_checkpoint, read_header, tensors_of
from numlean.checkpoint.errors import CheckpointError, FilePath, error_context
from numlean.checkpoint.matching import Shapes, match_weights
from numlean.data.input_file import read_input
from numlean.data.size_limit import FLOAT_SIZE, check_size
from numlean.nn import Layer
from numlean.training import Runner

Floats: TypeAlias = np.ndarray[Any, np.dtype[np.float64]]

_DTYPES: Final = {"F16": "<f2", "F32": "<f4", "F64": "<f8"}
_BFLOAT16: Final = "BF16"
_SIZES: Final = {"F16": 2, "BF16": 2, "F32": 4, "F64": 8}
"""The bytes of a float, by dtype."""


@checked
def import_weights(
    runner: Runner, path: FilePath, *, names: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Set a runner's parameters from a safetensors file; return the tensor name of each parameter.

    Tensors of binary16, bfloat16, binary32 and binary64 are exact in binary64, and are rounded once
    to the runner's Scalar, as all its data are. A weight of ``Linear`` has the shape (out, in), as
    in PyTorch.

    Args:
        runner: The runner. All its parameters are replaced or, after an error, none.
        path: The file.
        names: Tensor names of parameters. The other parameters are matched by their own names if
            the file has all of them, else by shape and order.

    Raises:
        CheckpointError: The file cannot be read, or its tensors do not match the parameters, or
            match in several ways; the message lists the mismatches.
    """
    content = read_input(path, pipes=True, error=CheckpointError)
    with error_context(path):
        found, others = read_floats(content)
        taken = _match(runner.task.model, found, others, names or {})
        params = [
            runner.tensor(found[taken[name]]) if name in taken else p
            for name, p in runner.named_parameters
        ]
    runner.params = params
    return taken


def match_floats(model: Layer, content: bytes) -> dict[str, Floats]:
    """Return the values of a model's parameters in a safetensors file, by the parameters' names.

    Raises:
        CheckpointError: The file is not a safetensors file, or its tensors do not match the
            parameters, or match in several ways.
    """
    found, others = read_floats(content)
    taken = _match(model, found, others, {})
    return {name: found[there] for name, there in taken.items()}


def _match(
    model: Layer,
    found: Mapping[str, Floats],
    others: Mapping[str, str],
    names: Mapping[str, str],
) -> dict[str, str]:
    """Return the name in a file of each parameter."""
    shapes = {spec.name: spec.shape for spec in model.parameters}
    optional = {spec.name for spec in model.parameters if not spec.is_trainable}
    there: Shapes = {name: values.shape for name, values in found.items()}
    return match_weights(shapes, there, names, optional=optional, unusable=others)


def read_floats(content: bytes) -> tuple[dict[str, Floats], dict[str, str]]:
    """Return the floats of a safetensors file by name, and the dtypes of its other tensors.

    Raises:
        NumleanError: The file is not a safetensors file, is incomplete, or is a checkpoint, or its
            floats exceed the limit in binary64.
    """
    if is_checkpoint(read_header(content)):
        raise CheckpointError(
            "a checkpoint contains encodings, not floats; use --resume, or `numlean export` first"
        )
    floats, others = {}, {}
    tensors = tensors_of(content)
    known = [entry for _, entry in tensors if entry["dtype"] in _SIZES]
    size = sum(len(entry["data"]) // _SIZES[entry["dtype"]] * FLOAT_SIZE for entry in known)
    check_size("the weights in binary64", size)
    for name, entry in tensors:
        if entry["dtype"] in _SIZES:
            floats[name] = _exact(entry)
        else:
            others[name] = str(entry["dtype"])
    return floats, others


def _exact(entry: dict[str, Any]) -> Floats:
    if entry["dtype"] == _BFLOAT16:
        upper_halves = np.frombuffer(entry["data"], "<u2").astype(np.uint32)
        values = (upper_halves << np.uint32(16)).view(np.float32)
    else:
        values = np.frombuffer(entry["data"], _DTYPES[entry["dtype"]])
    with np.errstate(invalid="ignore"):  # signalling NaNs
        return values.astype(np.float64).reshape(entry["shape"])
