"""Two views of one shape as few axes: how elements are moved between any two of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from numlean_kernels.protocol import Array

AXES: Final = 4
"""As many axes as a move knows."""


def within_axes(source: Array, destination: Array) -> Iterator[tuple[Array, Array]]:
    """Pairs of views that together are two views, each with as few axes as a move knows."""
    if len(_merged(source, destination)) <= AXES:
        yield source, destination
    else:
        for part, place in zip(source, destination, strict=True):
            yield from within_axes(part, place)


def padded(source: Array, destination: Array) -> list[tuple[int, int, int]]:
    """Extents and both strides, in elements, of as many axes as a move knows."""
    axes = _merged(source, destination)
    return [(1, 0, 0)] * (AXES - len(axes)) + axes


def _merged(source: Array, destination: Array) -> list[tuple[int, int, int]]:
    """Extents and both strides, in elements, of the axes; those that can be are joined."""
    axes: list[tuple[int, int, int]] = []
    strides = (tuple(s // x.itemsize for s in x.strides) for x in (source, destination))
    for n, s, d in zip(source.shape, *strides, strict=True):
        if n == 1:
            continue
        if axes and axes[-1][1:] == (n * s, n * d):
            axes[-1] = (axes[-1][0] * n, s, d)
        else:
            axes.append((n, s, d))
    return axes
