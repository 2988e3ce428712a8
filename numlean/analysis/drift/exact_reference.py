"""The results of operations without rounding, from the same operands."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np

from numlean.analysis.drift.exact_array import embeds_in_binary64
from numlean.analysis.drift.ulp_scale import Floats, UlpScale, floats_of
from numlean.errors import UnavailableError
from numlean.scalar.dtype import Dtype
from numlean.scalar.operations import OPERATIONS, Kind, operations
from numlean.scalar.protocol import Scalar, Storage
from numlean.scalar.registry import get_scalar
from numlean.scalar.wrappers.tracing import TracedOperation
from numlean_kernels.formats import Format

_FAST: Final = Dtype.parse("float64")
"""The dtype of references to narrow formats."""
_NARROW: Final = (24, 8)
"""Up to this precision and these exponent bits, binary64 is as good as exact."""
_LEAST_BITS: Final = 200
_GUARD_BITS: Final = 64

MEASURABLE: Final = frozenset(
    (*operations(computes=True), "from_float", "from_int", "where", "from_host_callback")
)
"""Operations whose results have errors."""

CASTS: Final = frozenset(operations(kind=Kind.CAST))
"""Operations whose operands are pairs: another Scalar, and numbers of it."""


class ExactReference:
    """An arithmetic wide enough to compute the expected results of others.

    For formats of at most 24 bits and no more exponents than binary32 it is binary64, which is
    fast; its rounding errors are at most 2**-29 of the format's. For others it is mp with more than
    twice their precision.

    Attributes:
        wide: The wide arithmetic.
    """

    def __init__(self, *scalars: Scalar) -> None:
        self.wide = get_scalar(_wide_dtype(scalars).text)

    def to_wide(self, scalar: Scalar, x: Storage) -> Storage:
        """Convert numbers of a Scalar to the wide one: exactly, or rounded once."""
        return to_wide(self.wide, scalar, x)

    def exact(self, op: TracedOperation) -> Storage | None:
        """Return the expected result in the wide arithmetic; None if unknown."""
        name = op.operation
        if name == "from_host_callback":
            return None
        operands = list(op.operands)
        for k, scalar, x in numbers_of(op):
            operands[k] = self.to_wide(scalar, x)
        try:
            if name in CASTS:
                return self._exact_cast(*(operands[k] for k, _, _ in numbers_of(op)))
            # A conversion's own rounding is an error of the run, not of the expected result.
            options = {} if name == "from_float" else op.options
            result: Storage = getattr(self.wide, name)(*operands, **options)
        except UnavailableError:
            return None
        return result

    def _exact_cast(self, x: Storage, *others: Storage) -> Storage:
        """Return x; of several operands, the product of two, plus the third if there is one."""
        if not others:
            return x
        multiply = self.wide.matmul if x.ndim == 2 else self.wide.bmm
        product = multiply(x, others[0])
        return self.wide.add(product, others[1]) if len(others) > 1 else product

    def differences(self, x: Storage, y: Storage) -> Floats:
        """Return x - y for numbers of the wide arithmetic."""
        return floats_of(self.wide, self.wide.sub(x, y))

    def floats(self, x: Storage) -> Floats:
        """Return numbers of the wide arithmetic as binary64."""
        return floats_of(self.wide, x)


def numbers_of(op: TracedOperation) -> Iterator[tuple[int, Scalar, Storage]]:
    """Yield the operands that are numbers of a Scalar, with their positions and that Scalar."""
    if op.operation in CASTS:
        for k in range(1, len(op.operands), 2):
            if isinstance(op.operands[k], np.ndarray):
                yield k, op.operands[k - 1], op.operands[k]
        return
    others = OPERATIONS[op.operation].others
    for k, x in enumerate(op.operands):
        if k not in others and isinstance(x, np.ndarray):
            yield k, op.scalar, x


def to_wide(wide: Scalar, scalar: Scalar, x: Storage) -> Storage:
    """Convert numbers of a Scalar to a wider one."""
    if scalar == wide:
        return x
    x = np.ascontiguousarray(x).reshape(x.shape)
    if embeds_in_binary64(scalar.format) or wide.format is not None:
        return wide.from_float(floats_of(scalar, x))
    return wide.from_exact(scalar.to_exact(x))


def _wide_dtype(scalars: Sequence[Scalar]) -> Dtype:
    wanted = [UlpScale.of(scalar).precision for scalar in scalars if not _is_narrow(scalar.format)]
    if not wanted:
        return _FAST
    return Dtype.mp(max(_LEAST_BITS, 2 * max(wanted) + _GUARD_BITS))


def _is_narrow(format: Format | None) -> bool:
    precision, exponent_bits = _NARROW
    return (
        format is not None
        and format.precision <= precision
        and format.exponent_bits <= exponent_bits
    )
