"""Stochastic gradient descent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from numlean.autograd.tensor import Tensor
from numlean.errors import NumleanError
from numlean.optim.optimizer import Cast, State, check_rate, zeros_like


@dataclass(frozen=True)
class SGD:
    """Stochastic gradient descent.

    For each parameter p with gradient g, what is switched off being left out:

    - weight decay wd: g <- g + p*wd;
    - momentum mu: buf <- buf*mu + g, buf starting at +0, and d = buf; without it d = g;
    - Nesterov's momentum (as in PyTorch): d = g + buf*mu instead;
    - p <- p - d*lr.

    Attributes:
        lr: The learning rate.
        momentum: How much of the last step is kept.
        nesterov: Whether the gradient is added once more to what is kept.
        weight_decay: How much of the parameter itself is added to its gradient.

    Raises:
        NumleanError: A rate is negative or not finite, or there is nothing for ``nesterov`` to do.
    """

    lr: float
    momentum: float = 0.0
    nesterov: bool = False
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        for name in ("lr", "momentum", "weight_decay"):
            check_rate(name, getattr(self, name))
        if self.nesterov and self.momentum == 0.0:
            raise NumleanError(f"nesterov=True needs momentum above 0: momentum {self.momentum}")

    def initial(self, parameters: Sequence[Tensor], cast: Cast) -> State:
        """Momentum buffers, if there is momentum."""
        return {} if self.momentum == 0.0 else {"momentum": zeros_like(parameters)}

    def update(
        self,
        parameters: Sequence[Tensor],
        gradients: Sequence[Tensor],
        state: State,
        *,
        rate: Tensor,
        cast: Cast,
    ) -> tuple[list[Tensor], State]:
        """The next parameters and momentum buffers."""
        gradients = self._decayed(parameters, gradients, cast)
        directions, state = self._directions(gradients, state, cast)
        moved = zip(parameters, directions, strict=True)
        return [p - d * rate for p, d in moved], state

    def _decayed(
        self, parameters: Sequence[Tensor], gradients: Sequence[Tensor], cast: Cast
    ) -> Sequence[Tensor]:
        if self.weight_decay == 0.0:
            return gradients
        wd = cast(self.weight_decay)
        return [g + p * wd for g, p in zip(gradients, parameters, strict=True)]

    def _directions(
        self, gradients: Sequence[Tensor], state: State, cast: Cast
    ) -> tuple[Sequence[Tensor], State]:
        if self.momentum == 0.0:
            return gradients, state
        mu = cast(self.momentum)
        buffers = [b * mu + g for b, g in zip(state["momentum"], gradients, strict=True)]
        remembered: State = {"momentum": buffers}
        if not self.nesterov:
            return buffers, remembered
        return [g + b * mu for g, b in zip(gradients, buffers, strict=True)], remembered


def sgd(
    lr: float, momentum: float = 0.0, *, nesterov: bool = False, weight_decay: float = 0.0
) -> SGD:
    """Stochastic gradient descent."""
    return SGD(lr, momentum, nesterov, weight_decay)


def momentum_sgd(
    lr: float, momentum: float = 0.9, *, nesterov: bool = False, weight_decay: float = 0.0
) -> SGD:
    """Stochastic gradient descent with momentum."""
    return SGD(lr, momentum, nesterov, weight_decay)
