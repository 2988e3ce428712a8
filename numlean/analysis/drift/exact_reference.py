"""The results of operations without rounding, from the same operands."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np

from numlean.analysis.drift.ulp_scale import Floats, UlpScale, floats_of
from numlean.errors import UnavailableError
from numlean.scalar.dtype import Dtype
from numlean.scalar.operations import OPERATIONS, operations
from numlean.scalar.protocol import Scalar, Storage
from numlean.scalar.registry import get_scalar
from numlean.scalar.wrappers.tracing import TracedOperation
from numlean_kernels.formats import BINARY64, Format

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


class ExactReference:
    """An arithmetic wide enough to compute the expected results of another one.

    For a format of at most 24 bits and no more exponents than binary32 it is binary64, which is
    fast; its rounding errors are at most 2**-29 of the format's. For others it is mp with more than
    twice their precision.

    Attributes:
        own: The arithmetic that is measured.
        wide: The wide arithmetic.
    """

    def __init__(self, own: Scalar) -> None:
        self.own = own
        self.wide = get_scalar(_wide_dtype(own).text)

    def to_wide(self, scalar: Scalar, x: Storage) -> Storage:
        """Convert numbers of a Scalar to the wide one: exactly, or rounded once."""
        return to_wide(self.wide, scalar, x)

    def exact(self, op: TracedOperation) -> Storage | None:
        """Return the expected result in the wide arithmetic; None if unknown."""
        name = op.operation
        if name == "from_host_callback":
            return None
        operands = list(op.operands)
        for k, x in numbers_of(op):
            operands[k] = self.to_wide(self.own, x)
        try:
            result: Storage = getattr(self.wide, name)(*operands, **op.options)
        except UnavailableError:
            return None
        return result

    def differences(self, x: Storage, y: Storage) -> Floats:
        """Return x - y for numbers of the wide arithmetic."""
        return floats_of(self.wide, self.wide.sub(x, y))

    def floats(self, x: Storage) -> Floats:
        """Return numbers of the wide arithmetic as binary64."""
        return floats_of(self.wide, x)


def numbers_of(op: TracedOperation) -> Iterator[tuple[int, Storage]]:
    """Yield the operands that are numbers of the Scalar, with their positions."""
    others = OPERATIONS[op.operation].others
    for k, x in enumerate(op.operands):
        if k not in others and isinstance(x, np.ndarray):
            yield k, x


def to_wide(wide: Scalar, scalar: Scalar, x: Storage) -> Storage:
    """Convert numbers of a Scalar to a wider one."""
    if scalar == wide:
        return x
    x = np.ascontiguousarray(x).reshape(x.shape)
    if _embeds(scalar.format) or wide.format is not None:
        return wide.from_float(floats_of(scalar, x))
    return wide.from_exact(scalar.to_exact(x))


def _embeds(format: Format | None) -> bool:
    """Return whether every number of a format is a binary64 number."""
    return (
        format is not None
        and format.precision <= BINARY64.precision
        and format.emin - format.precision >= BINARY64.emin - BINARY64.precision
        and format.emax <= BINARY64.emax
    )


def _wide_dtype(scalar: Scalar) -> Dtype:
    format, (precision, exponent_bits) = scalar.format, _NARROW
    if (
        format is not None
        and format.precision <= precision
        and format.exponent_bits <= exponent_bits
    ):
        return _FAST
    return Dtype.mp(max(_LEAST_BITS, 2 * UlpScale.of(scalar).precision + _GUARD_BITS))
