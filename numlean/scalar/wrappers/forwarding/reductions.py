"""Matrix products, sums and selections along axes, passed to the inner Scalar."""
# ruff: noqa: D102 (Scalar documents the methods)

from __future__ import annotations

from numlean.scalar.protocol import Axis, Contraction, Indices, Order, Storage
from numlean.scalar.wrappers.forwarding.hook import Hooked


class ForwardedReductions(Hooked):
    """See :class:`numlean.scalar.protocol.Scalar`."""

    def matmul(self, a: Storage, b: Storage, *, contraction: Contraction = "separate") -> Storage:
        return self._pass("matmul", self.inner.matmul, a, b, contraction=contraction)

    def bmm(self, a: Storage, b: Storage, *, contraction: Contraction = "separate") -> Storage:
        return self._pass("bmm", self.inner.bmm, a, b, contraction=contraction)

    def sum(
        self, x: Storage, axis: Axis = None, *, keepdims: bool = False, reduction: Order = "ordered"
    ) -> Storage:
        return self._pass(
            "sum", self.inner.sum, x, axis=axis, keepdims=keepdims, reduction=reduction
        )

    def max(self, x: Storage, axis: int = -1, *, keepdims: bool = False) -> Storage:
        return self._pass("max", self.inner.max, x, axis=axis, keepdims=keepdims)

    def argmax(self, x: Storage, axis: int = -1) -> Indices:
        return self._pass("argmax", self.inner.argmax, x, axis=axis)

    def scatter_add(self, x: Storage, index: Indices, shape: tuple[int, ...]) -> Storage:
        return self._pass("scatter_add", self.inner.scatter_add, x, index, shape)
