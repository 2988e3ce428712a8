"""Random numbers that are the same on every Scalar, device, machine and numpy version.

Streams use numpy's Philox, a counter-based generator whose raw output is stable. Uniform numbers
are computed from it here, as ``numpy.random.Generator.random`` computes them.
"""

from __future__ import annotations

import numpy as np

from numlean.errors import NumleanError


class UniformStream:
    """A stream of independent uniform numbers in [0, 1), multiples of 2**-53.

    Args:
        seed: The seed of the stream, as in ``numpy.random.Philox(seed)``.
        path: Selects a separate stream for the seed, as the spawn key of ``SeedSequence`` does.
    """

    def __init__(self, seed: int, *path: int) -> None:
        if seed < 0:
            raise NumleanError(f"the seed must not be negative, got {seed}")
        self._philox = np.random.Philox(np.random.SeedSequence(seed, spawn_key=path))

    def __call__(self, shape: tuple[int, ...]) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
        """Return the next numbers, in C order."""
        raw = self._philox.random_raw(int(np.prod(shape, dtype=np.int64)))
        return (raw >> np.uint64(11)).astype(np.float64).reshape(shape) * 2.0**-53


def permutation(size: int, stream: UniformStream) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    """Return a random permutation of ``range(size)``: a stable sort of uniform keys."""
    return np.argsort(stream((size,)), kind="stable")
