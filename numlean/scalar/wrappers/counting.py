"""A Scalar that counts the exceptions its operations raise."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any, Final, final

from numlean.arguments import checked
from numlean.errors import UnavailableError
from numlean.scalar.elementary import ARITIES
from numlean.scalar.flags import Flags
from numlean.scalar.kernel_scalar import KernelScalar
from numlean.scalar.kernel_scalar.exact_products import tapered_codes
from numlean.scalar.operations import Result, operations
from numlean.scalar.protocol import Scalar
from numlean.scalar.wrappers.composed import COMPOSED
from numlean.scalar.wrappers.stochastic import StochasticScalar
from numlean.scalar.wrappers.wrapper import WrappedScalar
from numlean_kernels.tapered.formats import Posit

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
                f"{inner.name} keeps no flags{_why_no_flags(inner)}; emulated dtypes do, such as"
                " ieee32exec"
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
        if operation == "unit_product":
            raise UnavailableError(
                f"unit_product of {self.name} keeps no flags: a matrix unit reports no exceptions"
            )
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
class CountingWrap:
    """Wraps the Scalars of a run in ones that count flags, as far as they keep any.

    Attributes:
        scalars: The Scalars that count.
        others: The names of those that keep no flags, and stay as they are.
    """

    def __init__(self) -> None:
        self.scalars: list[CountingScalar] = []
        self.others: list[str] = []

    def __call__(self, scalar: Scalar) -> Scalar:
        """Return a Scalar that counts its flags; one that keeps none as it is."""
        if not supports_flags(scalar):
            self.others.append(scalar.name)
            return scalar
        self.scalars.append(CountingScalar(scalar))
        return self.scalars[-1]


@final
class FlagHistory:
    """The flags that Scalars count from now on, by dtype, by operation and by step.

    Attributes:
        by_dtype: The totals by the name of the Scalar and that of the operation.
        by_step: The totals of each step that has ended.
    """

    def __init__(self, *scalars: CountingScalar) -> None:
        self._scalars = scalars
        self.by_dtype: dict[str, dict[str, Flags]] = {}
        self.by_step: list[Flags] = []
        self.discard()

    @property
    def by_operation(self) -> dict[str, Flags]:
        """The totals by the operation's name, of all dtypes."""
        totals: dict[str, Flags] = defaultdict(Flags)
        for counts in self.by_dtype.values():
            for name, flags in counts.items():
                totals[name].add(flags)
        return totals

    def end_step(self) -> None:
        """Add the counts since the last call as one step."""
        total = Flags()
        for scalar in self._scalars:
            own = self.by_dtype.setdefault(scalar.name, {})
            for name, flags in scalar.counts.items():
                total.add(flags)
                own.setdefault(name, Flags()).add(flags)
        self.by_step.append(total)
        self.discard()

    def discard(self) -> None:
        """Discard the counts since the last step: they belong to no step."""
        for scalar in self._scalars:
            scalar.counts.clear()

    def report(self) -> dict[str, Any]:
        """Return the counts as plain data: ``flags`` and ``flags_by_step``."""
        return {
            "flags": _plain(self.by_operation),
            "flags_by_step": [flags.as_dict() for flags in self.by_step],
        }

    def report_by_dtype(self) -> dict[str, Any]:
        """Return the counts by dtype and operation as plain data: ``flags_by_dtype``."""
        return {"flags_by_dtype": {name: _plain(counts) for name, counts in self.by_dtype.items()}}


def _plain(counts: Mapping[str, Flags]) -> dict[str, dict[str, int]]:
    return {name: flags.as_dict() for name, flags in sorted(counts.items())}


def _is_composed(scalar: Scalar, operation: str) -> bool:
    """Return whether a Scalar's operation has the bits of its own elementwise operations.

    A stochastic ``scatter_add`` draws its random bits at once, not round by round.
    """
    if isinstance(scalar, StochasticScalar):
        return operation != "scatter_add"
    return isinstance(scalar, CountingScalar) or type(scalar) is KernelScalar


def _why_no_flags(scalar: Scalar) -> str:
    """Return why a Scalar keeps no flags, as the end of a clause; "" if that is not known."""
    codes = tapered_codes(scalar)
    if codes is None:
        return ""
    return (
        ": the Posit Standard 2022 has none" if isinstance(codes, Posit) else ": takums have none"
    )


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
