"""Scalings as data: which numbers of an operand share a scale, and what the scale follows from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias, final

from numlean.arguments import checked
from numlean.errors import NumleanError
from numlean.precision.blocks.names import MOST_NUMBERS
from numlean.precision.scaling.shared import Shared

Algorithm: TypeAlias = Literal["max", "most_recent"]
"""The entry of a history that determines a scale: the greatest, or the last."""

Transpose: TypeAlias = Literal["source", "copy"]
"""What the transpose of an operand is quantised from."""

LONGEST_HISTORY: Final = 1_000_000
"""The most entries of a history."""

GREATEST_MARGIN: Final = 100
"""The greatest magnitude of a margin: a larger one would leave the range of binary32."""


GREATEST_EPSILON: Final = 1e38
"""The greatest ``amax_epsilon``: a larger one might leave the range of binary32."""


@checked
@final
@dataclass(frozen=True)
class Granularity:
    """The numbers of an operand that share a scale, as its contraction sees the operand.

    A row is a vector along the contracted axis k: a row of the left operand (n, k), a column of
    the right operand (k, m).

    Attributes:
        rows: The number of rows of a block; None for the whole operand.
        terms: The number of consecutive k of a block; None for all of them.

    Raises:
        NumleanError: It is neither the whole operand, nor a row, nor a block.
    """

    rows: int | None
    terms: int | None

    def __post_init__(self) -> None:
        if (self.rows, self.terms) in ((None, None), (1, None)):
            return
        if self.rows is None or self.terms is None or min(self.rows, self.terms) < 1:
            raise NumleanError(
                "a scale serves a tensor, a row, or a block of at least 1x1 numbers; got"
                f" {self.rows} rows and {self.terms} terms"
            )

    @property
    def is_tensor(self) -> bool:
        """Whether one scale serves the whole operand."""
        return self.rows is None

    def __str__(self) -> str:
        if self.terms is not None:
            return f"block({self.rows}x{self.terms})"
        return "tensor" if self.is_tensor else "row"


TENSOR: Final = Granularity(None, None)
ROW: Final = Granularity(1, None)


@checked
@final
@dataclass(frozen=True)
class Current:
    """Each scale follows from the numbers that it scales.

    Attributes:
        amax_epsilon: The greatest magnitude is raised to this one if it is smaller.

    Raises:
        NumleanError: That magnitude is negative, a NaN, or beyond the range of binary32.
    """

    amax_epsilon: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.amax_epsilon <= GREATEST_EPSILON:
            raise NumleanError(
                f"amax_epsilon is from 0 to {GREATEST_EPSILON:g}, got {self.amax_epsilon}"
            )

    @property
    def settings(self) -> tuple[str, ...]:
        """The settings that differ from the default ones, as texts."""
        return (f"amax_epsilon={self.amax_epsilon!r}",) if self.amax_epsilon else ()


@checked
@final
@dataclass(frozen=True)
class Delayed:
    """Each scale follows from the greatest magnitudes of earlier steps.

    Attributes:
        history: The number of steps that are kept.
        algo: ``max`` takes the greatest magnitude of the history, ``most_recent`` the last one.
        margin: The greatest number of the operand's format is divided by 2**margin.

    Raises:
        NumleanError: The history has no entry or too many, or the margin is too large.
    """

    history: int = 1024
    algo: Algorithm = "max"
    margin: int = 0

    def __post_init__(self) -> None:
        if not 1 <= self.history <= LONGEST_HISTORY:
            raise NumleanError(
                f"history has 1 to {LONGEST_HISTORY} entries, got history={self.history}"
            )
        if abs(self.margin) > GREATEST_MARGIN:
            raise NumleanError(
                f"margin is from -{GREATEST_MARGIN} to {GREATEST_MARGIN}, got margin={self.margin}"
            )

    @property
    def settings(self) -> tuple[str, ...]:
        """The method with its settings, as texts."""
        return (f"delayed(history={self.history}, algo={self.algo}, margin={self.margin})",)


@checked
@final
@dataclass(frozen=True)
class Int8:
    """Codes are integers from -128 to 127, by torchao's mixed precision with int8.

    With a the greatest magnitude, the factor that undoes a scale is c = a / 127, and the scale
    1 / max(c, 1e-12). A sum is multiplied by the factor of one operand, rounded, and then by that
    of the other one.
    """

    @property
    def settings(self) -> tuple[str, ...]:
        """The method, as a text."""
        return ("int8",)


@checked
@final
@dataclass(frozen=True)
class Scaling:
    """The scales of an operand.

    Attributes:
        granularity: The numbers that share a scale.
        method: What a scale follows from.
        power_of_two: Whether scales are rounded down to a power of two.
        transpose: What an operand is quantised from where a gradient takes its transpose, so that
            it is contracted along another axis than in the product before: the numbers
            (``source``), or the values of the codes of that product (``copy``).

    Raises:
        NumleanError: A delayed scale is to serve less than a tensor, one of integers or of a block
            format is to be a power of two, one of a block format serves no block or too large a
            one, or a tensor's single scale has a choice of its transpose.
    """

    granularity: Granularity = TENSOR
    method: Current | Delayed | Int8 | Shared = field(default_factory=Current)
    power_of_two: bool = False
    transpose: Transpose = "source"

    def __post_init__(self) -> None:
        if self.granularity.is_tensor and self.transpose != "source":
            raise NumleanError(
                "one scale serves a whole tensor, whichever axis is contracted; write"
                " transpose=copy for row or block"
            )
        if isinstance(self.method, Delayed) and not self.granularity.is_tensor:
            raise NumleanError(
                f"{self.granularity}: a delayed scale serves a whole tensor; write tensor(delayed),"
                f" or {self.granularity} without delayed"
            )
        if self.power_of_two and (self.is_integer or self.shared is not None):
            name = self.method.settings[0]
            raise NumleanError(f"{name} and power_of_two exclude each other; leave one of them out")
        if self.shared is not None:
            self._check_blocks(self.shared)

    def _check_blocks(self, shared: Shared) -> None:
        rows, terms = self.granularity.rows, self.granularity.terms
        if rows is None or terms is None:
            raise NumleanError(
                f"{shared.kind} has a scale for each block; write block(1x32, mx) or"
                " block(1x16, nvfp4)"
            )
        if rows * terms > MOST_NUMBERS:
            raise NumleanError(
                f"{self.granularity}: a block of {shared.kind} has at most {MOST_NUMBERS} numbers,"
                f" got {rows * terms}"
            )

    @property
    def is_integer(self) -> bool:
        """Whether codes are integers."""
        return isinstance(self.method, Int8)

    @property
    def shared(self) -> Shared | None:
        """The rules of a block format, if scales follow from such."""
        return self.method if isinstance(self.method, Shared) else None

    @property
    def is_delayed(self) -> bool:
        """Whether scales follow from earlier steps, so that they are part of a run's state."""
        return isinstance(self.method, Delayed)

    def __str__(self) -> str:
        """Return the text from which ``scaling_named`` makes an equal one."""
        own = str(self.granularity)
        name, _, extents = own.rstrip(")").partition("(")
        settings = [*filter(None, (extents,)), *self.method.settings]
        settings += ["power_of_two"] if self.power_of_two else []
        settings += [] if self.transpose == "source" else [f"transpose={self.transpose}"]
        return f"{name}({', '.join(settings)})" if settings else name
