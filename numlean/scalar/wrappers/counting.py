"""A Scalar that counts the exceptions its operations raise."""

from __future__ import annotations

from collections import defaultdict
from typing import Any, Final, final

from numlean.errors import UnavailableError
from numlean.scalar.elementary import ARITIES
from numlean.scalar.flags import Flags
from numlean.scalar.operations import Result, operations
from numlean.scalar.protocol import Axis, Contraction, Indices, Order, Scalar, Storage
from numlean.scalar.wrappers import composed
from numlean_kernels.protocol import ProgramStep

_COUNTED: Final = operations(flags=True, result=Result.NUMBERS)


@final
class CountingScalar:
    """A Scalar of the same bits that keeps the flags of every basic operation, by its name.

    A matrix product and a sum are carried out, and counted, as the products and additions they are
    made of, in the same order; elementary functions where they keep flags.

    Attributes:
        inner: The Scalar that computes.
        counts: The flags raised so far, by operation.
    """

    def __init__(self, inner: Scalar) -> None:
        if not supports_flags(inner):
            raise UnavailableError(
                f"{inner.name} keeps no flags; emulated dtypes do, such as ieee32exec"
            )
        self.inner = inner
        self.counts: dict[str, Flags] = defaultdict(Flags)

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self.inner, name)
        if name not in _COUNTED or (name in ARITIES and not supports_flags(self.inner, name)):
            return attribute

        def counted(*operands: Any, **options: Any) -> Any:
            return attribute(*operands, **options, flags=self.counts[name])

        return counted

    def with_reset_stream(self) -> CountingScalar:
        """The same Scalar anew, counting on where this one counts."""
        with_reset_stream = CountingScalar(self.inner.with_reset_stream())
        with_reset_stream.counts = self.counts
        return with_reset_stream

    def with_recorder(self, operations: list[ProgramStep]) -> Scalar:
        """Not to be had.

        Raises:
            UnavailableError: Flags are counted as operations are carried out one by one.
        """
        raise UnavailableError("flags are counted in eager execution only: --backend eager")

    def matmul(self, a: Storage, b: Storage, *, contraction: Contraction = "separate") -> Storage:
        """The product of two matrices, term by term."""
        return composed.matmul(self, a, b, contraction)

    def bmm(self, a: Storage, b: Storage, *, contraction: Contraction = "separate") -> Storage:
        """The products of matrices in batches, term by term."""
        return composed.bmm(self, a, b, contraction)

    def sum(
        self, x: Storage, axis: Axis = None, *, keepdims: bool = False, reduction: Order = "ordered"
    ) -> Storage:
        """The sums along axes, term by term."""
        return composed.sum_axes(self, x, axis, keepdims, reduction)

    def scatter_add(self, x: Storage, index: Indices, shape: tuple[int, ...]) -> Storage:
        """An array into whose cells elements are added, term by term."""
        return composed.scatter_add(self, x, index, shape)


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
        self.discard()

    def discard(self) -> None:
        """Forget what was counted since the last step: it belongs to none."""
        self._counts.clear()

    def report(self) -> dict[str, Any]:
        """The counts as plain data: ``flags`` and ``flags_by_step``."""
        totals = sorted(self.by_operation.items())
        return {
            "flags": {name: flags.as_dict() for name, flags in totals},
            "flags_by_step": [flags.as_dict() for flags in self.by_step],
        }


def supports_flags(scalar: Scalar, name: str = "add") -> bool:
    """Whether a Scalar tells the flags of a basic operation, or of an elementary function."""
    probe = [scalar.from_float([0.0])] * ARITIES.get(name, 2)
    try:
        getattr(scalar, name)(*probe, flags=Flags())
    except UnavailableError:
        return False
    return True
