"""Counts of the exceptions that operations raise (IEEE 754-2019, clause 7)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from numlean.arguments import checked
from numlean.errors import NumleanError
from numlean.text_table import TextTable
from numlean_kernels.flags import FLAGS


@checked
@dataclass
class Flags:
    """The number of times that each exception was raised.

    Pass it to an operation, ``s.add(x, y, flags=flags)``: the operation on each element adds one
    for each exception that it raises.

    Attributes:
        invalid: No useful result exists, as for 0/0.
        divide_by_zero: An exact infinity from finite operands.
        overflow: The rounded result is beyond the range.
        underflow: The result is tiny and inexact.
        inexact: The result was rounded.
    """

    invalid: int = 0
    divide_by_zero: int = 0
    overflow: int = 0
    underflow: int = 0
    inexact: int = 0

    def count(self, bits: Sequence[int]) -> None:
        """Add the number of times that each bit of the kernels' flags was set, the lowest first.

        Raises:
            NumleanError: There is not a number for each bit.
        """
        if len(bits) < len(FLAGS):
            raise NumleanError(f"there are {len(FLAGS)} flags, got {len(bits)} numbers")
        for name, bit in FLAGS.items():
            setattr(self, name, getattr(self, name) + int(bits[bit.bit_length() - 1]))

    def add(self, other: Flags) -> None:
        """Add another's counts."""
        for name in FLAGS:
            setattr(self, name, getattr(self, name) + getattr(other, name))

    def __bool__(self) -> bool:
        return any(getattr(self, name) for name in FLAGS)

    def _repr_html_(self) -> str:
        rows = tuple((name, str(count)) for name, count in self.as_dict().items())
        return TextTable(("exception", "times raised"), rows, "<>").to_html(row_headers=True)

    def as_dict(self) -> dict[str, int]:
        """Return the counts by name, in the standard's order."""
        return {name: getattr(self, name) for name in FLAGS}
