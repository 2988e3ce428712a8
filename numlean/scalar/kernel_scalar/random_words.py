"""Words of random bits for the elements of an operation's result."""

from __future__ import annotations

from typing import Any

import numpy as np

from numlean.scalar.noise import NoiseStream
from numlean_kernels.loops.elementwise import filled
from numlean_kernels.protocol import Target, kernel_for
from numlean_kernels.tables.philox import philox_table


def random_words(
    target: Target, stream: NoiseStream, shape: tuple[int, ...], seed: int | None = None
) -> np.ndarray[Any, np.dtype[np.uint64]]:
    """Return a word of 64 random bits for each element, drawn anew in each replay.

    Args:
        target: Draws the words, and may record that.
        stream: The step and the number of the operation.
        shape: The shape of the result.
        seed: Replaces that of the stream.
    """
    words = target.empty(shape, np.uint64)
    draw = kernel_for(target, filled("philox"), philox_table(target))
    draw((words.size,), random_key(target, stream, seed=seed), words.reshape(-1))
    return words


def random_key(
    target: Target, stream: NoiseStream, draws: int = 1, seed: int | None = None
) -> np.ndarray[Any, np.dtype[np.uint64]]:
    """Return the key of the next draws, of which each counts as an operation of the stream.

    It is written anew in each replay. The arguments are those of ``random_words``.
    """
    operation = stream.operation
    key = target.empty_host_visible(2, np.uint64)
    np.copyto(key, stream.key_of(operation, seed, draws))
    target.on_replay(lambda: np.copyto(key, stream.key_of(operation, seed, draws)), written=key)
    return key
