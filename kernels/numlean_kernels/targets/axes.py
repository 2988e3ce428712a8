"""Copies between any two views of one shape, as loops over a fixed number of axes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from numlean_kernels.protocol import Array

AXES: Final = 4
"""The number of axes of a copy loop."""


def split_to_axes(source: Array, destination: Array) -> Iterator[tuple[Array, Array]]:
    """Yield pairs of views that together are two views, each with at most ``AXES`` axes."""
    if len(_merged_axes(source, destination)) <= AXES:
        yield source, destination
    else:
        for part, place in zip(source, destination, strict=True):
            yield from split_to_axes(part, place)


def padded_axes(source: Array, destination: Array) -> list[tuple[int, int, int]]:
    """Return the extents and both strides, in elements, of exactly ``AXES`` axes."""
    axes = _merged_axes(source, destination)
    return [(1, 0, 0)] * (AXES - len(axes)) + axes


def _merged_axes(source: Array, destination: Array) -> list[tuple[int, int, int]]:
    """Return the extents and both strides, in elements, of the axes, merged where possible."""
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
