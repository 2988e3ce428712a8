"""Block formats as data: elements, scales, and the rules that libraries choose differently.

A number of a block is its element times the scale of the block, and in formats of two levels times
a scale of the tensor.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Final, Self, TypeAlias, final

from numlean_kernels.formats import BINARY64, Format, Nans
from numlean_kernels.ieee.arithmetic import Arithmetic, Overflow, RandomBits, Rounding
from numlean_kernels.ieee.convert import cast_name


class ScaleRule(Enum):
    """The exponent e of the scale of a block whose greatest magnitude is amax.

    Let 2**k <= amax < 2**(k+1), and emax the exponent of the greatest element.
    """

    FLOOR = "floor"
    """k - emax."""
    CEIL = "ceil"
    """One more, unless amax is a power of two."""
    EVEN = "even"
    """k - emax of amax rounded to the bits of an element: half a unit is added to its encoding."""
    RCEIL = "rceil"
    """The least e for which no element exceeds the greatest one."""


class Quantizer(Enum):
    """The way from a tensor to scales of two levels and elements; :mod:`.two_level` has each."""

    EXACT = "exact"
    TORCHAO = "torchao"
    TRANSFORMER_ENGINE = "transformer_engine"
    UNIVERSAL = "universal"
    TRITON = "triton"
    MICROXCALING = "microxcaling"


@final
@dataclass(frozen=True)
class Element:
    """A number of a block before its scale.

    Attributes:
        format: The format. Integers are those of sign and magnitude.
        is_integer: Whether codes are two's complement, n * 2**-6 for -127 <= n <= 127.
    """

    format: Format
    is_integer: bool = False

    @property
    def nan(self) -> int:
        """The code of a NaN; that of -0 if there is none, and 0 of integers."""
        return 0 if self.is_integer else self.format.default_nan


INT8: Final = Element(
    # The magnitudes 0 to 127 are the codes of subnormal and normal numbers: n * 2**-6.
    Format("int8", 1, 6, nans=Nans.NONE, has_infinity=False, exponent_bias=1),
    is_integer=True,
)


@final
@dataclass(frozen=True)
class ElementRounding:
    """How a quotient becomes an element or a scale: rounded once, and at most the greatest one.

    Attributes:
        rounding: The direction.
        random: The random bits of a stochastic one; None for as many as there are.
    """

    rounding: Rounding = Rounding.TIES_TO_EVEN
    random: RandomBits | None = None

    @classmethod
    def of(cls, name: str) -> Self:
        """Return the rounding of a name, such as ``ties_to_even`` or ``stochastic_a:8``.

        Raises:
            ValueError: The name is of none.
        """
        variant, colon, bits = name.removeprefix("stochastic_").partition(":")
        if colon:
            return cls(Rounding.STOCHASTIC, RandomBits(variant, int(bits)))
        return cls(Rounding(name))

    @property
    def is_stochastic(self) -> bool:
        """Whether each element takes a word of random bits."""
        return self.rounding is Rounding.STOCHASTIC

    def arithmetic(self, format: Format) -> Arithmetic:
        """Return the arithmetic whose conversions round to a format so."""
        return Arithmetic(format, self.rounding, overflow=Overflow.SATURATE, random=self.random)

    @property
    def key(self) -> str:
        """A text that only this rounding has."""
        return self.rounding.value if self.random is None else str(self.random)


@final
@dataclass(frozen=True)
class PowerScale:
    """How the scale 2**e of a block follows from its greatest magnitude, amax.

    e is clamped to -127 from below. The code of a scale is e + 127; 255 is NaN.

    Attributes:
        rule: The exponent.
        infinite: The code for an infinite amax.
        beyond: The code for e > 127.
        skips_nan: Whether NaNs do not count in amax. Otherwise a NaN makes the scale NaN.
        zero_as: The binary32 encoding that takes the place of amax = 0.
        carry_is_infinite: Whether ``even`` takes an amax that is rounded to 2**128 for infinite.
    """

    rule: ScaleRule = ScaleRule.FLOOR
    infinite: int = 255
    beyond: int = 255
    skips_nan: bool = False
    zero_as: int = 0
    carry_is_infinite: bool = False

    @property
    def key(self) -> str:
        """A text that only this choice has."""
        own = (self.infinite, self.beyond, self.skips_nan, self.zero_as, self.carry_is_infinite)
        return "-".join([self.rule.value, *(str(int(each)) for each in own)])


@final
@dataclass(frozen=True)
class PowerRule:
    """A format whose scales are powers of two (OCP MX), and how numbers come into it.

    Attributes:
        element: The elements.
        size: The number of elements of a block.
        scale: How scales follow from numbers.
        elements: How elements do.
    """

    element: Element
    size: int
    scale: PowerScale = field(default_factory=PowerScale)
    elements: ElementRounding = field(default_factory=ElementRounding)

    @property
    def key(self) -> str:
        """A text that only this rule has, but for the size."""
        return "/".join([self.element.format.key, self.scale.key, self.elements.key])


@final
@dataclass(frozen=True)
class TwoLevelRule:
    """A format with a small float for each block and a binary32 number for the tensor (NVFP4).

    Attributes:
        element: The elements.
        size: The number of elements of a block.
        scale: The format of the blocks' scales.
        quantizer: How scales and elements follow from numbers.
        elements: How elements are rounded.
        scales: How a block's scale is rounded.
    """

    element: Element
    size: int
    scale: Format
    quantizer: Quantizer = Quantizer.EXACT
    elements: ElementRounding = field(default_factory=ElementRounding)
    scales: ElementRounding = field(default_factory=ElementRounding)

    @property
    def key(self) -> str:
        """A text that only this rule has, but for the size."""
        scale = f"{self.scale.key} {self.scales.key}"
        own = (self.element.format.key, scale, self.quantizer.value, self.elements.key)
        return "/".join(own)


BlockRule: TypeAlias = PowerRule | TwoLevelRule

ROUND: Final = cast_name(BINARY64)
"""The routine of an arithmetic's table that rounds a binary64 encoding."""
