"""Stochastic gradient descent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from numlean.arguments import checked
from numlean.autograd.tensor import Tensor
from numlean.errors import NumleanError
from numlean.optim.hyperparameters import defaults_of
from numlean.optim.optimizer import Cast, State, check_gradients, check_rate, zeros_like
from numlean.scalar.constants import Constant

_SGD: Final = defaults_of("sgd")


@checked
@dataclass(frozen=True)
class SGD:
    """Stochastic gradient descent.

    For each parameter p with gradient g, without the parts that are switched off:

    - weight decay wd: g <- g + p*wd;
    - momentum mu: buf <- buf*mu + g, where buf starts at +0, and d = buf; without momentum d = g;
    - Nesterov's momentum (as in PyTorch): d = g + buf*mu instead;
    - p <- p - d*lr.

    Attributes:
        lr: The learning rate.
        momentum: The factor of the previous buffer.
        nesterov: Whether to use Nesterov's momentum.
        weight_decay: The factor of the parameter that is added to its gradient.

    Raises:
        NumleanError: A rate is negative or not finite, or ``nesterov`` is used without momentum.
    """

    lr: float
    momentum: float = _SGD["momentum"]
    nesterov: bool = bool(_SGD["nesterov"])
    weight_decay: float = _SGD["weight_decay"]

    def __post_init__(self) -> None:
        for name in ("lr", "momentum", "weight_decay"):
            check_rate(name, getattr(self, name))
        if self.nesterov and self.momentum == 0.0:
            raise NumleanError(f"nesterov=True needs momentum above 0, got {self.momentum}")

    @property
    def constants(self) -> tuple[Constant, ...]:
        """The constants that enter a Scalar, but for the learning rate, which schedules replace."""
        decay = "g + p * weight_decay", "leaves out the weight decay"
        momentum = "buf * momentum + g", "leaves out the momentum", "never forgets a gradient"
        return (
            Constant("weight_decay", self.weight_decay, *decay),
            Constant("momentum", self.momentum, *momentum),
        )

    def initial(self, parameters: Sequence[Tensor], cast: Cast) -> State:
        """Return momentum buffers, if there is momentum."""
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
        """Return the next parameters and momentum buffers."""
        check_gradients(parameters, gradients)
        gradients = self._decay(parameters, gradients, cast)
        directions, state = self._directions(gradients, state, cast)
        moved = zip(parameters, directions, strict=True)
        return [p - d * rate for p, d in moved], state

    def _decay(
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
        updated: State = {"momentum": buffers}
        if not self.nesterov:
            return buffers, updated
        return [g + b * mu for g, b in zip(gradients, buffers, strict=True)], updated


@checked
def sgd(
    lr: float,
    momentum: float = _SGD["momentum"],
    *,
    nesterov: bool = bool(_SGD["nesterov"]),
    weight_decay: float = _SGD["weight_decay"],
) -> SGD:
    """Return stochastic gradient descent."""
    return SGD(lr, momentum, nesterov, weight_decay)


@checked
def momentum_sgd(
    lr: float, momentum: float = 0.9, *, nesterov: bool = False, weight_decay: float = 0.0
) -> SGD:
    """Return stochastic gradient descent with momentum."""
    return SGD(lr, momentum, nesterov, weight_decay)
