"""Products of batches of matrices, in a fixed order of summation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import product as combinations
from typing import Any, Final, final

from numlean_kernels.protocol import Loop, Table


@final
@dataclass(frozen=True)
class Product:
    """What a kernel of matrix products multiplies and how it adds.

    Attributes:
        is_fused: Whether a term is added by fma, with one rounding.
        is_a_transposed: Whether the array of the left matrix has its columns as rows.
        is_b_transposed: Whether the array of the right matrix has its columns as rows.
    """

    is_fused: bool
    is_a_transposed: bool = False
    is_b_transposed: bool = False

    @property
    def name(self) -> str:
        """The name of its loop."""
        transposed = self.is_a_transposed * " at" + self.is_b_transposed * " bt"
        return ("matmul_fma" if self.is_fused else "matmul") + transposed


def _make_matmul(table: Table, *, product: Product) -> Callable[..., None]:
    zero, is_fused = table.zero, product.is_fused
    is_a_transposed, is_b_transposed = product.is_a_transposed, product.is_b_transposed
    # numba removes the branch that a constant excludes, so the other routines are not needed.
    fma: Any = table["fma"] if is_fused else None
    add: Any = None if is_fused else table["add"]
    mul: Any = None if is_fused else table["mul"]

    def matmul(
        start: int,
        stop: int,
        row_start: int,
        row_stop: int,
        column_start: int,
        column_stop: int,
        a: Any,
        b: Any,
        c: Any,
    ) -> None:
        for m in range(start, stop):
            for i in range(row_start, row_stop):
                for j in range(column_start, column_stop):
                    c[m, i, j] = zero
                for k in range(a.shape[1] if is_a_transposed else a.shape[2]):
                    a_ik = a[m, k, i] if is_a_transposed else a[m, i, k]
                    for j in range(column_start, column_stop):
                        b_kj = b[m, j, k] if is_b_transposed else b[m, k, j]
                        if is_fused:
                            c[m, i, j] = fma(a_ik, b_kj, c[m, i, j])
                        else:
                            c[m, i, j] = add(c[m, i, j], mul(a_ik, b_kj))

    return matmul


def _loop(product: Product) -> Loop:
    return Loop(product.name, rank=3, make=partial(_make_matmul, product=product))


LOOPS: Final = {
    product: _loop(product)
    for product in (Product(*each) for each in combinations((False, True), repeat=3))
}
"""The loops of all products."""

PRODUCTS: Final = {loop: product for product, loop in LOOPS.items()}
"""What each loop computes."""

MATMUL: Final = LOOPS[Product(is_fused=False)]
"""c[m, i, j]: acc = +0, then acc = acc + round(a[m, i, k] * b[m, k, j]) for ascending k."""

MATMUL_FMA: Final = LOOPS[Product(is_fused=True)]
"""c[m, i, j]: acc = +0, then acc = fma(a[m, i, k], b[m, k, j], acc) for ascending k."""
