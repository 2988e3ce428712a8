"""The choices that a format leaves open: rounding, NaNs, subnormals (clauses 4.3, 6.2, 7.5)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from numlean_kernels.formats import Format


class Rounding(Enum):
    """The rounding direction of a result between two numbers."""

    TIES_TO_EVEN = "ties_to_even"
    TIES_TO_AWAY = "ties_to_away"
    TOWARD_ZERO = "toward_zero"
    TOWARD_POSITIVE = "toward_positive"
    TOWARD_NEGATIVE = "toward_negative"
    TO_ODD = "to_odd"
    STOCHASTIC = "stochastic"


class NanRule(Enum):
    """The rule for the NaN that an operation returns; :mod:`.nan` defines each."""

    TORCHLEAN = "torchlean"
    CANONICAL = "canonical"
    X86 = "x86"
    ARM = "arm"
    RISCV = "riscv"
    CUDA = "cuda"


class Subnormal(Enum):
    """Whether subnormal operands and results are numbers or count as zeros of their sign."""

    KEEP = "keep"
    FLUSH = "flush"


class Tininess(Enum):
    """Whether underflow is detected on the rounded result or on the exact one (clause 7.5)."""

    AFTER = "after"
    BEFORE = "before"


class Overflow(Enum):
    """Whether overflow gives infinity (a NaN in formats without infinity) or the largest number.

    ``SATURATE`` is the conversion mode of the OCP formats, applied to every operation.
    """

    INFINITE = "infinite"
    SATURATE = "saturate"


@dataclass(frozen=True)
class Arithmetic:
    """A format and the choices that determine the result of every operation."""

    format: Format
    rounding: Rounding = Rounding.TIES_TO_EVEN
    nan: NanRule = NanRule.TORCHLEAN
    subnormal: Subnormal = Subnormal.KEEP
    tininess: Tininess = Tininess.AFTER
    overflow: Overflow = Overflow.INFINITE

    @property
    def key(self) -> str:
        """All choices by name: arithmetics with equal keys compute equal bits."""
        choices = (self.rounding, self.nan, self.subnormal, self.tininess, self.overflow)
        return "/".join([self.format.key, *(choice.value for choice in choices)])
