"""A matrix unit: its rule, where it is from, and products by it."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from math import prod
from typing import TypeAlias, final

import numpy as np
from numpy.typing import ArrayLike

from numlean.arguments import checked
from numlean.errors import NumleanError, ShapeError
from numlean.precision.matrix_units.description import describe
from numlean.precision.matrix_units.steps import Step, unit_steps
from numlean.scalar.checks import encodings
from numlean.scalar.protocol import Storage
from numlean.scalar.registry import get_scalar
from numlean_kernels.formats import Format
from numlean_kernels.matrix_units.rule import Chain, Unit
from numlean_kernels.tables.matrix_units import product_of_encodings

Pair: TypeAlias = tuple[ArrayLike, ArrayLike]
"""The scales of the left and of the right operands."""


@checked
@final
@dataclass(frozen=True)
class MatrixUnit:
    """A unit that multiplies matrices by the rules of a chip; ``get_matrix_unit`` makes it.

    Attributes:
        name: The name, which makes it again.
        operands: The name of the operands' format, such as ``fp16``; those of ``tf32``, ``xf32``
            and ``fp32`` are encodings of binary32.
        output: The name of the format of the accumulator and of results.
        evidence: ``checked`` or ``unverified``, then why.
        unit: All that determines the bits.
    """

    name: str
    operands: str
    output: str
    evidence: str
    unit: Unit

    @property
    def is_checked(self) -> bool:
        """Whether recorded outputs of a chip confirm the rule."""
        return self.evidence.startswith("checked")

    def dot(
        self,
        a: ArrayLike,
        b: ArrayLike,
        c: ArrayLike,
        *,
        scales: Pair | None = None,
        device: str = "cpu",
    ) -> Storage:
        """Return c + the products of a and b, added over the last axis as the unit does.

        Args:
            a: Encodings of the operands, integers of shape (..., k).
            b: The same; the shapes broadcast.
            c: Encodings of the output, of shape (...).
            scales: Encodings of the scales of a and of b, if the unit has scales: for each block of
                k one, so that their last axis has the length ceil(k / size).
            device: The device that computes: ``cpu``, ``cuda`` or ``python``.

        Raises:
            StorageError: An array has other elements than encodings.
            ShapeError: The shapes do not match.
            NumleanError: There is no such device, scales are missing, or the unit takes none.
        """
        left, right = self._operands("a", a), self._operands("b", b)
        addend = _encodings("c", c, self.unit.output)
        for name, x in (("a", left), ("b", right)):
            if x.ndim == 0:
                raise ShapeError(f"dot takes {name} of shape (..., k), got one number")
        if left.shape[-1] != right.shape[-1]:
            raise ShapeError(
                f"dot takes a and b with as many products each, got {left.shape} and {right.shape}"
            )
        try:
            shape = np.broadcast_shapes(left.shape[:-1], right.shape[:-1], addend.shape)
        except ValueError:
            raise ShapeError(
                f"dot takes a and b of shape (..., k) and c of shape (...), got {left.shape},"
                f" {right.shape} and {addend.shape}"
            ) from None
        k = left.shape[-1]
        n = self._blocks(k, scales)
        of_sides = self._scales(scales, (*left.shape[:-1], n), (*right.shape[:-1], n))
        left, right = (
            _batch(left[..., np.newaxis, :], shape, 1, k),
            _batch(right[..., np.newaxis], shape, k, 1),
        )
        c = _batch(addend[..., np.newaxis, np.newaxis], shape, 1, 1)
        batches = None
        if of_sides is not None:
            batches = (
                _batch(of_sides[0][..., np.newaxis, :], shape, 1, n),
                _batch(of_sides[1][..., np.newaxis], shape, n, 1),
            )
        return self._product(device, left, right, c, batches).reshape(shape)

    def matmul(
        self,
        a: ArrayLike,
        b: ArrayLike,
        c: ArrayLike | None = None,
        *,
        scales: Pair | None = None,
        device: str = "cpu",
    ) -> Storage:
        """Return c + a @ b, where each element is a chain of instructions in ascending k.

        Args:
            a: Encodings of the left operands, integers of shape (..., n, k).
            b: Encodings of the right operands, of shape (..., k, m); leading axes broadcast.
            c: Encodings of the output, which broadcast to (..., n, m); None for +0.
            scales: Encodings of the scales of a, of shape (..., n, ceil(k / size)), and of b, of
                shape (..., ceil(k / size), m), if the unit has scales.
            device: The device that computes: ``cpu``, ``cuda`` or ``python``.

        Raises:
            StorageError: An array has other elements than encodings.
            ShapeError: The shapes do not match.
            NumleanError: There is no such device, scales are missing, or the unit takes none.
        """
        left, right = self._operands("a", a), self._operands("b", b)
        addend = _encodings("c", 0 if c is None else c, self.unit.output)
        if left.ndim < 2 or right.ndim < 2 or left.shape[-1] != right.shape[-2]:
            raise ShapeError(
                "matmul takes a of shape (..., n, k) and b of shape (..., k, m), got"
                f" {left.shape} and {right.shape}"
            )
        (n, k), m = left.shape[-2:], right.shape[-1]
        try:
            batch = np.broadcast_shapes(left.shape[:-2], right.shape[:-2])
            np.broadcast_to(addend, (*batch, n, m))
        except ValueError:
            raise ShapeError(
                "matmul takes leading axes that broadcast and c that broadcasts to the products,"
                f" got {left.shape}, {right.shape} and {addend.shape}"
            ) from None
        blocks = self._blocks(k, scales)
        of_sides = self._scales(scales, (*left.shape[:-1], blocks), (*right.shape[:-2], blocks, m))
        left, addend = _batch(left, batch, n, k), _batch(addend, batch, n, m)
        right = _batch(right, batch, k, m)
        batches = None
        if of_sides is not None:
            batches = _batch(of_sides[0], batch, n, blocks), _batch(of_sides[1], batch, blocks, m)
        return self._product(device, left, right, addend, batches).reshape(*batch, n, m)

    def steps(self, a: ArrayLike, b: ArrayLike, c: ArrayLike) -> tuple[Step, ...]:
        """Return every sum of one dot product: exponents, aligned terms, and what is cut off.

        Args:
            a: Encodings of the left operands, of shape (k,).
            b: Encodings of the right operands, likewise.
            c: An encoding of the output.

        Raises:
            NumleanError: An array has other elements than encodings, or the unit splits k or has
                scales.
            ShapeError: The shapes do not match.
        """
        left, right = self._operands("a", a), self._operands("b", b)
        addend = _encodings("c", c, self.unit.output)
        if left.ndim != 1 or left.shape != right.shape or addend.ndim:
            raise ShapeError(
                "steps takes a and b of shape (k,) and one c, got"
                f" {left.shape}, {right.shape} and {addend.shape}"
            )
        if self.unit.scales is not None:
            raise NumleanError(f"steps does not follow scales, but {self.name} has them; use dot")
        if self.unit.chain != Chain():
            raise NumleanError(f"steps follows one chain of instructions, but {self.name} splits k")
        return unit_steps(self.unit, left.tolist(), right.tolist(), int(addend))

    def _repr_html_(self) -> str:
        """Return the description for notebooks."""
        return f"<pre>{escape(self.describe())}</pre>"

    def describe(self) -> str:
        """Return the rule, the evidence and all that is open, as lines of text."""
        return describe(self.name, self.evidence, self.unit)

    def _product(
        self,
        device: str,
        a: Storage,
        b: Storage,
        c: Storage,
        scales: tuple[Storage, Storage] | None,
    ) -> Storage:
        get_scalar("ieee32exec", device)  # raises the errors of devices that cannot be used
        return product_of_encodings(device, self.unit, a, b, c, scales)

    def _blocks(self, k: int, scales: Pair | None) -> int:
        """Return the number of blocks with a scale; 0 if the unit has no scales.

        Raises:
            NumleanError: Scales are missing, or the unit takes none.
        """
        own = self.unit.scales
        if own is None:
            if scales is not None:
                raise NumleanError(f"{self.name} has no scales; leave out scales")
            return 0
        if scales is None:
            raise NumleanError(
                f"{self.name} multiplies with scales; give scales=(of a, of b), encodings of"
                f" {own.format.name} for each {own.size} k"
            )
        return -(-k // own.size)

    def _scales(
        self, scales: Pair | None, left: tuple[int, ...], right: tuple[int, ...]
    ) -> tuple[Storage, Storage] | None:
        """Return the encodings of scales in these shapes; None if there are none.

        Raises:
            StorageError: Elements are not encodings.
            ShapeError: The shapes are others.
        """
        own = self.unit.scales
        if own is None or scales is None:
            return None
        first, second = (
            _encodings(f"scales of {name}", x, own.format)
            for name, x in zip("ab", scales, strict=True)
        )
        if (first.shape, second.shape) != (left, right):
            raise ShapeError(
                f"{self.name} takes a scale for each {own.size} k, of shapes {left} and {right},"
                f" got {first.shape} and {second.shape}"
            )
        return first, second

    def _operands(self, name: str, x: ArrayLike) -> Storage:
        format = (self.unit.left if name == "a" else self.unit.right).format
        return _encodings(name, x, format)


def _batch(x: Storage, batch: tuple[int, ...], n: int, m: int) -> Storage:
    """Return matrices (n, m) with leading axes that broadcast, as one batch."""
    return np.ascontiguousarray(np.broadcast_to(x, (*batch, n, m)).reshape(prod(batch), n, m))


def _encodings(name: str, x: ArrayLike, format: Format) -> Storage:
    """Return an array as encodings of a format.

    Raises:
        StorageError: Its elements are not encodings.
    """
    return encodings(x, format.width, format.storage_dtype, format.name, taker=name)
