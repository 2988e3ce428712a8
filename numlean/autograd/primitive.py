"""Primitives: the operations that a tape records, each with the rule for its gradient."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from numlean.autograd.indices import INDEX
from numlean.autograd.tape import Node
from numlean.errors import MixedScalarError
from numlean.scalar.identity import name_both
from numlean.scalar.protocol import Scalar, Storage

if TYPE_CHECKING:
    from numlean.autograd.tensor import Tensor


@dataclass(frozen=True)
class Primitive:
    """An operation on tensors of one Scalar.

    Attributes:
        name: Its name in records and errors.
        forward: ``forward(scalar, *arrays, **parameters)``: the result, as a storage array.
        vjps: One vector-Jacobian product an input: ``vjp(g, z, *inputs, **parameters)`` takes the
            cotangent of the output z and returns that of its input, in terms of primitives, so
            that every Scalar has gradients. None for an input that has no gradient.
    """

    name: str
    forward: Callable[..., Storage]
    vjps: tuple[Callable[..., Tensor] | None, ...]

    def __call__(self, *inputs: Tensor, **parameters: Any) -> Tensor:
        """Apply the operation, and record it if an input is watched.

        Raises:
            MixedScalarError: The inputs are of several Scalars, or watched by several tapes.
        """
        scalar = self._common_scalar(inputs)
        z = self.forward(scalar, *(x.data for x in inputs), **parameters)
        output = inputs[0].like(z)
        tapes = {id(x.tape): x.tape for x in inputs if x.tape is not None}
        if not tapes:
            return output
        if len(tapes) > 1:
            raise MixedScalarError(f"{self.name} takes tensors watched by two different tapes")
        (tape,) = tapes.values()
        return tape.record(Node(self, inputs, parameters, output))

    def _common_scalar(self, inputs: tuple[Tensor, ...]) -> Scalar:
        scalar = inputs[0].scalar
        for x in inputs[1:]:
            if x.scalar is not scalar and x.scalar is not INDEX and x.scalar != scalar:
                raise MixedScalarError(
                    f"{self.name} takes numbers of one Scalar, not"
                    f" {name_both(scalar, x.scalar)}; convert one with from_exact(to_exact(x))"
                )
        return scalar


def scalar_method(name: str) -> Callable[..., Storage]:
    """Return a forward operation that is the Scalar's method of that name."""

    def forward(scalar: Scalar, *arrays: Storage, **parameters: Any) -> Storage:
        result: Storage = getattr(scalar, name)(*arrays, **parameters)
        return result

    return forward
