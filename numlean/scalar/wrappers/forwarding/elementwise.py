"""Elementwise operations, passed to the inner Scalar."""
# ruff: noqa: D102 (Scalar documents the methods)

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from numlean.scalar.flags import Flags
from numlean.scalar.protocol import Storage
from numlean.scalar.wrappers.forwarding.hook import Hooked


class ForwardedElementwise(Hooked):
    """See :class:`numlean.scalar.protocol.Scalar`."""

    def add(self, x: Storage, y: Storage, *, flags: Flags | None = None) -> Storage:
        return self._pass("add", self.inner.add, x, y, flags=flags)

    def sub(self, x: Storage, y: Storage, *, flags: Flags | None = None) -> Storage:
        return self._pass("sub", self.inner.sub, x, y, flags=flags)

    def mul(self, x: Storage, y: Storage, *, flags: Flags | None = None) -> Storage:
        return self._pass("mul", self.inner.mul, x, y, flags=flags)

    def div(self, x: Storage, y: Storage, *, flags: Flags | None = None) -> Storage:
        return self._pass("div", self.inner.div, x, y, flags=flags)

    def sqrt(self, x: Storage, *, flags: Flags | None = None) -> Storage:
        return self._pass("sqrt", self.inner.sqrt, x, flags=flags)

    def fma(self, x: Storage, y: Storage, z: Storage, *, flags: Flags | None = None) -> Storage:
        return self._pass("fma", self.inner.fma, x, y, z, flags=flags)

    def rem(self, x: Storage, y: Storage, *, flags: Flags | None = None) -> Storage:
        return self._pass("rem", self.inner.rem, x, y, flags=flags)

    def round_to_integral(
        self, x: Storage, rounding: str | None = None, *, flags: Flags | None = None
    ) -> Storage:
        call = self.inner.round_to_integral
        return self._pass("round_to_integral", call, x, rounding=rounding, flags=flags)

    def scaleb(self, x: Storage, n: ArrayLike, *, flags: Flags | None = None) -> Storage:
        return self._pass("scaleb", self.inner.scaleb, x, n, flags=flags)

    def logb(self, x: Storage, *, flags: Flags | None = None) -> Storage:
        return self._pass("logb", self.inner.logb, x, flags=flags)

    def next_up(self, x: Storage, *, flags: Flags | None = None) -> Storage:
        return self._pass("next_up", self.inner.next_up, x, flags=flags)

    def next_down(self, x: Storage, *, flags: Flags | None = None) -> Storage:
        return self._pass("next_down", self.inner.next_down, x, flags=flags)

    def copy_sign(self, x: Storage, y: Storage) -> Storage:
        return self._pass("copy_sign", self.inner.copy_sign, x, y)

    def total_order(self, x: Storage, y: Storage) -> np.ndarray[Any, np.dtype[np.bool_]]:
        return self._pass("total_order", self.inner.total_order, x, y)

    def classify(self, x: Storage) -> np.ndarray[Any, np.dtype[np.int8]]:
        return self._pass("classify", self.inner.classify, x)

    def neg(self, x: Storage) -> Storage:
        return self._pass("neg", self.inner.neg, x)

    def abs(self, x: Storage) -> Storage:
        return self._pass("abs", self.inner.abs, x)

    def minimum(self, x: Storage, y: Storage) -> Storage:
        return self._pass("minimum", self.inner.minimum, x, y)

    def maximum(self, x: Storage, y: Storage) -> Storage:
        return self._pass("maximum", self.inner.maximum, x, y)

    def min_num(self, x: Storage, y: Storage) -> Storage:
        return self._pass("min_num", self.inner.min_num, x, y)

    def max_num(self, x: Storage, y: Storage) -> Storage:
        return self._pass("max_num", self.inner.max_num, x, y)

    def compare(self, x: Storage, y: Storage) -> np.ndarray[Any, np.dtype[np.int8]]:
        return self._pass("compare", self.inner.compare, x, y)

    def eq(self, x: Storage, y: Storage) -> np.ndarray[Any, np.dtype[np.bool_]]:
        return self._pass("eq", self.inner.eq, x, y)

    def lt(self, x: Storage, y: Storage) -> np.ndarray[Any, np.dtype[np.bool_]]:
        return self._pass("lt", self.inner.lt, x, y)

    def le(self, x: Storage, y: Storage) -> np.ndarray[Any, np.dtype[np.bool_]]:
        return self._pass("le", self.inner.le, x, y)
