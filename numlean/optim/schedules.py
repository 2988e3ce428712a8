"""Learning rates by step or by epoch.

A schedule is a function from the index t, from 0, to a binary64 number. The schedules here are
evaluated exactly, or with as many bits as necessary, and rounded once, so that they do not depend
on the platform's libm.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Final, TypeAlias

from numlean.arguments import checked
from numlean.errors import NumleanError
from numlean.optim.optimizer import check_rate

Schedule: TypeAlias = Callable[[int], float]
"""The learning rate at an index: a step, or for loaders an epoch."""

_SQUARED_SINES: Final = {
    Fraction(0): Fraction(0),
    Fraction(1, 3): Fraction(1, 4),
    Fraction(1, 2): Fraction(1, 2),
    Fraction(2, 3): Fraction(3, 4),
    Fraction(1): Fraction(1),
}
"""sin(pi*u/2)^2 = (1 - cos(pi*u)) / 2 for every rational u from 0 to 1 where it is rational.

There are no others (I. Niven, Irrational Numbers, 1956).
"""
_SHORT: Final = 64
"""Higher powers are powers of two, or have too many bits to lie on a rounding boundary."""


@checked
@dataclass(frozen=True)
class Constant:
    """A constant learning rate.

    Attributes:
        lr: The learning rate.
    """

    lr: float

    def __post_init__(self) -> None:
        check_rate("lr", self.lr)

    def __call__(self, t: int) -> float:
        """Return the learning rate."""
        return self.lr


@checked
@dataclass(frozen=True)
class Step:
    """base * gamma^(t // size); if size is 0, base.

    Attributes:
        base: The first learning rate.
        size: The number of indices between decays.
        gamma: The decay factor.
    """

    base: float
    size: int
    gamma: float = 0.1

    def __post_init__(self) -> None:
        _check_decay(self.base, self.gamma)
        _check_length("size of a step schedule", self.size, least=0)

    def __call__(self, t: int) -> float:
        """Return the learning rate at t."""
        return _decay(self.base, self.gamma, t // self.size if self.size else 0)


@checked
@dataclass(frozen=True)
class Exponential:
    """base * gamma^t.

    Attributes:
        base: The first learning rate.
        gamma: The decay factor.
    """

    base: float
    gamma: float

    def __post_init__(self) -> None:
        _check_decay(self.base, self.gamma)

    def __call__(self, t: int) -> float:
        """Return the learning rate at t."""
        return _decay(self.base, self.gamma, t)


@checked
@dataclass(frozen=True)
class Cosine:
    """final + (base - final) * (1 + cos(pi * t / length)) / 2 up to t = length, then final.

    Attributes:
        base: The first learning rate.
        length: The index at which the final learning rate is reached.
        final: The last learning rate.
    """

    base: float
    length: int
    final: float = 0.0

    def __post_init__(self) -> None:
        check_rate("lr", self.base)
        check_rate("lr", self.final)
        _check_length("length of a cosine schedule", self.length, least=1)

    def __call__(self, t: int) -> float:
        """Return the learning rate at t."""
        risen = min(Fraction(t, self.length), Fraction(1))
        # lower + (upper - lower) * sin(pi*u/2)^2 has no cancellation, rising or falling.
        u = risen if self.final > self.base else 1 - risen
        lower, upper = sorted((self.base, self.final))
        if lower == upper:
            return lower
        if u in _SQUARED_SINES:
            low, high = Fraction(lower), Fraction(upper)
            return float(low + (high - low) * _SQUARED_SINES[u])
        from numlean.scalar.correct_rounding.rates import cosine_rate

        return cosine_rate(lower, upper, u)


@checked
@dataclass(frozen=True)
class LinearWarmup:
    """then(0) * (t + 1) / length while t < length, after that then(t - length).

    Attributes:
        length: The length of the warm-up.
        then: The schedule that follows, from its beginning.
    """

    length: int
    then: Schedule

    def __post_init__(self) -> None:
        _check_length("length of a warm-up", self.length, least=0)

    def __call__(self, t: int) -> float:
        """Return the learning rate at t."""
        if t >= self.length:
            return self.then(t - self.length)
        return float(Fraction(self.then(0)) * Fraction(t + 1, self.length))


def is_own(schedule: Schedule) -> bool:
    """Return whether a schedule is one of this module's, and so is what follows a warm-up."""
    if isinstance(schedule, LinearWarmup):
        return is_own(schedule.then)
    return isinstance(schedule, Constant | Step | Exponential | Cosine)


@checked
def constant(lr: float) -> Constant:
    """Return the schedule that always gives ``lr``."""
    return Constant(lr)


@checked
def step(base: float, size: int, gamma: float = 0.1) -> Step:
    """Return the schedule base * gamma^(t // size); if size is 0, base."""
    return Step(base, size, gamma)


@checked
def exponential(base: float, gamma: float) -> Exponential:
    """Return the schedule base * gamma^t."""
    return Exponential(base, gamma)


@checked
def cosine(base: float, length: int, *, final: float = 0.0) -> Cosine:
    """Return half a cosine wave from ``base`` to ``final`` over ``length``; see :class:`Cosine`."""
    return Cosine(base, length, final)


@checked
def linear_warmup(length: int, then: Schedule) -> LinearWarmup:
    """Return a linear rise over ``length``, then a schedule; see :class:`LinearWarmup`."""
    return LinearWarmup(length, then)


def _decay(base: float, gamma: float, n: int) -> float:
    if n > _SHORT:
        from numlean.scalar.correct_rounding.rates import exponential_rate

        return exponential_rate(base, gamma, n)
    try:
        return float(Fraction(base) * Fraction(gamma) ** n)
    except OverflowError:
        raise NumleanError(f"the learning rate {base} * {gamma}**{n} is not finite") from None


def _check_decay(base: float, gamma: float) -> None:
    check_rate("lr", base)
    check_rate("gamma", gamma)


def _check_length(what: str, length: int, *, least: int) -> None:
    if length < least:
        raise NumleanError(f"{what} must be at least {least}, got {length}")
