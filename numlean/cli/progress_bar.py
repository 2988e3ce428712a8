"""The progress bar on a terminal. It needs rich, which is slow to import."""

from __future__ import annotations

import sys

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from numlean.cli.streams import terminal


class _Speed(ProgressColumn):
    """Recent steps per second."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        if speed is None:
            return Text("")
        return Text(f"{speed:,.0f} steps/s" if speed >= 100 else f"{speed:.3g} steps/s")


def make_bar() -> Progress:
    """Return a bar on standard error that disappears at the end.

    Titles and notes are shown as they are: a file may have the name ``[/b].csv``. What is written
    to standard output stays there, even if only standard error is a terminal.
    """
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[note]}", markup=False),
        _Speed(),
        TimeRemainingColumn(),
        console=Console(file=terminal()),
        transient=True,
        redirect_stdout=sys.stdout.isatty(),
    )
