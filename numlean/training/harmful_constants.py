"""Warnings, before a run, of constants that round to something harmful as they enter a Scalar."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from numlean.errors import NumleanError
from numlean.nn import Layer
from numlean.optim import Optimizer
from numlean.optim.schedules import Schedule, is_own
from numlean.scalar.constants import Constant, constants_of
from numlean.scalar.entering import enter
from numlean.scalar.protocol import Scalar, Storage
from numlean.scalar.wrappers import WrappedScalar
from numlean.training.task import Task


@dataclass(frozen=True)
class HarmfulConstant:
    """A constant that rounding moves to where its formula no longer does what it is for.

    Attributes:
        constant: The constant.
        dtype: The arithmetic.
        becomes: The number that it becomes, as text.
        effect: What the formula does then.
        nearest: The nearest number of the arithmetic without that effect; None if it is unknown.
    """

    constant: Constant
    dtype: str
    becomes: str
    effect: str
    nearest: float | None

    @property
    def cause(self) -> str:
        """The constant and what it becomes."""
        return f"{self.constant} is {self.becomes} in {self.dtype}"

    def __str__(self) -> str:
        nearest = f"; the nearest good value is {self.nearest!r}" if self.nearest else ""
        return f"{self.cause}: {self.constant.formula} {self.effect}{nearest}"


def harmful_constants(
    task: Task,
    scalar: Scalar,
    optimizer: Optimizer,
    schedule: Schedule | None = None,
    steps: int = 1,
    *,
    update: Scalar | None = None,
) -> tuple[HarmfulConstant, ...]:
    """Return the harmful constants of a run, in the order in which a step uses them.

    Args:
        task: The model and the loss.
        scalar: The arithmetic.
        optimizer: The optimizer.
        schedule: The learning rate by index; None uses the optimizer's.
        steps: The number of indices; of numlean's own schedules, the rates at the first, the
            middle and the last are checked.
        update: The arithmetic in which the optimizer computes; None for the same.
    """
    of_program = [*_of_layer(task.model, ()), *constants_of(task.loss)]
    of_update = [*constants_of(optimizer), *_rates(optimizer, schedule, steps)]
    found = [*_harms(of_program, scalar), *_harms(of_update, scalar if update is None else update)]
    return tuple(dict.fromkeys(found))


def _harms(constants: Sequence[Constant], scalar: Scalar) -> Iterator[HarmfulConstant]:
    dtype = scalar.name
    while isinstance(scalar, WrappedScalar):
        scalar = scalar.inner  # a wrapper would count or change the probes
    for constant in constants:
        harm = harm_of(constant, scalar, dtype)
        if harm is not None:
            yield harm


def harm_of(constant: Constant, scalar: Scalar, dtype: str) -> HarmfulConstant | None:
    """Return what a constant becomes in a Scalar, if that is harmful; None if not.

    Args:
        constant: The constant.
        scalar: The arithmetic, without wrappers.
        dtype: The name of the run's arithmetic.
    """
    value = constant.value
    number = _rounded(scalar, value)
    if not math.isfinite(value) or number == value:
        return None
    if not math.isfinite(number):
        effect, becomes = "is not finite", "not a number" if math.isnan(number) else f"{number:g}"
    elif _is_saturated(scalar, value, number):
        effect, becomes = "uses the largest number", f"{number:g}"
    elif number == 0:
        effect, becomes = constant.at_zero, "0"
    elif value < 1 <= number:
        effect, becomes = constant.at_one, "1"
    else:
        return None
    if not effect:
        return None
    return HarmfulConstant(constant, dtype, becomes, effect, _nearest(scalar, value, number))


def _rates(optimizer: Optimizer, schedule: Schedule | None, steps: int) -> Iterator[Constant]:
    effect = "the update", "changes no parameter"
    if schedule is None:
        yield Constant("lr", optimizer.lr, *effect)
    elif is_own(schedule):  # a user's function may count its calls
        last = max(steps - 1, 0)
        for index in sorted({0, last // 2, last}):
            yield Constant(f"lr at step {index}", schedule(index), *effect)


def _of_layer(layer: Layer, path: tuple[int, ...]) -> Iterator[Constant]:
    owner = " ".join(filter(None, (".".join(map(str, path)), layer.name)))
    for constant in layer.constants:
        yield replace(constant, owner=owner)
    for index, child in enumerate(layer.children):
        yield from _of_layer(child, (*path, index))


def _is_saturated(scalar: Scalar, value: float, number: float) -> bool:
    """Return whether a number is the largest one because the value is beyond it."""
    format = scalar.format
    if format is None or abs(value) <= abs(number) * (1 + 2.0**-format.precision):
        return False
    bits = int(scalar.to_bits(enter(scalar, [number]))[0])
    return bits & format.magnitude_mask == format.max_finite


def _rounded(scalar: Scalar, value: float) -> float:
    return float(scalar.to_float(enter(scalar, [value]))[0])


def _nearest(scalar: Scalar, value: float, number: float) -> float | None:
    """Return the number of the format next to the one that a value became, on the value's side."""
    try:
        candidates = [float(scalar.to_float(x)[0]) for x in _neighbours(scalar, value, number)]
    except NumleanError:
        return None
    good = (x for x in candidates if math.isfinite(x) and x not in (0, 1, number))
    return next((x for x in good if _rounded(scalar, x) == x), None)


def _neighbours(scalar: Scalar, value: float, number: float) -> Sequence[Storage]:
    format = scalar.format
    if not math.isfinite(number):
        if format is None:
            return []
        bits = format.max_finite | (format.sign_mask if value < 0 else 0)
        return [scalar.from_bits([bits])]
    if number == 1:
        return [scalar.next_down(scalar.from_float([1.0]))]
    if number != 0:
        return []  # the largest number is the nearest one
    sign = math.copysign(1.0, value)
    least = scalar.next_up if value > 0 else scalar.next_down
    # Where subnormal numbers are flushed, the least normal number is the nearest that stays.
    normal = [] if format is None else [scalar.from_float([sign * 2.0**format.emin])]
    return [least(scalar.from_float([0.0])), *normal]
