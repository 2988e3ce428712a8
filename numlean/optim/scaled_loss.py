"""Loss scaling as an optimizer around another one: it unscales gradients and skips steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, final

from numlean.arguments import checked
from numlean.autograd.tensor import Tensor
from numlean.errors import NumleanError
from numlean.optim.optimizer import Cast, Optimizer, State, check_gradients
from numlean.optim.wrapping import WrappingOptimizer
from numlean.precision.loss_scaling import (
    Choice,
    LossScaling,
    any_nonfinite,
    inverse,
    scale_scalar,
    unscaled,
)

SCALE: Final = "loss_scaling.scale"
"""The name of the scale S in the state of an optimizer."""

_GOOD: Final = "loss_scaling.good_steps"
_SKIPPED: Final = "loss_scaling.skipped"
_OWN: Final = (SCALE, _GOOD, _SKIPPED)


@checked
@final
@dataclass(frozen=True)
class LossScaled(WrappingOptimizer):
    """An optimizer that takes the gradients of a scaled loss.

    A run with such an optimizer multiplies its loss by the scale S. An update

    - finds out whether an element of a gradient, still scaled, is infinite or a NaN;
    - multiplies each gradient by 1/S, rounded, before the inner optimizer sees it;
    - if there was such an element, skips the step: parameters and the inner optimizer's state,
      its count of steps included, stay as they are. The inner optimizer then computes with
      gradients of +0, and its results are dropped, because a step has the same operations
      whatever its numbers are;
    - changes S last; see ``LossScaling.next_scale``.

    Its state is the inner optimizer's with S, the number of good steps since S changed, and
    whether the last step was skipped. They are numbers of binary32: of the parameters' Scalar if
    that is binary32.

    Attributes:
        optimizer: The optimizer that updates. Clipping belongs inside, where it sees gradients that
            are no longer scaled.
        scaling: The scale, and how it changes.

    Raises:
        NumleanError: The optimizer scales the loss already.
    """

    scaling: LossScaling

    def __post_init__(self) -> None:
        if isinstance(self.optimizer, LossScaled):
            raise NumleanError("the optimizer scales the loss already; scale it once")

    def initial(self, parameters: Sequence[Tensor], cast: Cast) -> State:
        """Return the inner optimizer's state, and that of the scaling.

        Raises:
            NumleanError: The inner optimizer's state has a name of the scaling's.
        """
        inner = self.optimizer.initial(parameters, cast)
        taken = [name for name in _OWN if name in inner]
        if taken:
            raise NumleanError(
                f"the optimizer's own state has the name {taken[0]!r} of loss scaling; rename it"
            )
        first = parameters[0] if parameters else cast(0.0)
        zero = Tensor.of(scale_scalar(first.scalar), 0.0)
        own: State = {SCALE: [zero.literal(self.scaling.initial)], _SKIPPED: [zero]}
        return {**inner, **own, **({_GOOD: [zero]} if self.scaling.is_dynamic else {})}

    def update(
        self,
        parameters: Sequence[Tensor],
        gradients: Sequence[Tensor],
        state: State,
        *,
        rate: Tensor,
        cast: Cast,
    ) -> tuple[list[Tensor], State]:
        """Return the next parameters and state, from the gradients of the scaled loss."""
        check_gradients(parameters, gradients)
        inner = {name: tensors for name, tensors in state.items() if name not in _OWN}
        (scale,) = state[SCALE]
        choice = Choice(any_nonfinite(gradients, scale))
        factor = inverse(scale)
        own = [choice.zeroed(unscaled(g, factor)) for g in gradients]
        updated, after = self.optimizer.update(parameters, own, inner, rate=rate, cast=cast)
        kept = {name: _kept(choice, inner[name], tensors) for name, tensors in after.items()}
        return _kept(choice, parameters, updated), {**kept, **self._next(state, choice.found)}

    def _next(self, state: State, found: Tensor) -> State:
        (scale,), (good,) = state[SCALE], state.get(_GOOD, [found])
        scale, good = self.scaling.next_scale(scale, good, found)
        own: State = {SCALE: [scale], _SKIPPED: [found]}
        return {**own, _GOOD: [good]} if self.scaling.is_dynamic else own


@dataclass(frozen=True)
class ScaledStep:
    """What loss scaling has done in a step.

    Attributes:
        scale: S after the step, which scales the next loss.
        good_steps: The number of good steps since S changed; None if it is static.
        is_skipped: Whether the step was skipped, because a gradient was not finite.
    """

    scale: Tensor
    good_steps: int | None
    is_skipped: bool

    @classmethod
    def of(cls, state: State) -> ScaledStep | None:
        """Return what the state of an optimizer says about the last step; None without scaling."""
        if SCALE not in state:
            return None
        (scale,), (skipped,) = state[SCALE], state[_SKIPPED]
        good = int(state[_GOOD][0].item()) if _GOOD in state else None
        return cls(scale, good, skipped.item() != 0)

    def __str__(self) -> str:
        what = "skipped, as a gradient is not finite" if self.is_skipped else "made"
        return f"{what}; the next loss scale is {self.scale.item():g}"


def scaling_state(state: Mapping[str, list[Tensor]]) -> State:
    """Return the part of an optimizer's state that belongs to loss scaling."""
    return {name: state[name] for name in _OWN if name in state}


def loss_scale(state: State) -> Tensor | None:
    """Return the scale S in the state of an optimizer; None without loss scaling."""
    return state[SCALE][0] if SCALE in state else None


def scales_loss(optimizer: object) -> bool:
    """Return whether an optimizer, or one inside it, takes the gradients of a scaled loss."""
    while optimizer is not None and not isinstance(optimizer, LossScaled):
        optimizer = getattr(optimizer, "optimizer", None)
    return optimizer is not None


@checked
def loss_scaled(optimizer: Optimizer, scaling: LossScaling | str) -> Optimizer:
    """Return the optimizer of a run whose loss is scaled; see :class:`LossScaled`.

    Args:
        optimizer: The optimizer; with ``none`` it is returned as it is.
        scaling: The scaling, or its text, such as ``dynamic`` or ``static(1024)``.

    Raises:
        NumleanError: The text is not one of a scaling, or the optimizer scales the loss already.
    """
    chosen = LossScaling.parse(scaling) if isinstance(scaling, str) else scaling
    return optimizer if chosen is None else LossScaled(optimizer, chosen)


def _kept(choice: Choice, before: Sequence[Tensor], after: Sequence[Tensor]) -> list[Tensor]:
    return [choice.kept(x, y) for x, y in zip(before, after, strict=True)]
