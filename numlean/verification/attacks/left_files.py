"""The files that a command leaves behind."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final, TypeAlias

Content: TypeAlias = bytes | list[Any]
"""Bytes; or the objects of a file of JSON lines, without the seconds that they took; or the names
in a file of measurements, each with how many things it has.
"""

MEASURED: Final = "measured.json"
"""The name of a file of measurements, which differ whenever they are made again."""


def files_in(folder: Path) -> dict[str, Content]:
    """Return the contents of all regular files in a folder and those below it."""
    return {
        str(path.relative_to(folder)): _content(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.is_symlink()
    }


def _content(path: Path) -> Content:
    content = path.read_bytes()
    if path.name == MEASURED:
        return _described(content)
    if path.suffix != ".jsonl" or (content and not content.endswith(b"\n")):
        return content
    try:
        lines = [json.loads(line) for line in content.splitlines()]
    except ValueError:
        return content
    return [{key: line[key] for key in line if key != "seconds"} for line in lines]


def _described(content: bytes) -> Content:
    """Return the names and lengths in a document of JSON; other bytes as they are."""
    try:
        document = json.loads(content)
    except ValueError:
        return content
    sized = (dict, list, str)
    return [
        (name, len(value) if isinstance(value, sized) else None) for name, value in document.items()
    ]
