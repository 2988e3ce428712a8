"""A Scalar that records its operations: operands, results and locations."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, final

from numlean.scalar.constants import current_formula
from numlean.scalar.operations import Kind, Result, operations
from numlean.scalar.product_scope import Product, current_product
from numlean.scalar.protocol import Numbers, Scalar, Storage
from numlean.scalar.wrappers.wrapper import WrappedScalar
from numlean_kernels.protocol import ProgramStep

INITIAL: Final = "initial values"
DATA: Final = "data"
FORWARD: Final = "forward"
BACKWARD: Final = "backward"
UPDATE: Final = "update"

TRACED: Final = frozenset(operations(result=(Result.NUMBERS, Result.BOOLEANS, Result.INTEGERS)))

_CASTS: Final = operations(kind=Kind.CAST)
_CHOICES: Final = ("rounding", "overflow")


@dataclass(frozen=True)
class Location:
    """The location of an operation within a step.

    Attributes:
        phase: ``initial values``, ``data``, ``forward``, ``backward`` or ``update``.
        layer: The layer, by its indices and its name, or the parameter; "" if there is none.
    """

    phase: str
    layer: str = ""

    def __str__(self) -> str:
        return f"{self.phase}, {self.layer}" if self.layer else self.phase


@dataclass(frozen=True)
class TracedOperation:
    """One operation that was carried out.

    Attributes:
        place: The location within the step.
        operation: The name of the Scalar's method.
        operands: The positional arguments.
        options: The keyword arguments.
        result: The result.
        formula: The formula that the operation belongs to; "" if it is not labelled.
        scalar: The Scalar that carried it out, ``untraced``, as are the Scalars of operands.
        product: The product of matrices that the operation is a part of; None if it is not.
    """

    place: Location
    operation: str
    operands: tuple[Any, ...]
    options: dict[str, Any]
    result: Storage
    formula: str = ""
    scalar: Scalar = field(kw_only=True)
    product: Product | None = field(default=None, kw_only=True)

    @property
    def pairs(self) -> list[Numbers]:
        """The operands of a cast or a product of other Scalars' numbers, each with its Scalar."""
        pairs = zip(self.operands[::2], self.operands[1::2], strict=True)
        return [Numbers(scalar, x) for scalar, x in pairs]

    @property
    def label(self) -> str:
        """The name; of a cast with choices of its own, with these: ``cast_from(toward_zero)``."""
        if self.operation not in _CASTS:
            return self.operation
        chosen = [str(self.options[name]) for name in _CHOICES if name in self.options]
        return f"{self.operation}({', '.join(chosen)})" if chosen else self.operation


class Trace:
    """The operations of a step in program order.

    Attributes:
        operations: The operations so far.
        place: The location of the next operation.
        gradients: The gradients of the trained parameters, as the last backward sweep left them.
    """

    def __init__(self) -> None:
        self.operations: list[TracedOperation] = []
        self.place = Location(DATA)
        self.gradients: list[Numbers] = []

    def start(self) -> None:
        """Clear the trace before a step."""
        self.operations.clear()
        self.place = Location(DATA)

    @contextmanager
    def at(self, place: Location) -> Iterator[None]:
        """Set the location within the block."""
        before, self.place = self.place, place
        try:
            yield
        finally:
            self.place = before


@final
class TracingScalar(WrappedScalar):
    """A Scalar of the same bits that writes its operations into a trace.

    Attributes:
        inner: The Scalar that computes.
        trace: The trace that receives the operations.
    """

    is_replayable = True

    def __init__(self, inner: Scalar, trace: Trace) -> None:
        super().__init__(inner)
        self.trace = trace
        self._untraced = inner

    @property
    def untraced(self) -> Scalar:
        """The Scalar whose operations are traced, without a recorder."""
        return self._untraced

    def compile(
        self, operations: Sequence[ProgramStep], *, results: Sequence[Storage] | None = None
    ) -> Callable[[], None]:
        """Return a program that repeats recorded operations, and writes all their results."""
        return super().compile(operations)

    def around(
        self,
        operation: str,
        call: Callable[..., Any],
        operands: tuple[Any, ...],
        options: dict[str, Any],
    ) -> Any:
        """Carry out an operation and trace it."""
        result = call(*operands, **options)
        if operation in TRACED:
            self.trace.operations.append(
                TracedOperation(
                    self.trace.place,
                    operation,
                    tuple(untraced(x) if isinstance(x, TracingScalar) else x for x in operands),
                    options,
                    result,
                    current_formula(),
                    scalar=self._untraced,
                    product=current_product(),
                )
            )
        return result


def untraced(scalar: Scalar) -> Scalar:
    """Return the Scalar whose operations a tracing one traces; another Scalar as it is."""
    return scalar.untraced if isinstance(scalar, TracingScalar) else scalar
