"""A Scalar that counts the exceptions its operations raise."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Any, Final, final

from numlean.arguments import checked
from numlean.errors import UnavailableError
from numlean.scalar.elementary import ARITIES
from numlean.scalar.flags import Flags
from numlean.scalar.kernel_scalar import KernelScalar
from numlean.scalar.operations import Result, operations
from numlean.scalar.protocol import Scalar
from numlean.scalar.wrappers.composed import COMPOSED
from numlean.scalar.wrappers.stochastic import StochasticScalar
from numlean.scalar.wrappers.wrapper import WrappedScalar

_COUNTED: Final = operations(flags=True, result=Result.NUMBERS)


@checked
@final
class CountingScalar(WrappedScalar):
    """A Scalar of the same bits that keeps the flags of every basic operation, by its name.

    A matrix product or a sum is computed, and counted, as the products and additions it consists
    of, in the same order, where that gives the inner Scalar's bits. A wrapper may compute it
    otherwise, so a wrapper's own operation is called, and not counted. Elementary functions are
    counted where they support flags. Flags are counted as operations are carried out one by one, so
    it runs eagerly only.

    Attributes:
        inner: The Scalar that computes.
        counts: The flags raised so far, by operation. Scalars that a run makes of this one share
            them.
    """

    def __init__(self, inner: Scalar) -> None:
        if not supports_flags(inner):
            raise UnavailableError(
                f"{inner.name} keeps no flags; emulated dtypes do, such as ieee32exec"
            )
        super().__init__(inner)
        self.counts: dict[str, Flags] = defaultdict(Flags)

    def around(
        self,
        operation: str,
        call: Callable[..., Any],
        operands: tuple[Any, ...],
        options: dict[str, Any],
    ) -> Any:
        """Count the flags of an operation that has them."""
        if operation in COMPOSED and _is_composed(self.inner, operation):
            return COMPOSED[operation](self, *operands, **options)
        if not self._counts(operation):
            return call(*operands, **options)
        raised = Flags()
        try:
            z = call(*operands, **{**options, "flags": raised})
        except UnavailableError:
            if "flags" in options:
                raise
            return call(*operands, **options)  # a wrapper that keeps no flags of the operation
        for flags in (self.counts[operation], options.get("flags")):
            if flags is not None:
                flags.add(raised)
        return z

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CountingScalar) and self.inner == other.inner

    def __hash__(self) -> int:
        return hash((CountingScalar, self.inner))

    def __reduce__(self) -> tuple[Any, ...]:
        return restore_counting, (self.inner, dict(self.counts))

    def __copy__(self) -> CountingScalar:
        copied = CountingScalar(self.inner)
        copied.counts = self.counts
        return copied

    def _counts(self, operation: str) -> bool:
        if operation in ARITIES:
            return supports_flags(self.inner, operation)
        return operation in _COUNTED


def restore_counting(inner: Scalar, counts: dict[str, Flags]) -> CountingScalar:
    """Return the Scalar that ``pickle`` kept with its counts."""
    scalar = CountingScalar(inner)
    scalar.counts.update(counts)
    return scalar


@final
class FlagHistory:
    """The flags that a Scalar counts from now on, by operation and by step.

    Attributes:
        by_operation: The totals by the operation's name.
        by_step: The totals of each step that has ended.
    """

    def __init__(self, scalar: CountingScalar) -> None:
        self._counts = scalar.counts
        self._counts.clear()
        self.by_operation: dict[str, Flags] = defaultdict(Flags)
        self.by_step: list[Flags] = []

    def end_step(self) -> None:
        """Add the counts since the last call as one step."""
        total = Flags()
        for name, flags in self._counts.items():
            total.add(flags)
            self.by_operation[name].add(flags)
        self.by_step.append(total)
        self.discard()

    def discard(self) -> None:
        """Discard the counts since the last step: they belong to no step."""
        self._counts.clear()

    def report(self) -> dict[str, Any]:
        """Return the counts as plain data: ``flags`` and ``flags_by_step``."""
        totals = sorted(self.by_operation.items())
        return {
            "flags": {name: flags.as_dict() for name, flags in totals},
            "flags_by_step": [flags.as_dict() for flags in self.by_step],
        }


def _is_composed(scalar: Scalar, operation: str) -> bool:
    """Return whether a Scalar's operation has the bits of its own elementwise operations.

    A stochastic ``scatter_add`` draws its random bits at once, not round by round.
    """
    if isinstance(scalar, StochasticScalar):
        return operation != "scatter_add"
    return isinstance(scalar, CountingScalar) or type(scalar) is KernelScalar


def supports_flags(scalar: Scalar, name: str = "add") -> bool:
    """Return whether a Scalar has the flags of a basic operation or an elementary function.

    The innermost Scalar is asked, so that no wrapper observes the question.
    """
    while isinstance(scalar, WrappedScalar):
        scalar = scalar.inner
    probe = [scalar.from_float([0.0])] * ARITIES.get(name, 2)
    try:
        getattr(scalar, name)(*probe, flags=Flags())
    except UnavailableError:
        return False
    return True
