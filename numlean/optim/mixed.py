"""An optimizer that computes in another arithmetic than that of parameters and state."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

from numlean.arguments import checked
from numlean.autograd.primitives import cast as cast_tensor
from numlean.autograd.tensor import Tensor
from numlean.optim.optimizer import Cast, State
from numlean.optim.wrapping import WrappingOptimizer
from numlean.precision.resolved import RunScalars
from numlean.scalar.protocol import Scalar


@checked
@final
@dataclass(frozen=True)
class MixedUpdate(WrappingOptimizer):
    """The update of another optimizer in the Scalar ``update`` of a run.

    Parameters, gradients and state are converted to it, and the results rounded once to the Scalars
    of the parameters and of the state. A part of the state that is not one tensor for each
    parameter, of its shape, such as Adam's powers of beta, stays in ``update``.

    Attributes:
        optimizer: The optimizer.
        scalars: The Scalars of the run.
    """

    scalars: RunScalars

    def initial(self, parameters: Sequence[Tensor], cast: Cast) -> State:
        """Return the inner optimizer's state, in the Scalars of the state."""
        state = self.optimizer.initial(self._widened(parameters), cast)
        return self._stored(state, parameters)

    def update(
        self,
        parameters: Sequence[Tensor],
        gradients: Sequence[Tensor],
        state: State,
        *,
        rate: Tensor,
        cast: Cast,
    ) -> tuple[list[Tensor], State]:
        """Return the inner optimizer's update, rounded to the Scalars of parameters and state.

        Gradients are first rounded to the Scalar of weight gradients.
        """
        handed = [cast_tensor(g, self.scalars.weight_gradients) for g in gradients]
        moved, after = self.optimizer.update(
            self._widened(parameters),
            self._widened(handed),
            {name: self._widened(tensors) for name, tensors in state.items()},
            rate=rate,
            cast=cast,
        )
        kept = [cast_tensor(new, old.scalar) for new, old in zip(moved, parameters, strict=True)]
        return kept, self._stored(after, parameters)

    def _widened(self, tensors: Sequence[Tensor]) -> list[Tensor]:
        return [cast_tensor(x, self.scalars.update) for x in tensors]

    def _stored(self, state: State, parameters: Sequence[Tensor]) -> State:
        shapes = [p.shape for p in parameters]
        return {
            name: [cast_tensor(x, self._scalar_of(name)) for x in tensors]
            if [x.shape for x in tensors] == shapes
            else tensors
            for name, tensors in state.items()
        }

    def _scalar_of(self, name: str) -> Scalar:
        return self.scalars.states.get(name, self.scalars.state)
