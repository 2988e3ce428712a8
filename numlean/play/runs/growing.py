"""The lines of a log, read on while it grows."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

from numlean.play.runs.folder import RunFolders


@dataclass(frozen=True)
class Share:
    """How much of a log is read for a page; the next one reads on.

    Attributes:
        seconds: The processor time after which reading ends.
        piece: The bytes that are read at once.
        longest: The bytes from which a line without an end is dropped: no line is that long.
    """

    seconds: float
    piece: int
    longest: int


@dataclass
class GrowingLines:
    """How far a log was read.

    Attributes:
        offset: Where to read on.
        rest: The line that had no end yet.
        is_complete: Whether the last reading came to the end of the log.
    """

    offset: int = 0
    rest: bytes = b""
    is_complete: bool = True

    def read_on(
        self, folders: RunFolders, run: str, name: str, share: Share
    ) -> Iterator[tuple[int, bytes]]:
        """Yield lines that were not read before, for some time, each with its place in the log.

        Args:
            folders: The folders of runs.
            run: The run.
            name: The file of the log.
            share: How much to read.
        """
        end, self.is_complete = time.thread_time() + share.seconds, False
        while True:
            piece = folders.read(run, name, self.offset, share.piece)
            if not piece:
                self.is_complete = True
                return
            start = self.offset - len(self.rest)
            self.offset += len(piece)
            *lines, self.rest = (self.rest + piece).split(b"\n")
            for line in lines:
                yield start, line
                start += len(line) + 1
            if len(self.rest) > share.longest:
                self.rest = b""
            if time.thread_time() > end:
                return
