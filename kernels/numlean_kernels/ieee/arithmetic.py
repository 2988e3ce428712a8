"""The choices that a format leaves open: rounding, NaNs, subnormals (clauses 4.3, 6.2, 7.5)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

from numlean_kernels.formats import Format


class Rounding(Enum):
    """The rounding direction of a result between two numbers."""

    TIES_TO_EVEN = "ties_to_even"
    TIES_TO_AWAY = "ties_to_away"
    TOWARD_ZERO = "toward_zero"
    TOWARD_POSITIVE = "toward_positive"
    TOWARD_NEGATIVE = "toward_negative"
    TO_ODD = "to_odd"
    AWAY_FROM_ZERO = "away_from_zero"
    STOCHASTIC = "stochastic"


class NanRule(Enum):
    """The rule for the NaN that an operation returns; :mod:`.nan` defines each."""

    TORCHLEAN = "torchlean"
    CANONICAL = "canonical"
    X86 = "x86"
    ARM = "arm"
    RISCV = "riscv"
    CUDA = "cuda"
    MAX = "max"


class Subnormal(Enum):
    """Whether subnormal operands and results are numbers or count as zeros of their sign."""

    KEEP = "keep"
    FLUSH = "flush"


class Tininess(Enum):
    """Whether underflow is detected on the rounded result or on the exact one (clause 7.5)."""

    AFTER = "after"
    BEFORE = "before"


class Overflow(Enum):
    """What stands for a result beyond the range, and for an exact infinity.

    ``INFINITE`` is IEEE 754: infinity, or by the rounding the largest number. A format without
    infinity has a NaN in its place, or if it has none the largest number. ``SATURATE`` gives the
    largest number in both cases: the conversion mode of the OCP formats, applied to every
    operation. ``SATURATE_FINITE`` gives the largest number for a result beyond the range, and keeps
    exact infinities where the format has them. ``NAN`` gives a NaN in both cases.
    """

    INFINITE = "infinite"
    SATURATE = "saturate"
    SATURATE_FINITE = "saturate_finite"
    NAN = "nan"


MOST_RANDOM_BITS: Final = 32
"""The most bits of a ``RandomBits``."""


@dataclass(frozen=True)
class RandomBits:
    """Stochastic rounding as hardware does it, with a few random bits.

    Let eta in [0, 1) be the discarded part of a magnitude in units of the last place kept, and R a
    random integer of N bits, the most significant ones of the random word. A magnitude is rounded
    up if

    - ``a``: floor(eta * 2**N) + R >= 2**N;
    - ``b``: floor(eta * 2**(N+1)) + 2*R + 1 >= 2**(N+1);
    - ``c``: eta * 2**N, rounded to nearest even, + R >= 2**N.

    Attributes:
        variant: ``a``, ``b`` or ``c``.
        bits: N.
    """

    variant: str
    bits: int

    def __post_init__(self) -> None:
        if self.variant not in ("a", "b", "c") or not 1 <= self.bits <= MOST_RANDOM_BITS:
            raise ValueError(
                f"stochastic_{self.variant}:{self.bits} is not a rounding: write stochastic_a:N, _b"
                f" or _c with N from 1 to {MOST_RANDOM_BITS}"
            )

    def __str__(self) -> str:
        return f"stochastic_{self.variant}:{self.bits}"


@dataclass(frozen=True)
class Arithmetic:
    """A format and the choices that determine the result of every operation.

    ``random`` are the random bits of ``Rounding.STOCHASTIC``; None for as many as there are.

    Raises:
        ValueError: The format has no NaN for ``Overflow.NAN``, or has one in spite of
            ``NanRule.MAX``; or it has too many bits for so many random ones.
    """

    format: Format
    rounding: Rounding = Rounding.TIES_TO_EVEN
    nan: NanRule = NanRule.TORCHLEAN
    subnormal: Subnormal = Subnormal.KEEP
    tininess: Tininess = Tininess.AFTER
    overflow: Overflow = Overflow.INFINITE
    random: RandomBits | None = None

    def __post_init__(self) -> None:
        # A word of 64 bits has 63 - p below those of the number; the last of them is sticky.
        most = 63 - self.format.precision - 2
        if self.random is not None and self.random.bits > most:
            raise ValueError(f"{self.random} of {self.format.name}: N is at most {most}")
        if self.overflow is Overflow.NAN and not self.format.has_nan:
            raise ValueError(f"{self.format.name} has no NaN, which overflow=nan gives")
        if self.nan is NanRule.MAX and self.format.has_nan:
            raise ValueError(
                f"{self.format.name} has a NaN; nan=max is for formats without one, such as e2m1"
            )

    @property
    def key(self) -> str:
        """All choices by name: arithmetics with equal keys compute equal bits."""
        choices = (self.nan, self.subnormal, self.tininess, self.overflow)
        rounding = self.rounding.value if self.random is None else str(self.random)
        return "/".join([self.format.key, rounding, *(choice.value for choice in choices)])
