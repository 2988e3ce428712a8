"""Weights from elsewhere, such as a PyTorch ``state_dict`` in a safetensors file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np

from numlean.checkpoint.container import is_checkpoint, read_header, tensors_of
from numlean.checkpoint.errors import CheckpointError, FilePath, error_context
from numlean.checkpoint.matching import Shapes, matched
from numlean.training import Runner

Floats: TypeAlias = np.ndarray[Any, np.dtype[np.float64]]

_DTYPES: Final = {"F16": "<f2", "F32": "<f4", "F64": "<f8"}
_BFLOAT16: Final = "BF16"


def import_weights(
    runner: Runner, path: FilePath, *, names: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Give a runner the weights of a safetensors file; return whose weights each parameter took.

    The file's tensors of binary16, bfloat16, binary32 and binary64 are exact in binary64, and enter
    the runner's Scalar as all its data do: rounded once. A weight of ``Linear`` has the shape
    (out, in), as PyTorch's has.

    Args:
        runner: Whose parameters are replaced; all of them or, after an error, none.
        path: The file.
        names: The file's name of each parameter that is given one here. The others are found by
            their own names if all of these are there, else by shapes and order.

    Raises:
        CheckpointError: The file cannot be read, or its tensors are not the runner's parameters,
            or not certainly; the message lists what does not match.
    """
    specs = runner.task.model.parameters
    shapes = {spec.name: spec.shape for spec in specs}
    optional = {spec.name for spec in specs if not spec.is_trainable}
    with error_context(path):
        found, others = read_floats(Path(path).read_bytes())
        there: Shapes = {name: values.shape for name, values in found.items()}
        taken = matched(shapes, there, names or {}, optional=optional, unusable=others)
        params = [
            runner.tensor(found[taken[spec.name]]) if spec.name in taken else p
            for spec, p in zip(specs, runner.params, strict=True)
        ]
    runner.params = params
    return taken


def read_floats(content: bytes) -> tuple[dict[str, Floats], dict[str, str]]:
    """The floats of a safetensors file, exactly, by name; and the dtypes of its other tensors.

    Raises:
        CheckpointError: It is no safetensors file, not a whole one, or a checkpoint.
    """
    if is_checkpoint(read_header(content)):
        raise CheckpointError("a checkpoint holds encodings; resume it, or export it first")
    floats, others = {}, {}
    for name, entry in tensors_of(content):
        if entry["dtype"] == _BFLOAT16 or entry["dtype"] in _DTYPES:
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
