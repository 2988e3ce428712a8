"""Random numbers that are the same for every Scalar, device, machine and numpy version.

Streams are numpy's Philox, a counter-based generator whose raw output is stable; uniform numbers
are made of it here, as ``numpy.random.Generator.random`` makes them.
"""

from __future__ import annotations

import numpy as np

from numlean.errors import NumleanError


class UniformStream:
    """Independent uniform numbers in [0, 1), multiples of 2**-53.

    Args:
        seed: Names the stream; that of ``numpy.random.Philox(seed)``.
        path: Names a stream of its own under the seed, as ``SeedSequence``'s spawn key.
    """

    def __init__(self, seed: int, *path: int) -> None:
        if seed < 0:
            raise NumleanError(f"a seed is not negative: {seed}")
        self._philox = np.random.Philox(np.random.SeedSequence(seed, spawn_key=path))

    def __call__(self, shape: tuple[int, ...]) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
        """The next numbers, in C order."""
        raw = self._philox.random_raw(int(np.prod(shape, dtype=np.int64)))
        return (raw >> np.uint64(11)).astype(np.float64).reshape(shape) * 2.0**-53


def permutation(size: int, stream: UniformStream) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    """A random order of ``size`` things: a stable sort of uniform keys."""
    return np.argsort(stream((size,)), kind="stable")
