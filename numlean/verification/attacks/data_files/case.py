"""A hostile file, and what is asked of the program with it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import TypeAlias


@dataclass(frozen=True)
class Case:
    """A hostile file, and the options of the command that reads it.

    Attributes:
        words: What is hostile about it.
        content: Its bytes.
        suffix: The end of its name.
        options: The options besides the file; ``FILE`` stands for its path.
    """

    words: str
    content: bytes
    suffix: str
    options: tuple[str, ...]


MakeCase: TypeAlias = Callable[[Random], Case]
