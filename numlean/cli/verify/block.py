"""A mismatch as one aligned block, which can be pasted into a test."""

from __future__ import annotations

from typing import TYPE_CHECKING

from numlean.text_table import align_rows
from numlean_kernels.flags import FLAGS
from numlean_kernels.formats import Format

if TYPE_CHECKING:
    from numlean.verification import Mismatch


def as_block(title: str, format: Format, first: Mismatch) -> str:
    """Return operands, expected and actual result as encodings with their fields, and flags."""
    rows = [(name, format.format_bits(a)) for name, a in zip("abc", first.operands, strict=False)]
    flags = ("", "")
    if first.expected_flags is not None:
        flags = (_flag_names(first.expected_flags), _flag_names(first.actual_flags))
    rows.append(("expected", f"{format.format_bits(first.expected)}   {flags[0]}"))
    rows.append(("actual", f"{format.format_bits(first.actual)}   {flags[1]}"))
    return "\n".join([title, *align_rows(rows, indent="  ")])


def _flag_names(flags: int) -> str:
    return ", ".join(name for name, bit in FLAGS.items() if flags & bit) or "no flag"
