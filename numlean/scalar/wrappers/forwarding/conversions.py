"""Conversions into and out of storage, passed to the inner Scalar."""
# ruff: noqa: D102 (Scalar documents the methods)

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from numlean.scalar.flags import Flags
from numlean.scalar.protocol import Scalar, Storage
from numlean.scalar.wrappers.forwarding.hook import Hooked
from numlean_kernels.matrix_units.rule import Unit


class ForwardedConversions(Hooked):
    """See :class:`numlean.scalar.protocol.Scalar`."""

    def from_float(
        self, values: ArrayLike, *, rounding: str | None = None, overflow: str | None = None
    ) -> Storage:
        call = self.inner.from_float
        return self._pass("from_float", call, values, rounding=rounding, overflow=overflow)

    def to_float(self, x: Storage) -> np.ndarray[Any, np.dtype[np.float64]]:
        return self._pass("to_float", self.inner.to_float, x)

    def from_int(self, values: ArrayLike) -> Storage:
        return self._pass("from_int", self.inner.from_int, values)

    def to_int(
        self,
        x: Storage,
        rounding: str = "toward_zero",
        *,
        width: int = 64,
        saturate: bool = False,
        flags: Flags | None = None,
    ) -> np.ndarray[Any, np.dtype[np.signedinteger[Any]]]:
        return self._pass(
            "to_int",
            self.inner.to_int,
            x,
            rounding=rounding,
            width=width,
            saturate=saturate,
            flags=flags,
        )

    def from_bits(self, bits: ArrayLike) -> Storage:
        return self._pass("from_bits", self.inner.from_bits, bits)

    def to_bits(self, x: Storage) -> np.ndarray[Any, np.dtype[np.unsignedinteger[Any]]]:
        return self._pass("to_bits", self.inner.to_bits, x)

    def from_exact(self, values: ArrayLike) -> Storage:
        return self._pass("from_exact", self.inner.from_exact, values)

    def to_exact(self, x: Storage) -> Storage:
        return self._pass("to_exact", self.inner.to_exact, x)

    def cast_from(
        self,
        source: Scalar,
        x: Storage,
        *,
        rounding: str | None = None,
        overflow: str | None = None,
        seed: int | None = None,
        flags: Flags | None = None,
    ) -> Storage:
        return self._pass(
            "cast_from",
            self.inner.cast_from,
            source,
            x,
            rounding=rounding,
            overflow=overflow,
            seed=seed,
            flags=flags,
        )

    def exact_product(
        self,
        left: Scalar,
        a: Storage,
        right: Scalar,
        b: Storage,
        addend: Scalar | None = None,
        c: Storage | None = None,
        *,
        flags: Flags | None = None,
    ) -> Storage:
        call, given = self.inner.exact_product, () if addend is None and c is None else (addend, c)
        return self._pass("exact_product", call, left, a, right, b, *given, flags=flags)

    def unit_product(
        self,
        left: Scalar,
        a: Storage,
        right: Scalar,
        b: Storage,
        addend: Scalar | None = None,
        c: Storage | None = None,
        *,
        unit: Unit,
    ) -> Storage:
        call, given = self.inner.unit_product, () if addend is None and c is None else (addend, c)
        return self._pass("unit_product", call, left, a, right, b, *given, unit=unit)

    def from_string(self, texts: str | list[str]) -> Storage:
        return self._pass("from_string", self.inner.from_string, texts)

    def to_string(self, x: Storage) -> list[str]:
        return self._pass("to_string", self.inner.to_string, x)

    def to_bytes(self, x: Storage) -> bytes:
        return self._pass("to_bytes", self.inner.to_bytes, x)

    def from_host_callback(self, values: Callable[[], ArrayLike]) -> Storage:
        return self._pass("from_host_callback", self.inner.from_host_callback, values)
