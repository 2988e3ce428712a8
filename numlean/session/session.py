"""A session: parameters, and a tape on which every operation is written down."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, final

import numpy as np
from numpy.typing import ArrayLike

from numlean.autograd.indices import INDEX
from numlean.autograd.tensor import Tensor
from numlean.errors import MixedScalarError, NumleanError
from numlean.optim import check_rate
from numlean.scalar.identity import name_both
from numlean.scalar.protocol import Scalar
from numlean.session.actions import Apply, Backward, EnterIndex, Input, SgdStep, UseParameter
from numlean.session.arithmetic import Arithmetic
from numlean.session.engine import tape_engine
from numlean.session.movement import Movement
from numlean.session.networks import Networks
from numlean.session.references import Param, Ref, TapeToken
from numlean.training import Options, resolve_scalar

T = TypeVar("T")


@final
class Session(Arithmetic, Movement, Networks):
    """The lowest way to compute with gradients: parameters and an explicit tape.

    Parameters live as long as the session; tensors on the tape until it is reset. Operations take
    and give references. On the backend ``eager`` each is carried out at once. On ``compiled`` they
    are put off until a value or a gradient is asked for; what came in the same order before, with
    the same shapes, is then replayed without Python between the kernels, with the same bits. Wrong
    shapes are noticed then. Where rounding is random, the tape's number stands for a run's step.

    Attributes:
        scalar: In which arithmetic.
        backend: How operations are carried out.
    """

    def __init__(
        self,
        scalar: Scalar | str,
        backend: str = "eager",
        *,
        cast: Callable[[ArrayLike], Any] | None = None,
    ) -> None:
        """A session without parameters, its tape empty.

        Args:
            scalar: The arithmetic, or a dtype's name.
            backend: "eager" or "compiled".
            cast: How binary64 numbers enter the Scalar; by default with one rounding.
        """
        self.scalar = resolve_scalar(scalar, Options()).with_reset_stream()
        self.backend = backend
        self._cast = cast or self.scalar.from_float
        self._engine = tape_engine(backend, self.scalar)
        self._identity = TapeToken()
        self._shapes: list[tuple[int, ...]] = []
        self._tapes = 0
        self._begin()

    def _begin(self) -> None:
        self.scalar.start_step(self._tapes)
        self._tapes += 1
        self._tape = TapeToken()
        self._length = 0
        self._uses: dict[int, Ref] = {}

    # The tape and what comes onto it.

    def reset_tape(self) -> None:
        """Begin a new tape; references to the old one are void, parameters stay."""
        self._engine.reset()
        self._begin()

    def with_fresh_tape(self, body: Callable[[], T]) -> T:
        """What a function returns that works on a tape of its own, which is given up afterwards.

        The tape there was is given up before.
        """
        self.reset_tape()
        try:
            return body()
        finally:
            self.reset_tape()

    def param(self, values: ArrayLike | Tensor, *, requires_grad: bool = True) -> Param:
        """A new parameter."""
        tensor = self._entered(values)
        self._engine.new_param(tensor, is_trainable=requires_grad)
        self._shapes.append(tensor.shape)
        return Param(self._identity, len(self._shapes) - 1, tensor.shape)

    def use(self, param: Param) -> Ref:
        """A parameter on the tape, as it was when it was first used there."""
        number = self._number(param)
        if number not in self._uses:
            self._engine.do(UseParameter(number))
            self._uses[number] = self._new()
        return self._uses[number]

    def input(self, values: ArrayLike | Tensor, *, requires_grad: bool = True) -> Ref:
        """Numbers on the tape, by which there is a gradient."""
        tensor = self._entered(values)
        self._engine.do(Input(tensor.shape, requires_grad), tensor)
        return self._new()

    def const(self, values: ArrayLike | Tensor) -> Ref:
        """Numbers on the tape, by which there is none."""
        return self.input(values, requires_grad=False)

    def index(self, places: ArrayLike, of: Ref) -> Ref:
        """Places along a tensor's first axis, on the tape."""
        tensor = Tensor.of(INDEX, places)
        self._engine.do(EnterIndex(tensor.shape, self._slot(of), 0), tensor)
        return self._new()

    def apply(self, function: Callable[..., Tensor], *operands: Ref, **static: Any) -> Ref:
        """What a function gives for tensors on the tape; for operations that are not among ours.

        The function is made of primitives and must not look at the numbers; ``static`` is hashable.
        """
        slots = tuple(self._slot(x) for x in operands)
        self._engine.do(Apply(function, slots, tuple(static.items())))
        return self._new()

    def get_value(self, x: Ref | Param) -> Tensor:
        """The numbers of a tensor on the tape, or of a parameter as it is now."""
        if isinstance(x, Param):
            return self._engine.param(self._number(x))
        return self._engine.value(self._slot(x))

    # Gradients.

    def backward_all(self, x: Ref, cotangent: ArrayLike | Tensor) -> None:
        """Sweep backward from a tensor of any shape, given its cotangent."""
        seed = self._entered(cotangent)
        self._engine.do(Backward(self._slot(x), seed.shape), seed)

    def backward_scalar(self, loss: Ref) -> None:
        """Sweep backward from a number."""
        self._engine.do(Backward(self._slot(loss), None))

    def grad(self, x: Ref | Param) -> Tensor:
        """The gradient by a tensor on the tape, or a parameter, in the last backward sweep.

        Zeros by what the sweep did not reach.
        """
        if isinstance(x, Ref):
            return self._engine.gradient(self._slot(x))
        used = self._uses.get(self._number(x))
        if used is None:
            return Tensor.of(self.scalar, np.zeros(x.shape))
        return self._engine.gradient(used.slot)

    def sgd_step_all(self, lr: float) -> None:
        """P <- p - g*lr for every parameter used on this tape, by the last backward sweep."""
        self._engine.do(SgdStep(), self._entered(check_rate("lr", lr)))

    # References.

    def _entered(self, values: ArrayLike | Tensor) -> Tensor:
        if not isinstance(values, Tensor):
            return Tensor(self.scalar, self._cast(values))
        if values.scalar != self.scalar:
            raise MixedScalarError(
                "a session takes numbers of its own Scalar, not"
                f" {name_both(self.scalar, values.scalar)}"
            )
        return values.detach()

    def _new(self) -> Ref:
        self._length += 1
        return Ref(self._tape, self._length - 1)

    def _slot(self, x: Ref) -> int:
        if x.tape is not self._tape:
            raise NumleanError("a reference to a tape that was reset, or to another session's")
        return x.slot

    def _number(self, param: Param) -> int:
        if param.session is not self._identity:
            raise NumleanError(f"parameter {param.number} is another session's")
        return param.number
