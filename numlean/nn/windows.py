"""Windows that slide over the last two axes: their sizes, and the places that each one covers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np

from numlean.autograd.indices import INDEX
from numlean.autograd.tensor import Tensor
from numlean.errors import ShapeError
from numlean.nn.checks import is_integer

Extent: TypeAlias = int | tuple[int, int]
"""Rows and columns; one number stands for both."""

Pair: TypeAlias = tuple[int, int]
Places: TypeAlias = np.ndarray[Any, np.dtype[np.int64]]

_KEPT = 64


@dataclass(frozen=True)
class Window:
    """A window that slides over an image.

    Attributes:
        kernel: Its rows and columns.
        stride: The distance between positions.
        padding: The extent of the padding around the image.
        dilation: The distance between the places that the window covers.
    """

    kernel: Pair
    stride: Pair
    padding: Pair = (0, 0)
    dilation: Pair = (1, 1)

    def __post_init__(self) -> None:
        if min(self.dilation) < 1:
            raise ShapeError(f"the dilation of a window must be at least 1, got {self.dilation}")
        if min(*self.kernel, *self.stride) < 1 or min(self.padding) < 0:
            raise ShapeError(
                f"a window needs a kernel and a stride of at least 1 and padding of at least 0, got"
                f" {self.kernel}, {self.stride} and {self.padding}"
            )

    @classmethod
    def of(
        cls, kernel: Extent, stride: Extent, padding: Extent = 0, dilation: Extent = 1
    ) -> Window:
        """Return the window of these extents."""
        return cls(_pair(kernel), _pair(stride), _pair(padding), _pair(dilation))

    @property
    def size(self) -> int:
        """The number of places that the window covers."""
        return self.kernel[0] * self.kernel[1]

    @property
    def reach(self) -> Pair:
        """The rows and columns from the first place covered to the last."""
        rows, columns = (d * (k - 1) + 1 for k, d in zip(self.kernel, self.dilation, strict=True))
        return rows, columns

    def positions(self, image: tuple[int, ...]) -> Pair:
        """Return the number of positions over an image of (height, width), down and across.

        Raises:
            ShapeError: The window does not fit.
        """
        room = [n + 2 * p - k for n, p, k in zip(image, self.padding, self.reach, strict=True)]
        if min(room) < 0:
            dilated = "" if self.dilation == (1, 1) else f", dilation {self.dilation}"
            raise ShapeError(
                f"a kernel of {self.kernel}{dilated} with padding {self.padding} does not fit an"
                f" image of {image}"
            )
        return room[0] // self.stride[0] + 1, room[1] // self.stride[1] + 1


def as_extent(extent: Any) -> Extent:
    """Return an extent whose pair is a tuple, as layers keep it.

    Raises:
        ShapeError: It is neither an integer nor a pair of integers.
    """
    if is_integer(extent):
        return int(extent)
    if isinstance(extent, list | tuple) and len(extent) == 2 and all(map(is_integer, extent)):
        return int(extent[0]), int(extent[1])
    raise ShapeError(f"a window takes an integer or a pair (rows, columns), got {extent!r}")


def keep_extents(layer: Any, *names: str) -> None:
    """Make the extents of a layer integers or tuples, so that equal layers are equal.

    Raises:
        ShapeError: One is neither an integer nor a pair of integers.
    """
    for name in names:
        extent = getattr(layer, name)
        if extent is not None:
            object.__setattr__(layer, name, as_extent(extent))


def _pair(extent: Extent) -> Pair:
    extent = as_extent(extent)
    return extent if isinstance(extent, tuple) else (extent, extent)


@lru_cache(_KEPT)
def patches(shape: tuple[int, ...], window: Window) -> Tensor:
    """Return places in images of shape (batch, channels, height, width), -1 for padding.

    The shape is (channels * kernel rows * kernel columns, batch * rows * columns): a column lists
    the places that the window covers at one position.
    """
    covered = _covered_places(shape, window)
    places = covered.transpose(1, 2, 3, 0, 4, 5).reshape(shape[1] * window.size, -1)
    return Tensor(INDEX, np.ascontiguousarray(places))


@lru_cache(_KEPT)
def windows(shape: tuple[int, ...], window: Window, *, within: bool = False) -> Tensor:
    """Return places in images of shape (batch, channels, height, width), -1 for padding.

    The shape is (kernel rows * kernel columns, batch * channels * rows * columns): a column lists
    the places that the window covers of one channel at one position. With ``within``, the first
    place covered replaces padding.
    """
    places = _covered_places(shape, window).transpose(2, 3, 0, 1, 4, 5).reshape(window.size, -1)
    if within:
        first = np.take_along_axis(places, np.argmax(places >= 0, axis=0)[np.newaxis], axis=0)
        places = np.where(places >= 0, places, first)
        if places.size and places.min() < 0:
            raise ShapeError(
                f"a window of {window.kernel} with padding {window.padding} and dilation"
                f" {window.dilation} covers only padding at some position of an image of"
                f" {shape[2:]}; reduce the padding"
            )
    return Tensor(INDEX, np.ascontiguousarray(places))


def _covered_places(shape: tuple[int, ...], window: Window) -> Places:
    """Return places by image, channel, place in the kernel and position; -1 for padding."""
    batch, channels, *image = shape
    positions = window.positions(tuple(image))
    places = zip(
        *(image, positions, window.kernel, window.stride, window.padding, window.dilation),
        strict=True,
    )
    rows, columns = (_axis_places(*along) for along in places)
    rows, columns = rows[:, None, :, None], columns[None, :, None, :]
    place = np.where((rows < 0) | (columns < 0), -1, rows * image[1] + columns)
    start = np.arange(batch * channels).reshape(batch, channels, 1, 1, 1, 1) * (image[0] * image[1])
    return np.where(place < 0, -1, start + place).astype(np.int64)


def _axis_places(
    extent: int, positions: int, kernel: int, stride: int, padding: int, dilation: int
) -> Places:
    """Return places by place in the kernel and position; -1 for padding."""
    place = np.arange(kernel)[:, None] * dilation + np.arange(positions) * stride - padding
    return np.where((place < 0) | (place >= extent), -1, place)
