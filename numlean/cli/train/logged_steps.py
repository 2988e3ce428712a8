"""The part of a log that a resumed run keeps: the steps before its checkpoint."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from numlean.cli.options import warn
from numlean.errors import DocumentError, NumleanError
from numlean.files.messages import reason_of
from numlean.json_lines import parse_json

_SAME: Final = ("task", "dtype", "batch_size", "seed")
"""Settings that a resumed run has in common with the interrupted one."""
_LONGEST_LINE: Final = 2**20


@dataclass
class LoggedSteps:
    """The beginning of a log.

    Attributes:
        size: The number of bytes.
        header: The last line that describes the run.
        last_step: The last step; None without any.
    """

    size: int = 0
    header: dict[str, Any] = field(default_factory=dict)
    last_step: int | None = None


def logged_steps(path: str, header: dict[str, Any], steps: int) -> LoggedSteps | None:
    """Return the beginning of a log up to a number of steps; None if there is no file to keep.

    A last line that is incomplete, as after a kill, does not belong to it. Steps that are missing
    are a warning.

    Args:
        path: The file.
        header: The settings of the resumed run.
        steps: The number of steps that the run had made.

    Raises:
        NumleanError: The file cannot be read, or is not a log of this run.
    """
    if not Path(path).is_file():
        return None
    found = LoggedSteps()
    try:
        for line, size in _lines(path):
            if "step" not in line:
                _check_same(path, line, header)
                found.header = line
            elif line["step"] >= steps:
                break
            else:
                found.last_step = line["step"]
            found.size += size
    except OSError as error:
        raise NumleanError(f"cannot read the log {path}: {reason_of(error)}") from None
    _warn_of_gap(path, found, steps)
    return found


def _lines(path: str) -> Iterator[tuple[dict[str, Any], int]]:
    """Yield the objects of a log's lines, each with its number of bytes."""
    with Path(path).open("rb") as file:
        number = 0
        while content := file.readline(_LONGEST_LINE):
            number += 1
            line = _parsed(content)
            if line is not None and (number > 1 or "step" not in line):
                yield line, len(content)
            elif number > 1 and not file.read(1):
                return
            else:
                raise NumleanError(
                    f"--log {path}: line {number} is not a line of a log; name another file"
                )


def _parsed(content: bytes) -> dict[str, Any] | None:
    """Return the object in a line, or None if it is not a complete line of a log."""
    if content.endswith(b"\n"):
        with suppress(DocumentError):
            line = parse_json(content, "the line")
            if isinstance(line, dict) and type(line.get("step", 0)) is int:
                return line
    return None


def _check_same(path: str, found: dict[str, Any], header: dict[str, Any]) -> None:
    for name in _SAME:
        if name not in found or found[name] != header[name]:
            raise NumleanError(
                f"--log {path}: the log of another run: its {name} is {found.get(name)!r:.80}, and"
                f" here it is {header[name]!r:.80}; name another file"
            )


def _warn_of_gap(path: str, found: LoggedSteps, steps: int) -> None:
    missing = 0 if found.last_step is None else found.last_step + 1
    if missing < steps and found.header:
        warn(f"the log {path} lacks steps {missing} to {steps - 1}")
