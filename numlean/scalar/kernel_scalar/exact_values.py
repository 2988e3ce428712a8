"""Products of matrices whose sums are exact, from exact values on the host: slow and general."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from numlean.errors import UnavailableError
from numlean.scalar.exact import Exact, exact_of, from_float
from numlean.scalar.exact_sum import exact_sum
from numlean.scalar.flags import Flags
from numlean.scalar.kernel_scalar.components import Components, compute_on_host
from numlean.scalar.protocol import Numbers, Storage
from numlean_kernels.flags import FLAGS, INVALID


class _Term(NamedTuple):
    """A factor, a product or an addend.

    Attributes:
        value: The exact value.
        negative: Whether its sign is minus, that of a zero included.
        invalid: Whether it is the product of zero and infinity.
    """

    value: Exact
    negative: bool
    invalid: bool = False


def product_of_values(
    s: Components,
    a: Numbers,
    b: Numbers,
    c: Numbers | None,
    shape: tuple[int, ...],
    flags: Flags | None,
) -> Storage:
    """Return the products of two matrices or two batches of them, and addends, rounded once."""

    def compute() -> Storage:
        elements = (_round(s, terms) for terms in _sums(a, b, c, shape))
        return s.codec.from_elements(elements, shape)

    if flags is not None:
        raised = [_flags(s, terms) for terms in _sums(a, b, c, shape)]
        flags.count([sum(each >> k & 1 for each in raised) for k in range(len(FLAGS))])
    return compute_on_host(s, compute, a.storage, b.storage, *([] if c is None else [c.storage]))


def _sums(
    a: Numbers, b: Numbers, c: Numbers | None, shape: tuple[int, ...]
) -> Iterator[list[_Term]]:
    """Yield the terms of each element of the product, in C order."""
    left, right = _factors(a), _factors(b)
    addends: Any = None if c is None else np.broadcast_to(_factors(c), shape)
    for index in np.ndindex(shape):
        *batch, i, j = index
        pairs = zip(left[(*batch, i)], right[(*batch, slice(None), j)], strict=True)
        products = [_times(x, y) for x, y in pairs]
        yield products if addends is None else [*products, addends[index]]


def _factors(x: Numbers) -> Storage:
    """Return an array of terms."""
    values = [exact_of(value) for value in x.scalar.to_exact(x.storage).flat]
    if x.scalar.format is None:
        signs = [bool(value.sign) for value in values]
    else:
        signs = np.signbit(x.scalar.to_float(x.storage)).ravel().tolist()
    terms = np.empty(len(values), dtype=object)
    for k, (value, negative) in enumerate(zip(values, signs, strict=True)):
        terms[k] = _Term(value, _is_negative(value) if not value.is_zero else negative)
    return terms.reshape(x.storage.shape)


def _is_negative(value: Exact) -> bool:
    return bool(value.sign) or value == from_float(float("-inf"))


def _times(x: _Term, y: _Term) -> _Term:
    from mpmath import libmp

    infinite = any(not each.value.is_finite for each in (x, y))
    zero = x.value.is_zero or y.value.is_zero
    value = Exact(*libmp.mpf_mul(x.value, y.value))
    has_nan = any(_is_nan(each.value) for each in (x, y))
    return _Term(value, x.negative != y.negative, infinite and zero and not has_nan)


def _is_nan(value: Exact) -> bool:
    return value == from_float(float("nan"))


def _special(terms: list[_Term]) -> tuple[float, int] | None:
    """Return the value and the flags of a sum with a NaN or an infinity; None of another."""
    found = [term for term in terms if not term.value.is_finite]
    if not found:
        return None
    signs = {term.negative for term in found}
    if any(_is_nan(term.value) for term in found):
        return float("nan"), INVALID if any(term.invalid for term in terms) else 0
    if len(signs) == 2:
        return float("nan"), INVALID
    return (float("-inf") if True in signs else float("inf")), 0


def _total(s: Components, terms: list[_Term]) -> Exact:
    pairs = (
        ((-1) ** value.sign * int(value.significand), int(value.exponent)) for value, _, _ in terms
    )
    return exact_sum(pairs, s.codec.precision)


def _round(s: Components, terms: list[_Term]) -> Any:
    special = _special(terms)
    if special is not None:
        return s.codec.encode(from_float(special[0]))
    total = _total(s, terms)
    is_plus = s.rounding != "toward_negative" or not any(
        term.negative or not term.value.is_zero for term in terms
    )
    if total.is_zero and not is_plus:
        return s.codec.from_float(np.array([-0.0]))[0]
    return s.codec.encode(total)


def _flags(s: Components, terms: list[_Term]) -> int:
    special = _special(terms)
    total = None if special is not None else _total(s, terms)
    try:
        _, raised = s.codec.encode_flagged(from_float(0.0) if total is None else total)
    except NotImplementedError:
        raise UnavailableError(f"exact_product of {s.name} keeps no flags") from None
    return int(raised) if special is None else special[1]
