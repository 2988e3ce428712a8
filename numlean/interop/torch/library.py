"""PyTorch itself, imported where it is used, and numpy's arrays as its tensors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from numlean.errors import UnavailableError
from numlean.scalar.protocol import Storage


def library() -> Any:
    """The module ``torch``.

    Raises:
        UnavailableError: It is not installed.
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
    """PyTorch on one thread for a while; then on as many as before."""
    torch = library()
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield torch
    finally:
        torch.set_num_threads(before)


def tensor(x: Storage) -> Any:
    """An array as a tensor of the same memory, if it may be; of a copy, if not.

    PyTorch has no negative strides, and no memory that must not be written.
    """
    is_taken = x.flags.writeable and all(stride >= 0 for stride in x.strides)
    return library().from_numpy(x if is_taken else np.array(x, order="A"))


def array(z: Any) -> Storage:
    """A tensor as an array in C order, of the same memory if that is so."""
    result: Storage = z.detach().contiguous().numpy()
    return result
