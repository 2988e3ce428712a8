"""Optimizers that scale each step by moments of the gradients: Adam and AdamW."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from numlean.arguments import checked
from numlean.autograd.primitives import sqrt
from numlean.autograd.tensor import Tensor
from numlean.errors import NumleanError
from numlean.optim.hyperparameters import defaults_of
from numlean.optim.optimizer import Cast, State, check_gradients, check_rate, zeros_like
from numlean.scalar.constants import Constant, formula

_ADAM: Final = defaults_of("adam")
_ADAMW: Final = defaults_of("adamw")
_MOMENTS: Final = ("first_moment", "second_moment")
_POWERS: Final = ("first_power", "second_power")
_CORRECTIONS: Final = ("1/(1 - beta1^t)", "1/(1 - beta2^t)")
_STEP: Final = "lr/(sqrt(v_hat) + epsilon)"


@checked
@dataclass(frozen=True)
class Adam:
    """Adam (D. P. Kingma and J. Ba, "Adam: a method for stochastic optimization", 2015).

    Update t, counted from 1, for each parameter p with gradient g; m and v start at +0:

    - m <- m*beta1 + g*(1 - beta1)
    - v <- v*beta2 + (g*g)*(1 - beta2)
    - m_hat = m * (1 / (1 - beta1^t)), v_hat = v * (1 / (1 - beta2^t))
    - p <- p - (lr / (sqrt(v_hat) + epsilon)) * m_hat

    beta^t is the product ((1*beta)*beta)*..., rounded at each step; the state keeps it.

    Attributes:
        lr: The learning rate.
        beta1: The decay of the first moment.
        beta2: The decay of the second moment.
        epsilon: Added to the root of the second moment.

    Raises:
        NumleanError: A rate is negative or not finite, or a beta is not below 1.
    """

    lr: float
    beta1: float = _ADAM["beta1"]
    beta2: float = _ADAM["beta2"]
    epsilon: float = _ADAM["epsilon"]

    def __post_init__(self) -> None:
        _check(self.lr, self.beta1, self.beta2, self.epsilon)

    @property
    def constants(self) -> tuple[Constant, ...]:
        """The constants that enter a Scalar, but for the learning rate, which schedules replace."""
        return _constants(self)

    def initial(self, parameters: Sequence[Tensor], cast: Cast) -> State:
        """Return moments of +0 and powers of 1."""
        return _initial(parameters)

    def update(
        self,
        parameters: Sequence[Tensor],
        gradients: Sequence[Tensor],
        state: State,
        *,
        rate: Tensor,
        cast: Cast,
    ) -> tuple[list[Tensor], State]:
        """Return the next parameters, moments and powers."""
        check_gradients(parameters, gradients)
        state = _next_state(gradients, state, cast(self.beta1), cast(self.beta2))
        steps = _steps(state, rate, cast(self.epsilon))
        return [p - step for p, step in zip(parameters, steps, strict=True)], state


@checked
@dataclass(frozen=True)
class AdamW:
    """Adam with decoupled weight decay (I. Loshchilov and F. Hutter, 2019).

    The moments are Adam's, from the unchanged gradient; then, with weight decay wd,
    p <- (p - p*(lr*wd)) - (lr / (sqrt(v_hat) + epsilon)) * m_hat.

    Attributes:
        lr: The learning rate.
        weight_decay: The factor, times the learning rate, by which a parameter shrinks.
        beta1: The decay of the first moment.
        beta2: The decay of the second moment.
        epsilon: Added to the root of the second moment.

    Raises:
        NumleanError: A rate is negative or not finite, or a beta is not below 1.
    """

    lr: float
    weight_decay: float = _ADAMW["weight_decay"]
    beta1: float = _ADAMW["beta1"]
    beta2: float = _ADAMW["beta2"]
    epsilon: float = _ADAMW["epsilon"]

    def __post_init__(self) -> None:
        _check(self.lr, self.beta1, self.beta2, self.epsilon)
        check_rate("weight_decay", self.weight_decay)

    @property
    def constants(self) -> tuple[Constant, ...]:
        """The constants that enter a Scalar, but for the learning rate, which schedules replace."""
        decay = "p * (lr * weight_decay)", "leaves out the weight decay"
        return (*_constants(self), Constant("weight_decay", self.weight_decay, *decay))

    def initial(self, parameters: Sequence[Tensor], cast: Cast) -> State:
        """Return moments of +0 and powers of 1."""
        return _initial(parameters)

    def update(
        self,
        parameters: Sequence[Tensor],
        gradients: Sequence[Tensor],
        state: State,
        *,
        rate: Tensor,
        cast: Cast,
    ) -> tuple[list[Tensor], State]:
        """Return the next parameters, moments and powers."""
        check_gradients(parameters, gradients)
        state = _next_state(gradients, state, cast(self.beta1), cast(self.beta2))
        steps = _steps(state, rate, cast(self.epsilon))
        decay = rate * cast(self.weight_decay)
        moved = zip(parameters, steps, strict=True)
        return [(p - p * decay) - step for p, step in moved], state


@checked
def adam(
    lr: float,
    beta1: float = _ADAM["beta1"],
    beta2: float = _ADAM["beta2"],
    epsilon: float = _ADAM["epsilon"],
) -> Adam:
    """Return Adam; beta2 is 0.999 by default, but 0.95 in ``--optim adam``."""
    return Adam(lr, beta1, beta2, epsilon)


@checked
def adamw(
    lr: float,
    weight_decay: float = _ADAMW["weight_decay"],
    beta1: float = _ADAMW["beta1"],
    beta2: float = _ADAMW["beta2"],
    epsilon: float = _ADAMW["epsilon"],
) -> AdamW:
    """Return Adam with decoupled weight decay.

    By default, the decay is 0.01 and beta2 0.999, but 0.1 and 0.95 in ``--optim adamw``.
    """
    return AdamW(lr, weight_decay, beta1, beta2, epsilon)


def _check(lr: float, beta1: float, beta2: float, epsilon: float) -> None:
    check_rate("lr", lr)
    check_rate("epsilon", epsilon)
    for name, beta in (("beta1", beta1), ("beta2", beta2)):
        if check_rate(name, beta) >= 1:
            raise NumleanError(f"{name} must be below 1, got {beta}")


def _constants(optimizer: Adam | AdamW) -> tuple[Constant, ...]:
    zero = "divides by zero where the gradients are 0"
    return (
        *(
            Constant(name, value, text, at_one="divides by zero")
            for name, value, text in zip(
                ("beta1", "beta2"), (optimizer.beta1, optimizer.beta2), _CORRECTIONS, strict=True
            )
        ),
        Constant("epsilon", optimizer.epsilon, _STEP, at_zero=zero),
    )


def _initial(parameters: Sequence[Tensor]) -> State:
    state: State = {name: zeros_like(parameters) for name in _MOMENTS}
    scalars = [p.scalar for p in parameters[:1]]
    return state | {name: [Tensor.of(scalar, 1.0) for scalar in scalars] for name in _POWERS}


def _next_state(gradients: Sequence[Tensor], state: State, beta1: Tensor, beta2: Tensor) -> State:
    rest1, rest2 = 1.0 - beta1, 1.0 - beta2
    firsts, seconds = (zip(state[name], gradients, strict=True) for name in _MOMENTS)
    return {
        "first_moment": [m * beta1 + g * rest1 for m, g in firsts],
        "second_moment": [v * beta2 + (g * g) * rest2 for v, g in seconds],
        "first_power": [power * beta1 for power in state["first_power"]],
        "second_power": [power * beta2 for power in state["second_power"]],
    }


def _steps(state: State, rate: Tensor, epsilon: Tensor) -> list[Tensor]:
    corrections = []
    for name, text in zip(_POWERS, _CORRECTIONS, strict=True):
        with formula(text):
            corrections += [1.0 / (1.0 - power) for power in state[name]]
    if not corrections:
        return []
    first, second = corrections
    moments = zip(*(state[name] for name in _MOMENTS), strict=True)
    with formula(_STEP):
        return [(rate / (sqrt(v * second) + epsilon)) * (m * first) for m, v in moments]
