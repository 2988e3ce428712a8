"""The results of a benchmark: printed while they arrive, and kept as data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from numlean.benchmarks.measurement import KIND, VERSION, Measurement
from numlean.cli.streams import PrintedLines
from numlean.text_table import RowFormat


@dataclass
class Report:
    """What a benchmark found.

    Attributes:
        printed: Where lines for people are printed; None to print none.
        measurements: The times, in the order in which they were measured.
        notes: What was left out, and why.
        differences: The bits that differ where they must not, in words.
    """

    printed: PrintedLines | None = field(default_factory=lambda: PrintedLines(is_only_output=True))
    measurements: list[Measurement] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    differences: list[str] = field(default_factory=list)

    def line(self, text: str) -> None:
        """Print a line for people."""
        if self.printed is not None:
            self.printed.write(text)

    def row(self, row_format: RowFormat, cells: Sequence[str]) -> None:
        """Print a row of a table for people."""
        self.line(row_format.line(cells))

    def add(self, *measurements: Measurement) -> None:
        """Keep measurements."""
        self.measurements += measurements

    def note(self, text: str) -> None:
        """Print and keep why something is left out."""
        self.notes.append(text)
        self.line(f"  {text}")

    def difference(self, text: str) -> None:
        """Print and keep bits that differ."""
        self.differences.append(text)
        self.line(text)

    def to_plain(
        self, subject: str, settings: dict[str, Any], machine: dict[str, Any]
    ) -> dict[str, Any]:
        """Return the document that ``numlean bench --json`` prints."""
        return {
            "kind": KIND,
            "version": VERSION,
            "subject": subject,
            "settings": settings,
            "machine": machine,
            "measurements": [each.to_plain() for each in self.measurements],
            "notes": self.notes,
            "differences": self.differences,
        }
