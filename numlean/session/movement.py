"""Operations that move numbers."""

from __future__ import annotations

from collections.abc import Sequence

from numpy.typing import ArrayLike

from numlean.autograd import operations as ops
from numlean.session import formulas
from numlean.session.applies import TapeOperations
from numlean.session.references import Ref


class Movement(TapeOperations):
    """Shapes, parts and places."""

    def broadcast_to(self, x: Ref, shape: tuple[int, ...]) -> Ref:
        """X repeated along new and unit axes."""
        return self.apply(ops.broadcast_to, x, shape=tuple(shape))

    def reshape(self, x: Ref, shape: tuple[int, ...]) -> Ref:
        """The same elements in C order, in another shape; one extent may be -1."""
        return self.apply(ops.reshape, x, shape=tuple(shape))

    def flatten(self, x: Ref) -> Ref:
        """A vector of the elements in C order."""
        return self.apply(formulas.flatten, x)

    def transpose(self, x: Ref, axes: tuple[int, ...] | None = None) -> Ref:
        """X with its axes in another order, by default in reverse."""
        return self.apply(formulas.permuted, x, axes=axes)

    def transpose_2d(self, x: Ref) -> Ref:
        """(b, a) of (a, b)."""
        return self.transpose(x, (1, 0))

    def transpose_3d_first_to_last(self, x: Ref) -> Ref:
        """(b, c, a) of (a, b, c)."""
        return self.transpose(x, (1, 2, 0))

    def transpose_3d_last_to_first(self, x: Ref) -> Ref:
        """(c, a, b) of (a, b, c)."""
        return self.transpose(x, (2, 0, 1))

    def transpose_3d_last_two(self, x: Ref) -> Ref:
        """(a, c, b) of (a, b, c)."""
        return self.transpose(x, (0, 2, 1))

    def swap_adjacent(self, x: Ref, axis: int) -> Ref:
        """X with an axis and the one after it exchanged."""
        return self.apply(formulas.swapaxes, x, axis=axis)

    def concat(self, xs: Sequence[Ref], axis: int = 0) -> Ref:
        """Tensors one after the other along an axis."""
        return self.apply(formulas.concat, *xs, axis=axis)

    def slice(self, x: Ref, start: int, stop: int, axis: int = 0) -> Ref:
        """From ``start`` up to ``stop`` along an axis."""
        return self.apply(formulas.slice_, x, start=start, stop=stop, axis=axis)

    def gather_scalar(self, x: Ref, index: int) -> Ref:
        """The element of a vector at a place."""
        return self.apply(formulas.gather, x, self.index(index, x), axes=1)

    def gather_vec(self, x: Ref, indices: ArrayLike) -> Ref:
        """The elements of a vector at places."""
        return self.apply(formulas.gather, x, self.index(indices, x), axes=1)

    def gather_row(self, x: Ref, index: int) -> Ref:
        """A row of a matrix."""
        return self.apply(formulas.gather, x, self.index(index, x), axes=2)

    def gather_rows(self, x: Ref, indices: ArrayLike) -> Ref:
        """Rows of a matrix."""
        return self.apply(formulas.gather, x, self.index(indices, x), axes=2)

    def scatter_add_vec(self, x: Ref, indices: ArrayLike, values: Ref) -> Ref:
        """A vector plus values at places; those of one place are added first, in order, from +0."""
        return self.apply(formulas.scattered, x, self.index(indices, x), values, axes=1)

    def scatter_add_row(self, x: Ref, indices: ArrayLike, rows: Ref) -> Ref:
        """A matrix plus rows at places; those of one place are added first, in order, from +0."""
        return self.apply(formulas.scattered, x, self.index(indices, x), rows, axes=2)
