"""A step of the reference run, whose numbers are needed in several arithmetics."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from numlean.analysis.drift.exact_reference import to_wide
from numlean.analysis.drift.ulp_scale import Floats, floats_of
from numlean.scalar.protocol import Scalar, Storage
from numlean.scalar.wrappers.tracing import TracedOperation


class ReferenceStep:
    """The operations of a step of the reference run.

    Each number is converted once, whatever the number of arithmetics measured against it.

    Attributes:
        scalar: The arithmetic of the reference run.
        trace: The operations in program order.
    """

    def __init__(self, scalar: Scalar, trace: Sequence[TracedOperation]) -> None:
        self.scalar = scalar
        self.trace = trace
        self._results: dict[tuple[str, int], Storage] = {}
        self._floats: dict[int, tuple[Storage, Floats]] = {}

    def result(self, wide: Scalar, number: int) -> Storage:
        """Return the result of an operation in a wide arithmetic."""
        key = wide.name, number
        if key not in self._results:
            self._results[key] = to_wide(wide, self.scalar, np.asarray(self.trace[number].result))
        return self._results[key]

    def floats(self, number: int) -> Floats:
        """Return the result of an operation as binary64."""
        return self._as_floats(np.asarray(self.trace[number].result))

    def operand(self, number: int, k: int) -> Floats:
        """Return an operand of an operation as binary64."""
        return self._as_floats(np.asarray(self.trace[number].operands[k]))

    def _as_floats(self, x: Storage) -> Floats:
        # The dict keeps the array alive, so that no other array gets its address.
        if id(x) not in self._floats:
            plain = np.ascontiguousarray(x).reshape(x.shape)
            self._floats[id(x)] = x, floats_of(self.scalar, plain)
        return self._floats[id(x)][1]
