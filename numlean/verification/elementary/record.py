"""The findings of a long comparison, kept in a file, so that it can be resumed."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from numlean.data.bounded_json import parse_bounded
from numlean.data.input_file import read_input
from numlean.errors import DataError, DocumentError, NumleanError
from numlean.files import atomic
from numlean.files.messages import reason_of
from numlean.json_lines import read_document
from numlean.verification.elementary.comparison import Findings


@dataclass(frozen=True)
class _Entry:
    """The number of compared batches of a function, and the findings."""

    batches: int
    findings: Findings

    def __post_init__(self) -> None:
        if self.batches < 0:
            raise DocumentError(f"batches must not be negative, got {self.batches!s:.24}")


@dataclass(frozen=True)
class _Document:
    """The contents of a record."""

    subject: dict[str, Any]
    functions: dict[str, _Entry]


@dataclass
class Record:
    """A file with the number of compared batches of each function, and the findings.

    It is replaced as a whole after each batch, so that it is complete whenever writing is
    interrupted.

    Attributes:
        path: The file; None writes nothing.
        subject: The comparison; a record of another comparison is refused.
        functions: The compared batches and findings, by function.
    """

    path: Path | None
    subject: dict[str, Any]
    functions: dict[str, tuple[int, Findings]]

    @classmethod
    def open(cls, path: str | None, subject: dict[str, Any]) -> Record:
        """Return the record in a file, or an empty one if the file does not exist.

        Raises:
            NumleanError: The file is not a record, is one of another comparison, or is not
                writable.
        """
        record = cls(Path(path) if path is not None else None, subject, {})
        if record.path is None:
            return record
        if record.path.exists():
            try:
                content = read_input(record.path, error=NumleanError)
            except NumleanError as error:
                raise NumleanError(f"--resume {error}") from None
            try:
                record._read(parse_bounded(content, "record"))
            except (DocumentError, DataError) as error:
                raise NumleanError(
                    f"--resume {path}: not a record of a comparison: {error}"
                ) from None
        try:
            atomic.check(record.path)
        except OSError as error:
            raise NumleanError(f"--resume {path}: {reason_of(error)}") from None
        return record

    def of(self, name: str) -> tuple[int, Findings]:
        """Return the number of compared batches of a function, and the findings."""
        return self.functions.get(name, (0, Findings()))

    def keep(self, name: str, done: int, findings: Findings) -> None:
        """Write the number of compared batches of a function, and the findings.

        Raises:
            OSError: The file cannot be written; the record of the batch before stays.
        """
        self.functions[name] = done, findings
        self._write()

    def _read(self, plain: object) -> None:
        kept = read_document(_Document, plain, "record")
        if kept.subject != self.subject:
            both = {**kept.subject, **self.subject}
            other = [k for k in both if kept.subject.get(k) != self.subject.get(k)]
            raise NumleanError(
                f"--resume {self.path}: the record is of another comparison; they differ in"
                f" {', '.join(other):.200}"
            )
        for name, entry in kept.functions.items():
            self.functions[name] = entry.batches, entry.findings

    def _write(self) -> None:
        if self.path is None:
            return
        functions = {name: _Entry(*entry) for name, entry in self.functions.items()}
        text = json.dumps(asdict(_Document(self.subject, functions)), indent=1)
        atomic.write(self.path, f"{text}\n".encode())
