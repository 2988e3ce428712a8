"""A command that runs in this process, and the files that it leaves behind."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from contextlib import ExitStack, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO, TypeAlias

from numlean.verification.attacks.attack import Program

Content: TypeAlias = bytes | list[Any]
"""Bytes; or the objects of a file of JSON lines, without the seconds that they took."""


@dataclass(frozen=True)
class Finished:
    """The end of a command.

    Attributes:
        status: The exit status; None if an exception left it.
        errors: What it wrote to standard error, or the exception.
    """

    status: int | None
    errors: str


def finish(program: Program, line: Sequence[str], output: Path | None = None) -> Finished:
    """Run a command line to its end.

    Args:
        program: The program.
        line: The command line.
        output: A file for standard output; None keeps it in memory.
    """
    errors = io.StringIO()
    with ExitStack() as stack:
        into: TextIO = io.StringIO()
        if output is not None:
            into = output.open("w", encoding="utf-8")
            stack.callback(_close, into)
        stack.enter_context(redirect_stdout(into))
        stack.enter_context(redirect_stderr(errors))
        try:
            status = program.main(line)
        except SystemExit as stop:
            status = stop.code if isinstance(stop.code, int) else -1
        except Exception as error:
            return Finished(None, f"{type(error).__name__}: {error}")
    return Finished(status, errors.getvalue())


def files_in(folder: Path) -> dict[str, Content]:
    """Return the contents of all regular files in a folder and those below it."""
    return {
        str(path.relative_to(folder)): _content(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.is_symlink()
    }


def _content(path: Path) -> Content:
    content = path.read_bytes()
    if path.suffix != ".jsonl" or (content and not content.endswith(b"\n")):
        return content
    try:
        lines = [json.loads(line) for line in content.splitlines()]
    except ValueError:
        return content
    return [{key: line[key] for key in line if key != "seconds"} for line in lines]


def _close(file: TextIO) -> None:
    try:
        file.close()
    except OSError:
        return  # a full device: the program has reported it
