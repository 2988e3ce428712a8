"""Loss scaling: the loss times a scale S, so that small gradients do not underflow.

The rule is that of ``torch.amp.GradScaler``. The scale is a number of binary32, and so is the count
n of good steps; a step changes both by operations of their Scalar alone, so that a recorded step
computes them anew.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any, Final, final

from numlean.arguments import checked
from numlean.autograd import Tape, value_and_gradient
from numlean.autograd.primitives import cast
from numlean.autograd.primitives.elementwise import abs_, choose
from numlean.autograd.primitives.movement import reshape
from numlean.autograd.primitives.ranges import is_finite
from numlean.autograd.primitives.reductions import max_constant
from numlean.autograd.tape import CotangentRule
from numlean.autograd.tensor import Tensor
from numlean.errors import NumleanError
from numlean.precision.widening import widens
from numlean.scalar.protocol import Scalar
from numlean.scalar.registry import scalar_on

_BINARY32: Final = "ieee32exec"
_BINARY64: Final = "binary64exec"
_LEAST: Final = 2.0**-149
_GREATEST: Final = 2.0**128 - 2.0**104
_MOST_STEPS: Final = 1 << 24
"""The greatest integer up to which binary32 has all."""

_FORMS: Final = (
    "none, static(1024), dynamic, or dynamic(65536, growth=2, backoff=0.5, interval=2000)"
)
_CALL: Final = re.compile(r"\s*(\w+)\s*(?:\((.*)\)\s*)?", re.DOTALL)
_NUMBER: Final = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?|[-+]?(inf|nan)")


@checked
@final
@dataclass(frozen=True)
class LossScaling:
    """How a run scales its loss; see :meth:`static` and :meth:`dynamic`.

    Attributes:
        initial: The scale S of the first step.
        growth: The factor of S after ``interval`` good steps; None for a static scale.
        backoff: The factor of S after a skipped step; None for a static scale.
        interval: The number of good steps in a row after which S grows; None for a static scale.

    Raises:
        NumleanError: A number is out of range, or only some of a dynamic scale's are given.
    """

    initial: float
    growth: float | None = None
    backoff: float | None = None
    interval: int | None = None

    def __post_init__(self) -> None:
        for name in ("initial", "growth", "backoff"):
            value = getattr(self, name)
            if value is not None:
                object.__setattr__(self, name, float(value))
        _check(
            "initial scale" if self.is_dynamic else "scale",
            self.initial,
            "finite and above 0 in binary32",
            _LEAST <= self.initial <= _GREATEST,
        )
        if not self.is_dynamic:
            return
        if self.growth is None or self.backoff is None or self.interval is None:
            raise NumleanError(
                "dynamic loss scaling needs growth, backoff and interval, or none of them for a"
                f" static scale; got {self.growth}, {self.backoff} and {self.interval}"
            )
        is_growth = isfinite(self.growth) and self.growth > 1
        _check("growth", self.growth, "finite and above 1", is_growth)
        _check("backoff", self.backoff, "above 0 and below 1", 0 < self.backoff < 1)
        is_interval = 1 <= self.interval <= _MOST_STEPS
        _check("interval", self.interval, f"from 1 to {_MOST_STEPS}", is_interval)

    @classmethod
    def static(cls, scale: float) -> LossScaling:
        """Return the scaling by one number; steps with gradients that are not finite are skipped.

        Raises:
            NumleanError: The scale is not a positive finite number of binary32.
        """
        return cls(scale)

    @classmethod
    def dynamic(
        cls,
        initial: float = 65536.0,
        *,
        growth: float = 2.0,
        backoff: float = 0.5,
        interval: int = 2000,
    ) -> LossScaling:
        """Return the scaling that backs off after a skipped step and grows after good ones.

        Args:
            initial: The scale of the first step.
            growth: The factor of the scale after ``interval`` good steps in a row, above 1.
            backoff: The factor of the scale after a skipped step, below 1.
            interval: The number of good steps, at most 2**24.

        Raises:
            NumleanError: A number is out of range.
        """
        return cls(initial, growth, backoff, interval)

    @property
    def is_dynamic(self) -> bool:
        """Whether the scale changes."""
        return (self.growth, self.backoff, self.interval) != (None, None, None)

    @classmethod
    def parse(cls, text: str) -> LossScaling | None:
        """Return the loss scaling of a text; None for ``none``.

        Texts are ``none``, ``static(S)``, ``dynamic`` and ``dynamic(S, growth=G, backoff=B,
        interval=N)``, where each number of ``dynamic`` may be missing.

        Raises:
            NumleanError: The text is another one, or a number is out of range.
        """
        found = _CALL.fullmatch(text)
        name, given = (found[1], found[2]) if found else ("", None)
        if name == "none" and given is None:
            return None
        if name == "static":
            return cls.static(**_numbers(text, given, ("scale",)))
        if name == "dynamic":
            return cls.dynamic(
                **_numbers(text, given, ("initial", "growth", "backoff", "interval"))
            )
        raise _unreadable(text)

    def __str__(self) -> str:
        if not self.is_dynamic:
            return f"static({_plain(self.initial)})"
        assert self.growth is not None
        assert self.backoff is not None
        return (
            f"dynamic({_plain(self.initial)}, growth={_plain(self.growth)},"
            f" backoff={_plain(self.backoff)}, interval={self.interval})"
        )

    def next_scale(self, scale: Tensor, good: Tensor, found: Tensor) -> tuple[Tensor, Tensor]:
        """Return the scale of the next step, and the number of good steps before it.

        If a gradient was not finite, the scale is S * backoff and the number 0. Else the number is
        n + 1; if that is ``interval``, it becomes 0 and the scale S * growth, unless this is
        infinite. Products are rounded to binary64 and then to binary32, as in PyTorch; for factors
        of up to 29 bits, that is one rounding.

        Args:
            scale: S, of shape ().
            good: The number n of good steps, of shape ().
            found: 1 if a gradient was not finite, else 0; of shape ().
        """
        if self.growth is None or self.backoff is None or self.interval is None:
            return scale, good
        zero, counted = good.literal(0.0), good + good.literal(1.0)
        interval = good.literal(float(self.interval))
        grown = _times(scale, self.growth)
        allowed = choose(is_finite(grown), zero, scale, grown, relation="eq")
        after_good = choose(counted, interval, allowed, scale, relation="eq")
        rest = choose(counted, interval, zero, counted, relation="eq")
        backed_off = _times(scale, self.backoff)
        return (
            choose(found, zero, after_good, backed_off, relation="eq"),
            choose(found, zero, rest, zero, relation="eq"),
        )


def canonical_loss_scaling(text: str) -> str:
    """Return the text of a loss scaling in its own spelling, with all numbers.

    Raises:
        NumleanError: The text is not one of a loss scaling.
    """
    return str(LossScaling.parse(text) or "none")


def scale_scalar(scalar: Scalar) -> Scalar:
    """Return the binary32 Scalar for the scale of a run: the run's own if it is one."""
    format = scalar.format
    if format is not None and format.name == "binary32" and scalar.rounding == "ties_to_even":
        return scalar
    return scalar_on(_BINARY32, scalar.device)


def scaled_value_and_gradient(
    program: Callable[[Sequence[Tensor]], Tensor],
    parameters: Sequence[Tensor],
    scale: Tensor | None,
    *,
    new_tape: Callable[[], Tape] = Tape,
    rule: CotangentRule | None = None,
) -> tuple[Tensor, list[Tensor]]:
    """Return the value of a program, and the gradient of the value times a scale.

    The value is widened or rounded to the Scalar of the scale and multiplied there; so its
    cotangent is the scale, rounded to the value's own Scalar. The value returned is not scaled.

    Args:
        program: Returns a single number.
        parameters: Tensors of any Scalars.
        scale: S, of shape (); None for the gradient itself.
        new_tape: Makes the tape.
        rule: The Scalars of cotangents; None for those of their tensors.
    """
    if scale is None:
        return value_and_gradient(program, parameters, new_tape=new_tape, rule=rule)
    values: list[Tensor] = []

    def scaled(watched: Sequence[Tensor]) -> Tensor:
        value = program(watched)
        values.append(value.detach())
        return cast(value, scale.scalar) * scale

    _, gradient = value_and_gradient(scaled, parameters, new_tape=new_tape, rule=rule)
    return values[0], gradient


def inverse(scale: Tensor) -> Tensor:
    """Return 1 / S, rounded to binary64 and then to binary32."""
    wide = cast(scale, _wide(scale))
    return cast(wide.literal(1.0) / wide, scale.scalar)


def unscaled(gradient: Tensor, factor: Tensor) -> Tensor:
    """Return a gradient times a factor of shape (), which is the inverse of the scale.

    The product is computed in the wider of both Scalars and rounded to that of the gradient. A
    factor of 1 changes no bit.
    """
    own, other = gradient.scalar, factor.scalar
    if widens(other, own):
        return gradient * cast(factor, own)
    return cast(cast(gradient, other) * factor, own)


def any_nonfinite(gradients: Sequence[Tensor], like: Tensor) -> Tensor:
    """Return 1 if an element of a gradient is infinite or a NaN, else 0, of shape ().

    It is never 1 in a format that has neither.

    Args:
        gradients: Tensors of any Scalars.
        like: A tensor of the result's Scalar.
    """
    found = zero = like.literal(0.0)
    for gradient in gradients:
        if gradient.size:
            greatest = max_constant(reshape(abs_(gradient), (gradient.size,)), 0, keepdims=False)
            mask = cast(is_finite(greatest), like.scalar)
            found = choose(mask, zero, like.literal(1.0), found, relation="eq")
    return found


@final
class Choice:
    """Chooses between the results of a step and what they would replace.

    Attributes:
        found: 1 if a gradient is not finite, so that the step is skipped, else 0; of shape ().
    """

    def __init__(self, found: Tensor) -> None:
        self.found = found
        self._in_scalar: list[tuple[Scalar, Tensor]] = []

    def kept(self, before: Tensor, after: Tensor) -> Tensor:
        """Return the tensor before the step if it is skipped, else the one after it."""
        found = self._found(after.scalar)
        return choose(found, found.literal(0.0), after, before, relation="eq")

    def zeroed(self, gradient: Tensor) -> Tensor:
        """Return +0 if the step is skipped, else the gradient."""
        return self.kept(gradient.literal(0.0), gradient)

    def _found(self, scalar: Scalar) -> Tensor:
        for other, found in self._in_scalar:
            if other is scalar:
                return found
        self._in_scalar.append((scalar, cast(self.found, scalar)))
        return self._in_scalar[-1][1]


def _wide(x: Tensor) -> Scalar:
    return scalar_on(_BINARY64, x.scalar.device)


def _times(scale: Tensor, factor: float) -> Tensor:
    wide = cast(scale, _wide(scale))
    return cast(wide * wide.literal(factor), scale.scalar)


def _check(name: str, value: float, allowed: str, is_allowed: bool) -> None:
    if not is_allowed:
        raise NumleanError(f"the {name} of a loss scaling must be {allowed}, got {value}")


def _plain(value: float) -> str:
    """Return the shortest text of a number, without a fraction of 0."""
    return str(int(value)) if value.is_integer() and abs(value) < 2**53 else repr(value)


def _numbers(text: str, given: str | None, names: Sequence[str]) -> dict[str, Any]:
    """Return the numbers between the parentheses of a text by their names."""
    numbers: dict[str, Any] = {}
    for place, part in enumerate((given or "").split(",") if (given or "").strip() else ()):
        key, sign, value = (each.strip() for each in part.rpartition("="))
        name = key if sign else names[0]
        if (not sign and place) or name not in names or name in numbers:
            raise _unreadable(text)
        numbers[name] = _number(text, name, value)
    if names == ("scale",) and not numbers:
        raise _unreadable(text)
    return numbers


def _number(text: str, name: str, value: str) -> float | int:
    if not _NUMBER.fullmatch(value):
        raise _unreadable(text)
    number = float(value)
    if name != "interval":
        return number
    if not number.is_integer():
        raise NumleanError(f"the interval of a loss scaling must be an integer, got {value:.40}")
    return int(number)


def _unreadable(text: str) -> NumleanError:
    return NumleanError(f"a loss scaling is {_FORMS}; got {text!r:.80}")
