"""The table of routines whose modes are an operand: rounding, tininess, NaN rule and flushing."""

from __future__ import annotations

from functools import cache

from numlean_kernels.formats import Format
from numlean_kernels.ieee.modes import modal_builder, modal_routine
from numlean_kernels.protocol import Routine, Table, Target

_FLAGGED = "flagged "


@cache
def modal_table(format: Format, target: Target) -> Table:
    """Return the routines of a format on a target.

    ``table["flagged " + name]`` takes the operands and a word of modes
    (:func:`numlean_kernels.ieee.modes.modes_of`), and returns the result and the flags raised.
    """
    builder = modal_builder(format, target)

    def make(name: str) -> Routine:
        if not name.startswith(_FLAGGED):
            raise KeyError(name)
        return modal_routine(builder, name.removeprefix(_FLAGGED))

    return Table(key=f"modal/{format.key}", zero=builder.word(0), make=make)
