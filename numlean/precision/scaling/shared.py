"""Scales of block formats: the rules of MX and NVFP4 for the operands of a contraction."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Final, Literal, TypeAlias, final

from numlean.arguments import checked
from numlean.errors import NumleanError
from numlean.precision.blocks import BlockFormat, get_block_format
from numlean.precision.scaling.hadamard import Hadamard
from numlean.scalar.dtype import Dtype
from numlean.scalar.protocol import Scalar

Kind: TypeAlias = Literal["mx", "nvfp4"]
"""The kinds of block formats."""

SCALE_DTYPES: Final[dict[Kind, str]] = {"mx": "e8m0", "nvfp4": "e4m3"}
"""The dtype of the scales of blocks."""


_ROUND: Final = "round"
"""The option of a dtype that elements follow."""


@checked
@final
@dataclass(frozen=True)
class Shared:
    """Each block has a scale by the rules of a block format.

    Attributes:
        kind: ``mx``: powers of two. ``nvfp4``: numbers of e4m3, and one of binary32 for the tensor.
        rule: The rule of powers of two; None for that of the preset.
        preset: The library whose rules apply otherwise; None for the format's own default.
        hadamard: The transform of numbers along k before that; None for none.
    """

    kind: Kind
    rule: str | None = None
    preset: str | None = None
    hadamard: Hadamard | None = None

    @property
    def settings(self) -> tuple[str, ...]:
        """The method with its settings, as texts."""
        given = [
            *([] if self.rule is None else [f"rule={self.rule}"]),
            *([] if self.preset is None else [f"preset={self.preset}"]),
            *([] if self.hadamard is None else [str(self.hadamard)]),
        ]
        return (f"{self.kind}({', '.join(given)})" if given else self.kind,)

    def check(self) -> None:
        """Check the rule and the preset.

        Raises:
            NumleanError: One is unknown, or of another kind of format.
        """
        _block_format(self, "e2m1", 1)

    def block_format(self, element: Scalar, size: int) -> BlockFormat:
        """Return the format of elements in a Scalar's format, rounded as the Scalar rounds.

        Raises:
            NumleanError: There is no such format, or the rules are of another kind.
        """
        return _block_format(self, element.name, size)


@cache
def _block_format(scaling: Shared, element: str, size: int) -> BlockFormat:
    dtype = Dtype.parse(element)
    further = [f"{name}={value}" for name, value in dtype.options.items() if name != _ROUND]
    if further:
        raise NumleanError(
            f"elements of block formats take the option {_ROUND}= only, got {element}; leave"
            f" {', '.join(further)} out"
        )
    return get_block_format(
        f"block:{dtype.text.partition('@')[0]}/{SCALE_DTYPES[scaling.kind]}",
        scale_rule=scaling.rule,
        preset=scaling.preset,
        rounding=dtype.options.get(_ROUND),
        size=size,
    )
