"""A Scalar that counts the exceptions its operations raise."""

from __future__ import annotations

from collections import defaultdict
from typing import Any, Final, final

import numpy as np

from numlean.errors import UnavailableError
from numlean.flags import Flags
from numlean.scalar import Axis, Contraction, Order, Scalar, Storage
from numlean.shapes import axes_of, kept_shape

_COUNTED: Final = ("add", "sub", "mul", "div", "sqrt", "fma")


@final
class CountingScalar:
    """A Scalar of the same bits that keeps the flags of every basic operation, by its name.

    A matrix product and a sum are carried out, and counted, as the products and additions they are
    made of, in the same order. Elementary functions are not counted.

    Attributes:
        inner: The Scalar that computes.
        counts: The flags raised so far, by operation.
    """

    def __init__(self, inner: Scalar) -> None:
        probe = inner.from_float([0.0])
        try:
            inner.add(probe, probe, flags=Flags())
        except UnavailableError:
            raise UnavailableError(
                f"{inner.name} keeps no flags; emulated dtypes do, such as ieee32exec"
            ) from None
        self.inner = inner
        self.counts: dict[str, Flags] = defaultdict(Flags)

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self.inner, name)
        if name not in _COUNTED:
            return attribute

        def counted(*operands: Storage) -> Any:
            return attribute(*operands, flags=self.counts[name])

        return counted

    def matmul(self, a: Storage, b: Storage, *, contraction: Contraction = "separate") -> Storage:
        """The product of two matrices, term by term."""
        if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[0]:
            return self.inner.matmul(a, b, contraction=contraction)  # which says what is wrong
        z = self.inner.matmul(a[:, :0], b[:0], contraction=contraction)
        for k in range(a.shape[1]):
            column, row = a[:, k : k + 1], b[k : k + 1]
            if contraction == "fma":
                z = self.fma(column, row, z)
            else:
                z = self.add(z, self.mul(column, row))
        return z

    def sum(
        self, x: Storage, axis: Axis = None, *, keepdims: bool = False, reduction: Order = "ordered"
    ) -> Storage:
        """The sums along axes, term by term; a pairwise sum is not counted."""
        if reduction != "ordered":
            return self.inner.sum(x, axis, keepdims=keepdims, reduction=reduction)
        summed = axes_of(axis, x.ndim)
        kept = [k for k in range(x.ndim) if k not in summed]
        terms = x.transpose(*summed, *kept).reshape(-1, *(x.shape[k] for k in kept))
        z = self.inner.sum(terms[:0], 0)
        for term in terms:
            z = self.add(z, np.asarray(term))
        return z.reshape(kept_shape(x.shape, axis)) if keepdims else z


@final
class FlagHistory:
    """The flags that a Scalar counts from now on: by operation, and by step.

    Attributes:
        by_operation: The totals by operation's name.
        by_step: The totals of each step ended so far.
    """

    def __init__(self, scalar: CountingScalar) -> None:
        self._counts = scalar.counts
        self._counts.clear()
        self.by_operation: dict[str, Flags] = defaultdict(Flags)
        self.by_step: list[Flags] = []

    def end_step(self) -> None:
        """Take what was counted since the last step as a step's."""
        total = Flags()
        for name, flags in self._counts.items():
            total.add(flags)
            self.by_operation[name].add(flags)
        self.by_step.append(total)
        self._counts.clear()

    def report(self) -> dict[str, Any]:
        """The counts as plain data: ``flags`` and ``flags_by_step``."""
        totals = sorted(self.by_operation.items())
        return {
            "flags": {name: flags.as_dict() for name, flags in totals},
            "flags_by_step": [flags.as_dict() for flags in self.by_step],
        }
