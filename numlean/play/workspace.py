"""The folder in which the server was started: the only one whose files it reads."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from numlean.errors import NumleanError


@dataclass(frozen=True)
class Workspace:
    """A folder.

    Attributes:
        root: The folder, without links in its path.
    """

    root: Path

    @classmethod
    def here(cls) -> Workspace:
        """Return the current folder."""
        return cls(Path.cwd().resolve())

    def file(self, text: str) -> Path:
        """Return the file that a text names, relative to the folder, with all links followed.

        Raises:
            NumleanError: It is not a file inside the folder.
        """
        try:
            path = (self.root / text).resolve()
            is_inside = path.is_relative_to(self.root) and path.is_file()
        except (OSError, ValueError, RuntimeError):
            is_inside = False
        if not is_inside:
            raise NumleanError(f"{text!r:.80} is not a file in the folder of `numlean play`")
        return path
