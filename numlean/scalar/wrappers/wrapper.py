"""A Scalar around another Scalar: the base class of arithmetic that observes or changes one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from numlean.errors import UnavailableError
from numlean.scalar.contract import record, reset_stream
from numlean.scalar.protocol import Scalar, Storage
from numlean.scalar.wrappers.forwarding import (
    ForwardedConversions,
    ForwardedElementaryFunctions,
    ForwardedElementwise,
    ForwardedMovement,
    ForwardedReductions,
)
from numlean_kernels.formats import Format
from numlean_kernels.protocol import ProgramStep


class WrappedScalar(
    ForwardedConversions,
    ForwardedElementwise,
    ForwardedElementaryFunctions,
    ForwardedReductions,
    ForwardedMovement,
):
    """A Scalar that passes every operation to an inner one through the hook ``around``.

    Subclass it and override ``around`` to count, trace or change operations. All methods of the
    protocol exist, so an operation is never carried out without the hook. The copies that a run
    makes (``with_reset_stream``, ``with_recorder``) are wrappers of the same class around the inner
    Scalar's copies::

        class Halving(nl.WrappedScalar):
            def around(self, operation, call, operands, options):
                z = call(*operands, **options)
                return self.inner.scaleb(z, -1) if operation == "matmul" else z

    Wrappers of one class are equal if their public attributes are, the inner Scalar among them.

    Attributes:
        inner: The Scalar that computes.
        is_replayable: Whether repeating the inner Scalar's recorded kernels repeats everything that
            ``around`` does. False by default: such a wrapper runs eagerly only.
    """

    is_replayable: ClassVar[bool] = False

    def with_inner(self, inner: Scalar) -> Self:
        """Return this wrapper around another Scalar. The two share the values of attributes."""
        wrapper = copy(self)
        wrapper.inner = inner
        return wrapper

    def with_reset_stream(self) -> Self:
        """Return this wrapper around the inner Scalar with its random stream reset."""
        return self.with_inner(reset_stream(self.inner))

    def with_recorder(self, operations: list[ProgramStep]) -> Self:
        """Return this wrapper around the inner Scalar with a recorder.

        Raises:
            UnavailableError: The wrapper is not replayable, or the inner Scalar is not.
        """
        if not self.is_replayable:
            raise UnavailableError(
                f"{self.name} in a {type(self).__name__} runs in eager execution only: --backend"
                " eager"
            )
        return self.with_inner(record(self.inner, operations))

    def compile(
        self, operations: Sequence[ProgramStep], *, results: Sequence[Storage] | None = None
    ) -> Callable[[], None]:
        """Return a program that repeats recorded operations, as the inner Scalar does."""
        return self.inner.compile(operations, results=results)

    def start_step(self, step: int) -> None:
        """Start a step in the inner Scalar."""
        self.inner.start_step(step)

    def describe(self) -> str:
        """Return the inner Scalar's description."""
        return self.inner.describe()

    @property
    def name(self) -> str:
        """The inner Scalar's name."""
        return self.inner.name

    @property
    def format(self) -> Format | None:
        """The inner Scalar's format."""
        return self.inner.format

    @property
    def storage_dtype(self) -> np.dtype[Any]:
        """The inner Scalar's storage dtype."""
        return self.inner.storage_dtype

    @property
    def rounding(self) -> str:
        """The inner Scalar's rounding."""
        return self.inner.rounding

    @property
    def is_deterministic(self) -> bool:
        """Whether the inner Scalar draws no random bits."""
        return self.inner.is_deterministic

    @property
    def reference_dtype(self) -> str:
        """The dtype that the inner Scalar's results are compared with."""
        return self.inner.reference_dtype

    @property
    def recorder(self) -> list[ProgramStep] | None:
        """The list in which the inner Scalar's operations are recorded; None if they are not."""
        return self.inner.recorder

    @property
    def device(self) -> str:
        """The inner Scalar's device."""
        return self.inner.device

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other):
            return False
        ours, theirs = _public(self), _public(other)
        return ours.keys() == theirs.keys() and all(
            _are_equal(ours[name], theirs[name]) for name in ours
        )

    def __hash__(self) -> int:
        return hash((type(self), self.inner))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.describe()})"

    def _repr_html_(self) -> str:
        """Return the properties of the numbers as a table for notebooks."""
        # Imported here because it is for notebooks only.
        from numlean.scalar.display import scalar_html

        return scalar_html(self)


def _public(wrapper: object) -> dict[str, Any]:
    return {name: value for name, value in vars(wrapper).items() if not name.startswith("_")}


def _are_equal(a: Any, b: Any) -> bool:
    if a is b:
        return True
    if hasattr(a, "shape") or hasattr(b, "shape"):  # arrays and tensors, compared by elements
        is_same_kind = type(a) is type(b) and a.dtype == b.dtype and a.shape == b.shape
        return is_same_kind and bool(np.all(a == b))
    return bool(a == b)


if TYPE_CHECKING:

    def _implements_the_protocol(wrapper: WrappedScalar) -> Scalar:
        return wrapper
