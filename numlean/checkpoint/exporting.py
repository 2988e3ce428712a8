"""Export a checkpoint's parameters as floats, for other programs."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from numlean.arguments import checked
from numlean.autograd.tensor import Tensor
from numlean.checkpoint import atomic
from numlean.checkpoint.errors import CheckpointError, FilePath, error_context
from numlean.checkpoint.raw_numbers import RawTensor, from_raw
from numlean.checkpoint.reading import Checkpoint, load
from numlean.precision.delayed_scales import PREFIX
from numlean.precision.policy_text import policy_from_plain
from numlean.scalar.protocol import Scalar
from numlean.scalar.registry import get_scalar
from numlean_kernels.formats import BINARY32, Format

_EPOCH: Final = (1980, 1, 1, 0, 0, 0)
"""The time of files in an archive, so that equal numbers give equal bytes."""


@dataclass(frozen=True)
class Exported:
    """Description of an exported file.

    Attributes:
        names: The parameters and buffers, in the model's order.
        dtype: float32 or float64.
        is_exact: Whether all numbers are exact; if not, each was rounded once, to nearest.
    """

    names: tuple[str, ...]
    dtype: str
    is_exact: bool


@checked
def export(checkpoint: Checkpoint | FilePath, path: FilePath) -> Exported:
    """Write the parameters and buffers of a checkpoint as ``.npz`` or ``.safetensors``.

    Delayed scales are left out: they belong to the run.

    The dtype is float32 if it contains every number of the format, else float64. Each NaN becomes
    the default NaN.

    Raises:
        CheckpointError: The checkpoint cannot be read, ``path`` cannot be written, or its name has
            another ending.
    """
    found = checkpoint if isinstance(checkpoint, Checkpoint) else load(checkpoint)
    suffix = Path(path).suffix
    if suffix not in _WRITERS:
        endings = " or ".join(_WRITERS)
        raise CheckpointError(f"{path}: the name must end in {endings}, got {suffix!r}")
    with error_context(found.path):
        scalars = _scalars(found)
        tensors = {
            name: from_raw(x, _scalar_of(x, scalars))
            for name, x in found.parameters.items()
            if not name.startswith(PREFIX)
        }
        _check_names(tensors)
    is_narrow = all(each.format and _is_within_binary32(each.format) for each in scalars)
    dtype = "float32" if is_narrow else "float64"
    floats = {name: x.to_float().astype(dtype) for name, x in tensors.items()}
    atomic.write(path, _WRITERS[suffix](floats))
    has_formats = all(each.format is not None for each in scalars)
    is_exact = has_formats or all(map(_is_exact, tensors.values()))
    return Exported(tuple(floats), dtype, is_exact)


def _scalars(checkpoint: Checkpoint) -> tuple[Scalar, ...]:
    """Return the Scalars of the parameters and of the buffers, each once.

    Raises:
        CheckpointError: They differ, and the file does not tell which tensor is in which.
    """
    plain = checkpoint.run.get("policy")
    if plain is None:
        return (get_scalar(str(checkpoint.run.get("dtype"))),)
    policy = policy_from_plain(plain)
    scalars = tuple(dict.fromkeys(map(get_scalar, (policy.parameters, policy.reductions))))
    if len(scalars) != len({_encoding(scalar) for scalar in scalars}):
        raise CheckpointError(
            f"parameters in {policy.parameters} and buffers in {policy.reductions} have encodings"
            " of one size, so the file does not tell them apart"
        )
    return scalars


def _scalar_of(numbers: RawTensor, scalars: Sequence[Scalar]) -> Scalar:
    """Return the Scalar whose encodings a tensor may have; the first one if none fits."""
    return next((each for each in scalars if _encoding(each) == numbers.array.dtype), scalars[0])


def _encoding(scalar: Scalar) -> np.dtype[Any] | None:
    return None if scalar.format is None else np.dtype(scalar.format.storage_dtype)


def _check_names(names: Iterable[str]) -> None:
    """Check that no name is a path out of the archive of whoever unpacks it.

    Raises:
        CheckpointError: A name has a separator of paths or a control character, or is empty.
    """
    for name in names:
        if not name.isprintable() or not name.strip(".") or "/" in name or "\\" in name:
            raise CheckpointError(f"{name!r:.80} cannot be the name of an array in another file")


def _is_within_binary32(format: Format) -> bool:
    """Return whether binary32 contains every number of a format, including subnormals."""
    least, greatest = format.emin - format.trailing_bits, format.emax
    return (
        format.precision <= BINARY32.precision
        and least >= BINARY32.emin - BINARY32.trailing_bits
        and greatest <= BINARY32.emax
    )


def _is_exact(tensor: Tensor) -> bool:
    scalar: Scalar = tensor.scalar
    binary64 = get_scalar("float64")
    exact, near = scalar.to_exact(tensor.data), binary64.to_exact(tensor.to_float())
    return bool(np.all((exact == near) | (exact != exact)))


def _safetensors(arrays: dict[str, np.ndarray[Any, Any]]) -> bytes:
    from safetensors.numpy import save  # only exports need it

    return bytes(save(arrays))


def _npz(arrays: dict[str, np.ndarray[Any, Any]]) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        for name, array in arrays.items():
            member = io.BytesIO()
            np.lib.format.write_array(member, array, allow_pickle=False)
            file.writestr(zipfile.ZipInfo(f"{name}.npy", _EPOCH), member.getvalue())
    return archive.getvalue()


_WRITERS: Final = {".npz": _npz, ".safetensors": _safetensors}
