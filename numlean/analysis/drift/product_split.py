"""The error of a layer's product in three parts: of its operands, its sums and its result.

All parts are computed in exact arithmetic, and add up to the whole exactly.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias, final

import numpy as np

from numlean.analysis.drift.exact_array import Booleans, ExactArray, finite
from numlean.scalar.product_scope import Multiplied
from numlean.scalar.protocol import Numbers

Operands: TypeAlias = tuple[Multiplied, ...]
"""Two matrices, or batches of matrices, and what is added to their product, if anything is."""


@final
@dataclass(frozen=True)
class ComputedProduct:
    """A product with all numbers from which its error follows.

    Attributes:
        source: The operands before they are rounded or scaled.
        quantised: The operands that are multiplied and added.
        sums: The sums before they are rounded to the result; None if they are exact.
        result: The result.
    """

    source: Operands
    quantised: Operands
    sums: Numbers | None
    result: Numbers


@final
@dataclass(frozen=True)
class ProductSplit:
    """The errors of elements, exactly: ``total = quantisation + accumulation + output``.

    Only elements for which all numbers are finite have errors. Each of the others whose source is
    finite has one infinite error, in the first part that is not finite.

    Attributes:
        exact: The exact product of the source.
        total: The result minus ``exact``.
        quantisation: The exact product of the quantised operands minus ``exact``.
        accumulation: The sums as computed minus the exact product of the quantised operands.
        output: The result minus the sums.
        measured: The elements for which all numbers are finite.
        infinite: By part, the elements that it makes infinite or a NaN.
    """

    exact: ExactArray
    total: ExactArray
    quantisation: ExactArray
    accumulation: ExactArray
    output: ExactArray
    measured: Booleans
    infinite: dict[str, Booleans]


PARTS: Final = ("quantisation", "accumulation", "output")
"""The parts of a product's error."""


def split_product(product: ComputedProduct) -> ProductSplit:
    """Return the errors of a product, and their parts."""
    exact = _product(product.source)
    quantised = exact if _are_same(product) else _product(product.quantised)
    result = ExactArray.of(*product.result)
    sums = quantised if product.sums is None else ExactArray.of(*product.sums)
    starts = [_finite(product.source), _finite(product.quantised)]
    starts.append(starts[-1] if product.sums is None else finite(*product.sums))
    starts.append(finite(*product.result))
    infinite, still = {}, starts[0]
    for part, kept in zip(PARTS, starts[1:], strict=True):
        infinite[part] = still & ~kept
        still = still & kept
    return ProductSplit(
        exact=exact,
        total=result - exact,
        quantisation=quantised - exact,
        accumulation=sums - quantised,
        output=result - sums,
        measured=still,
        infinite=infinite,
    )


def _are_same(product: ComputedProduct) -> bool:
    """Return whether no operand is another array than its source."""
    pairs = zip(product.source, product.quantised, strict=True)
    return all(q.factors is None and q.codes.storage is s.codes.storage for s, q in pairs)


def _product(operands: Operands) -> ExactArray:
    a, b, *addend = map(_exact, operands)
    z = a @ b
    return z + addend[0] if addend else z


def _exact(operand: Multiplied) -> ExactArray:
    """Return the exact numbers that an operand stands for."""
    codes = ExactArray.of(*operand.codes)
    return codes if operand.factors is None else codes * ExactArray.of(*operand.factors)


def _finite(operands: Operands) -> Booleans:
    """Return which elements of a product have only finite operands."""
    a, b, *addend = map(_are_finite, operands)
    rows, columns = a.all(axis=-1, keepdims=True), b.all(axis=-2, keepdims=True)
    found: Booleans = np.asarray(rows) & np.asarray(columns)
    return found & addend[0] if addend else found


def _are_finite(operand: Multiplied) -> Booleans:
    own = finite(*operand.codes)
    if operand.factors is None:
        return own
    found: Booleans = own & finite(*operand.factors)
    return found
