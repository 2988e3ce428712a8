"""Operations that move numbers and compute nothing, passed to the inner Scalar."""
# ruff: noqa: D102 (Scalar documents the methods)

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from numlean.scalar.protocol import Indices, Storage
from numlean.scalar.wrappers.forwarding.hook import Hooked


class ForwardedMovement(Hooked):
    """See :class:`numlean.scalar.protocol.Scalar`."""

    def copy_into(self, x: Storage, z: Storage) -> None:
        self._pass("copy_into", self.inner.copy_into, x, z)

    def copy(self, x: Storage) -> Storage:
        return self._pass("copy", self.inner.copy, x)

    def device_copy(self, array: Storage, *, host_visible: bool = False) -> Storage:
        return self._pass("device_copy", self.inner.device_copy, array, host_visible=host_visible)

    def concat(self, arrays: Sequence[Storage], axis: int) -> Storage:
        return self._pass("concat", self.inner.concat, arrays, axis)

    def pad(self, x: Storage, shape: tuple[int, ...], where: tuple[slice, ...]) -> Storage:
        return self._pass("pad", self.inner.pad, x, shape, where)

    def take(self, x: Storage, index: Indices, *, row_axes: int = 0) -> Storage:
        return self._pass("take", self.inner.take, x, index, row_axes=row_axes)

    def take_along_axis(self, x: Storage, index: Indices, axis: int = -1) -> Storage:
        return self._pass("take_along_axis", self.inner.take_along_axis, x, index, axis=axis)

    def scatter_along_axis(
        self, x: Storage, index: Indices, extent: int, axis: int = -1
    ) -> Storage:
        return self._pass(
            "scatter_along_axis", self.inner.scatter_along_axis, x, index, extent, axis=axis
        )

    def where(
        self,
        condition: np.ndarray[Any, np.dtype[np.bool_]],
        x: Storage,
        y: Storage | None = None,
    ) -> Storage:
        if y is None:
            return self._pass("where", self.inner.where, condition, x)
        return self._pass("where", self.inner.where, condition, x, y)
