"""A mismatch as one aligned block, which can be pasted into a test."""

from __future__ import annotations

from typing import TYPE_CHECKING

from numlean_kernels.flags import FLAGS
from numlean_kernels.formats import Format

if TYPE_CHECKING:
    from numlean.verification import Mismatch


def as_block(title: str, format: Format, first: Mismatch) -> str:
    """The operands, what was expected and what came, encodings with their fields, and flags."""
    rows = list(zip("abc", first.operands, strict=False))
    rows += [("expected", first.expected), ("actual", first.actual)]
    lines = [f"  {label:<9} {format.format_bits(bits)}" for label, bits in rows]
    if first.expected_flags is not None:
        lines[-2] += f"   {_flag_names(first.expected_flags)}"
        lines[-1] += f"   {_flag_names(first.actual_flags)}"
    return "\n".join([title, *lines])


def _flag_names(flags: int) -> str:
    return ", ".join(name for name, bit in FLAGS.items() if flags & bit) or "no flag"
