"""The files of a report: a page for people, and records as lines of JSON."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from numlean.cli.failed_outputs import FailedOutputs
from numlean.cli.path_roles import PAGE, PAGE_SUFFIXES, RECORDS
from numlean.cli.text_output import WriteText, check_can_write, text_output, write_text
from numlean.errors import NumleanError
from numlean.files.folders import made_folder
from numlean.files.messages import reason_of


def add_report_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that name the files of a report."""
    parser.add_argument(
        "--out",
        metavar="FILE.html|DIR",
        help="write an HTML report to FILE.html, or the report and records.jsonl into DIR",
    )
    parser.add_argument(
        "--jsonl", metavar="FILE", help="write all figures, one JSON object per line"
    )


@dataclass(frozen=True)
class ReportFiles:
    """The files that ``--out`` and ``--jsonl`` name.

    Attributes:
        page: The page; None without one.
        lines: The files of records.
        folder: The folder of both, which is made if it does not exist; None without one.
    """

    page: Path | None
    lines: tuple[Path, ...]
    folder: Path | None = None

    @classmethod
    def of(cls, out: str | None, jsonl: str | None) -> ReportFiles:
        """Return the files of the two options."""
        lines = () if jsonl is None else (Path(jsonl),)
        if out is None:
            return cls(None, lines)
        path = Path(out)
        if path.suffix.lower() in PAGE_SUFFIXES:
            return cls(path, lines)
        return cls(path / PAGE, (*lines, path / RECORDS), path)

    @property
    def is_empty(self) -> bool:
        """Whether there is no file."""
        return self.page is None and not self.lines

    @contextmanager
    def writing(self, failed: FailedOutputs) -> Iterator[WriteText]:
        """Yield a function that writes a line into the files of records, which then are complete.

        Args:
            failed: Notes a file that cannot be written.

        Raises:
            NumleanError: A file cannot be written, before there is a line.
        """
        with ExitStack() as stack:
            if self.folder is not None:
                stack.enter_context(_made_folder(self.folder))
            if self.page is not None:
                check_can_write("the page", self.page)
            for path in self.lines:
                check_can_write("the records", path)
            writers = [
                stack.enter_context(text_output("the records", path, failed)) for path in self.lines
            ]
            yield lambda line: _write_all(writers, f"{line}\n")

    def write_page(self, make: Callable[[], str], failed: FailedOutputs) -> None:
        """Write the page at the end of a command, if there is one."""
        if self.page is not None:
            with failed.tolerate("the page", self.page, at_end=True):
                write_text(self.page, make())


@contextmanager
def _made_folder(folder: Path) -> Iterator[None]:
    with ExitStack() as stack:
        try:
            stack.enter_context(made_folder(folder))
        except OSError as error:
            raise NumleanError(
                f"cannot write into the folder {folder}: {reason_of(error)}"
            ) from None
        yield


def _write_all(writers: list[WriteText], text: str) -> None:
    for write in writers:
        write(text)
