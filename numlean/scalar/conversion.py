"""Conversions as operations of their own: a rounding and an overflow in place of a Scalar's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from inspect import Parameter, signature
from typing import Any, Final, Protocol, Self, runtime_checkable

import numpy as np

from numlean.errors import NumleanError, UnavailableError, UnknownNameError
from numlean.scalar.rounding_names import DIRECTIONS, FEW_BITS, STOCHASTIC, canonical_rounding
from numlean_kernels.protocol import Table, Target

INFINITE: Final = "infinite"
SATURATE: Final = "saturate"
SATURATE_FINITE: Final = "saturate_finite"
NAN: Final = "nan"

OVERFLOWS: Final = (INFINITE, SATURATE, SATURATE_FINITE, NAN)
"""What may stand for a result beyond the range, and for an infinity."""

WRAP: Final = "wrap"
"""A further choice of fixed-point numbers."""

_SEEDS: Final = 1 << 64
_MOST_BITS: Final = 32


@dataclass(frozen=True)
class Conversion:
    """The choices of one conversion.

    Attributes:
        rounding: A direction, ``stochastic`` or ``stochastic_a:N`` (``_b``, ``_c``); None for the
            rounding of the result's Scalar.
        overflow: One of ``OVERFLOWS``, or ``wrap``; None for that of the result's Scalar.
        seed: The seed of random bits; None for that of the stream.
    """

    rounding: str | None = None
    overflow: str | None = None
    seed: int | None = None

    @classmethod
    def of(
        cls, rounding: str | None = None, overflow: str | None = None, seed: int | None = None
    ) -> Self:
        """Return the choices that texts name, in any case.

        Raises:
            UnknownNameError: A text names no choice.
            NumleanError: The seed is out of range, or the rounding is in a direction.
        """
        if rounding is not None:
            rounding = _known_rounding(rounding)
        if overflow is not None:
            name = overflow.casefold() if isinstance(overflow, str) else overflow
            if name not in (*OVERFLOWS, WRAP):
                raise UnknownNameError("overflow", str(overflow), (*OVERFLOWS, WRAP))
            overflow = name
        if seed is not None:
            _check_seed(seed, rounding)
        return cls(rounding, overflow, seed)

    @property
    def is_plain(self) -> bool:
        """Whether it rounds as the result's Scalar does."""
        return self.rounding is None and self.overflow is None and self.seed is None

    @property
    def is_random(self) -> bool:
        """Whether its own rounding draws random bits."""
        return self.rounding is not None and self.rounding not in DIRECTIONS

    def options(self) -> dict[str, Any]:
        """Return the choices that are made, as arguments of ``cast_from``."""
        every = {"rounding": self.rounding, "overflow": self.overflow, "seed": self.seed}
        return {name: value for name, value in every.items() if value is not None}


def _known_rounding(text: str) -> str:
    name = canonical_rounding(text) if isinstance(text, str) else text
    if name not in (*DIRECTIONS, STOCHASTIC) and not (
        isinstance(name, str) and FEW_BITS.fullmatch(name)
    ):
        few = tuple(f"stochastic_{variant}:N" for variant in "abc")
        raise UnknownNameError("rounding", str(text), (*DIRECTIONS, STOCHASTIC, *few))
    few_of = few_bits(name)
    if few_of is not None and few_of[1] > _MOST_BITS:
        raise NumleanError(f"{name} is not a rounding: write {name[:12]}:N with N from 1 to 32")
    return str(name)


def _check_seed(seed: int, rounding: str | None) -> None:
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or not 0 <= seed < _SEEDS:
        raise NumleanError(f"a seed is an integer from 0 below 2**64, got {seed!r:.80}")
    if rounding is not None and rounding in DIRECTIONS:
        raise NumleanError(f"seed={seed} is for a stochastic rounding, not for {rounding}")


def few_bits(rounding: str) -> tuple[str, int] | None:
    """Return the variant and the number of bits of ``stochastic_a:8``; None of other roundings."""
    match = FEW_BITS.fullmatch(rounding)
    return None if match is None else (match[1], int(match[2]))


@dataclass(frozen=True)
class Rounder:
    """The rounding of any number to numbers of a codec, under the choices of a conversion.

    Attributes:
        encode: ``encode(value, *word)``: an exact value that is not -0 rounded once to an element
            of storage, and the flags that this raises. ``word`` is a random word of 64 bits if the
            rounding draws.
        table: Returns the table of a target that has ``cast_name(format)`` and ``from_binary64``
            with the same results, as codes that ``codec.from_bits`` takes, and the flags; its
            routines take the random word after the operand. None if there is no such table.
        code_dtype: The dtype of those codes.
    """

    encode: Callable[..., tuple[Any, int]]
    table: Callable[[Target], Table] | None = None
    code_dtype: np.dtype[Any] | None = None


@runtime_checkable
class RoundingCodec(Protocol):
    """A codec to whose numbers others are rounded under any choices.

    Without it a Scalar has conversions by its own rounding only.
    """

    def rounder(self, conversion: Conversion) -> Rounder:
        """Return the rounding of a conversion, whose choices may be None.

        Raises:
            NumleanError: The numbers do not have one of the choices.
        """


def rounder_of(name: str, codec: Any, conversion: Conversion) -> Rounder:
    """Return the rounding of a conversion to the numbers of a codec.

    Raises:
        UnavailableError: The codec has only its own.
        NumleanError: The numbers do not have one of the choices.
    """
    if not isinstance(codec, RoundingCodec):
        raise UnavailableError(
            f"{name} converts by its own rounding only: leave out rounding, overflow and seed"
        )
    rounder: Rounder = codec.rounder(conversion)
    return rounder


def check_options(scalar: Any, method: str, options: dict[str, Any]) -> None:
    """Check that a method of a Scalar written by hand takes the options of a conversion.

    Raises:
        UnavailableError: It does not.
    """
    parameters = signature(getattr(scalar, method)).parameters
    takes_all = any(each.kind is Parameter.VAR_KEYWORD for each in parameters.values())
    missing = [name for name in options if name not in parameters]
    if missing and not takes_all:
        raise UnavailableError(
            f"{scalar.name} converts by its own rounding only: its {method} does not take"
            f" {', '.join(missing)}"
        )
