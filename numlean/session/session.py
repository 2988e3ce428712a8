"""A session: parameters, and a tape that records every operation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, final

import numpy as np
from numpy.typing import ArrayLike

from numlean.arguments import checked
from numlean.autograd.indices import INDEX
from numlean.autograd.tensor import Tensor
from numlean.errors import MixedScalarError, NumleanError
from numlean.optim import check_rate
from numlean.scalar.contract import reset_stream
from numlean.scalar.entering import entering
from numlean.scalar.identity import name_both
from numlean.scalar.protocol import Scalar
from numlean.session.actions import Apply, Backward, EnterIndex, Input, SgdStep, UseParameter
from numlean.session.engine import tape_engine
from numlean.session.operations import Param, Ref, TapeOperations, TapeToken
from numlean.training import Options, resolve_scalar

T = TypeVar("T")


@checked
@final
class Session(TapeOperations):
    """The lowest level of automatic differentiation: parameters and an explicit tape.

    Parameters live as long as the session, tensors on the tape until it is reset. Operations take
    and return references. The backend ``eager`` executes each operation at once. The backend
    ``compiled`` defers operations until a value or a gradient is read. If the same operations came
    before in the same order and with the same shapes, it replays them without Python between the
    kernels, with the same bits. It reports a wrong shape only then. Where rounding is random, the
    number of the tape takes the place of a run's step.

    Attributes:
        scalar: The arithmetic.
        backend: The engine, "eager" or "compiled".
    """

    def __init__(
        self,
        scalar: Scalar | str,
        backend: str = "eager",
        *,
        cast: Callable[[ArrayLike], Any] | None = None,
    ) -> None:
        """Create a session without parameters and with an empty tape.

        Args:
            scalar: The arithmetic, or a dtype's name.
            backend: The engine, "eager" or "compiled".
            cast: Converts binary64 numbers to the Scalar; by default with one rounding.
        """
        self.scalar = reset_stream(resolve_scalar(scalar, Options()))
        self.backend = backend
        self._cast = cast or entering(self.scalar)
        self._engine = tape_engine(backend, self.scalar)
        self._identity = TapeToken()
        self._shapes: list[tuple[int, ...]] = []
        self._is_trainable: list[bool] = []
        self._tapes = 0
        self._start_tape()

    def __reduce__(self) -> tuple[Any, ...]:
        if self._length:
            raise NumleanError(
                "a session with tensors on its tape cannot be pickled or copied: call reset_tape()"
            )
        cast = None if self._cast == entering(self.scalar) else self._cast
        params = [self._engine.param(number) for number in range(len(self._shapes))]
        parts = (self.scalar, self.backend, cast, self._identity, params)
        return restore_session, (*parts, self._is_trainable, self._tapes)

    def __repr__(self) -> str:
        return (
            f"Session({self.scalar.name} on {self.scalar.device}, {self.backend},"
            f" {len(self._shapes)} parameters, {self._length} tensors on the tape)"
        )

    def _start_tape(self) -> None:
        self.scalar.start_step(self._tapes)
        self._tapes += 1
        self._tape = TapeToken()
        self._length = 0
        self._uses: dict[int, Ref] = {}

    # The tape, and the tensors that enter it.

    def reset_tape(self) -> None:
        """Start a new tape; references to the old one become invalid, parameters stay."""
        self._engine.reset()
        self._start_tape()

    def with_fresh_tape(self, body: Callable[[], T]) -> T:
        """Call a function on a new tape, reset the tape afterwards, and return its result.

        The tape before it is lost.
        """
        self.reset_tape()
        try:
            return body()
        finally:
            self.reset_tape()

    def param(self, values: ArrayLike | Tensor, *, requires_grad: bool = True) -> Param:
        """Return a new parameter with these values."""
        tensor = self._as_tensor(values)
        self._engine.new_param(tensor, is_trainable=requires_grad)
        self._shapes.append(tensor.shape)
        self._is_trainable.append(requires_grad)
        return Param(self._identity, len(self._shapes) - 1, tensor.shape)

    def use(self, param: Param) -> Ref:
        """Return a parameter on the tape, with the value it had at its first use on this tape."""
        number = self._number(param)
        if number not in self._uses:
            self._engine.do(UseParameter(number))
            self._uses[number] = self._new()
        return self._uses[number]

    def input(self, values: ArrayLike | Tensor, *, requires_grad: bool = True) -> Ref:
        """Put numbers on the tape; by default with a gradient."""
        tensor = self._as_tensor(values)
        self._engine.do(Input(tensor.shape, requires_grad), tensor)
        return self._new()

    def const(self, values: ArrayLike | Tensor) -> Ref:
        """Put numbers on the tape, without a gradient."""
        return self.input(values, requires_grad=False)

    def index(self, places: ArrayLike, of: Ref) -> Ref:
        """Put indices along a tensor's first axis on the tape."""
        tensor = Tensor.of(INDEX, places)
        self._engine.do(EnterIndex(tensor.shape, self._slot(of), 0), tensor)
        return self._new()

    def apply(self, function: Callable[..., Tensor], *operands: Ref, **static: Any) -> Ref:
        """Apply a function to tensors on the tape; use it for operations without a method here.

        The function applies primitives and must not depend on the numbers. ``static`` arguments
        must be hashable.
        """
        slots = tuple(self._slot(x) for x in operands)
        self._engine.do(Apply(function, slots, tuple(static.items())))
        return self._new()

    def get_value(self, x: Ref | Param) -> Tensor:
        """Return the value of a tensor on the tape, or the current value of a parameter."""
        if isinstance(x, Param):
            return self._engine.param(self._number(x))
        return self._engine.value(self._slot(x))

    # Gradients.

    def backward_all(self, x: Ref, cotangent: ArrayLike | Tensor) -> None:
        """Sweep backward from a tensor of any shape, given its cotangent."""
        seed = self._as_tensor(cotangent)
        self._engine.do(Backward(self._slot(x), seed.shape), seed)

    def backward_scalar(self, loss: Ref) -> None:
        """Sweep backward from a number."""
        self._engine.do(Backward(self._slot(loss), None))

    def grad(self, x: Ref | Param) -> Tensor:
        """Return the gradient of the last backward sweep by a tensor on the tape or a parameter.

        It is zero where the sweep did not reach.
        """
        if isinstance(x, Ref):
            return self._engine.gradient(self._slot(x))
        used = self._uses.get(self._number(x))
        if used is None:
            return Tensor.of(self.scalar, np.zeros(x.shape))
        return self._engine.gradient(used.slot)

    def sgd_step_all(self, lr: float) -> None:
        """Set p to p - g*lr for every parameter on this tape, g being the last sweep's gradient."""
        self._engine.do(SgdStep(), self._as_tensor(check_rate("lr", lr)))

    # References.

    def _as_tensor(self, values: ArrayLike | Tensor) -> Tensor:
        if not isinstance(values, Tensor):
            return Tensor(self.scalar, self._cast(values))
        if values.scalar != self.scalar:
            raise MixedScalarError(
                "the Scalars of the session and of the tensor differ:"
                f" {name_both(self.scalar, values.scalar)}"
            )
        return values.in_scalar(self.scalar).detach()

    def _new(self) -> Ref:
        self._length += 1
        return Ref(self._tape, self._length - 1)

    def _slot(self, x: Ref) -> int:
        if x.tape is not self._tape:
            raise NumleanError(
                "the reference belongs to a tape that was reset, or to another session"
            )
        return x.slot

    def _number(self, param: Param) -> int:
        if param.session is not self._identity:
            raise NumleanError(f"parameter {param.number} belongs to another session")
        return param.number


def restore_session(
    scalar: Scalar,
    backend: str,
    cast: Callable[[ArrayLike], Any] | None,
    identity: TapeToken,
    params: list[Tensor],
    is_trainable: list[bool],
    tapes: int,
) -> Session:
    """Return the session that ``pickle`` kept: its parameters, and an empty tape."""
    session = Session(scalar, backend, cast=cast)
    session._identity = identity
    for tensor, trains in zip(params, is_trainable, strict=True):
        session.param(tensor.in_scalar(session.scalar), requires_grad=trains)
    session._tapes = tapes - 1
    session.reset_tape()
    return session
