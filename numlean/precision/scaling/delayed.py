"""The state of a delayed scale, and its update (TransformerEngine's ``DelayedScaling``).

A state is a scale s and the greatest magnitudes h of earlier steps, of which h[0] belongs to the
current step. Every update is made of operations of a Scalar, so that it can be recorded.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np

from numlean.arguments import checked
from numlean.autograd.primitives import cast
from numlean.autograd.tensor import Tensor
from numlean.errors import NumleanError, ShapeError
from numlean.precision.scaling.amax import finite_quotients, reduced
from numlean.precision.scaling.operand import ScaledOperand
from numlean.precision.scaling.scaling import Delayed, Scaling
from numlean.scalar.protocol import Scalar, Storage
from numlean.scalar.record import recorded_like


@checked
@final
@dataclass(frozen=True)
class DelayedState:
    """The state of the delayed scale of one tensor.

    Attributes:
        scale: The scale s, of shape ().
        history: The greatest magnitudes h, of shape (history,), in the same Scalar.

    Raises:
        ShapeError: They do not have these shapes.
    """

    scale: Tensor
    history: Tensor

    def __post_init__(self) -> None:
        if self.scale.shape != () or self.history.ndim != 1 or not self.history.size:
            raise ShapeError(
                "a delayed scale has shape () and its history shape (n,); got"
                f" {self.scale.shape} and {self.history.shape}"
            )

    @classmethod
    def initial(cls, scalar: Scalar, scaling: Scaling) -> DelayedState:
        """Return the state before the first step: the scale 1 and a history of zeros."""
        count = _method(scaling).history
        return cls(Tensor.of(scalar, 1.0), Tensor.of(scalar, np.zeros(count)))

    def observed(self, amax: Tensor) -> DelayedState:
        """Return the state after a use of the tensor: h[0] = max(h[0], amax).

        Args:
            amax: The greatest magnitude, of shape (), without NaNs.
        """
        scalar, history = self.history.scalar, self.history.data
        current = scalar.maximum(history[:1], cast(amax.detach(), scalar).data.reshape(1))
        return self._with(self.scale.data, scalar.concat([current, history[1:]], 0))

    def updated(self, operand: ScaledOperand) -> DelayedState:
        """Return the state for the next step, after all uses of the tensor in this one.

        If h[0] is 0, nothing changes. Otherwise a is the greatest entry of h, or h[0] by
        ``most_recent``; h moves down by one, h[0] to the end, and the new h[0] is 0. If a is
        finite, s = greatest * 2**-margin / a, rounded, the greatest finite number if that is
        infinite; ``power_of_two`` rounds it down.

        Raises:
            ShapeError: The history has another length than the scaling says.
        """
        scalar = self.history.scalar
        if self.history.size != _method(operand.scaling).history:
            raise ShapeError(
                f"{operand.scaling} keeps {_method(operand.scaling).history} magnitudes, got"
                f" {self.history.size}"
            )
        own = operand.with_scalars(lambda each: recorded_like(scalar, each))
        greatest = scalar.from_float(own.scales.to_float(own.greatest))
        return self._with(
            *updated(scalar, self.scale.data, self.history.data, greatest, operand.scaling)
        )

    def _with(self, scale: Storage, history: Storage) -> DelayedState:
        return DelayedState(Tensor(self.scale.scalar, scale), Tensor(self.history.scalar, history))


def updated(
    scalar: Scalar, scale: Storage, history: Storage, greatest: Storage, scaling: Scaling
) -> tuple[Storage, Storage]:
    """Return the scale and the history for the next step: see ``DelayedState.updated``.

    Args:
        scalar: The Scalar of all numbers.
        scale: The scale, of shape ().
        history: The greatest magnitudes, of shape (n,).
        greatest: The greatest number of the operand's format.
        scaling: The scaling, which is delayed.
    """
    method = _method(scaling)
    zero, infinity = scalar.from_float([0.0]), scalar.from_float([np.inf])
    last = history[:1]
    a = last if method.algo == "most_recent" else scalar.max(history, 0, keepdims=True)
    target = scalar.scaleb(greatest, -method.margin) if method.margin else greatest
    following = reduced(scalar, finite_quotients(scalar, target, a), scaling)
    following = scalar.where(scalar.lt(a, infinity), following, scale.reshape(1))
    rolled = zero if history.size == 1 else scalar.concat([zero, history[2:], last], 0)
    has_none = scalar.eq(last, zero)
    return (
        scalar.where(has_none, scale.reshape(1), following).reshape(()),
        scalar.where(has_none, history, rolled),
    )


def _method(scaling: Scaling) -> Delayed:
    if not isinstance(scaling.method, Delayed):
        raise NumleanError(f"scales by {scaling} keep no state; use {scaling.granularity}(delayed)")
    return scaling.method
