"""The torch module, imported on use, and conversions between its tensors and numpy arrays."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from numlean.errors import UnavailableError
from numlean.scalar.protocol import Storage


def library() -> Any:
    """Return the module ``torch``.

    Raises:
        UnavailableError: PyTorch is not installed.
    """
    try:
        import torch
    except ImportError as error:
        raise UnavailableError(
            "torch32, torch64 and numlean.interop.torch need PyTorch: pip install 'numlean[torch]'"
            f" ({error})"
        ) from error
    return torch


@contextmanager
def on_one_thread() -> Iterator[Any]:
    """Run PyTorch on one thread within the context."""
    torch = library()
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield torch
    finally:
        torch.set_num_threads(before)


def tensor(x: Storage) -> Any:
    """Return an array as a tensor of the same memory if possible; otherwise of a copy.

    PyTorch supports neither negative strides nor read-only memory.
    """
    is_supported = x.flags.writeable and all(stride >= 0 for stride in x.strides)
    return library().from_numpy(x if is_supported else np.array(x, order="A"))


def array(z: Any) -> Storage:
    """Return a tensor as an array in C order, of the same memory if possible."""
    result: Storage = z.detach().contiguous().numpy()
    return result
