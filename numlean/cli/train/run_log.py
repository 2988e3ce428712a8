"""The log of a run: one JSON object per line, written while the run is going on.

The first line describes the run. Each further line is a step: ``step``, from 0; ``loss``, of the
batch before the update, null if it is not finite; ``loss_bits``, its encoding or, for numbers
without one, ``loss_hex``, its value in C's hexadecimal notation; ``exact_loss``, the exact mean of
the exact losses of the same outputs; ``lr``; ``seconds`` since the start of training; if the run
scales its loss, ``skipped`` and ``next_loss_scale``, the scale after the step; and after an
evaluation ``test_loss``, ``test_loss_in_format`` and, for classification, ``accuracy``.

A resumed run goes on after the last step of its checkpoint: later steps, which a killed run may
have logged, are cut off. If its settings are others, a line that describes them comes first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

from numlean.autograd.tensor import Tensor
from numlean.cli.failed_outputs import FailedOutputs
from numlean.cli.text_output import check_can_write, encoded
from numlean.cli.train.logged_steps import logged_steps
from numlean.files.growing import GrowingFile
from numlean.json_lines import json_line
from numlean.scalar.exact_text import format_hex

Write: TypeAlias = Callable[[dict[str, Any]], None]
"""Function that writes an object as a line, at once."""


def check(path: str | None) -> None:
    """Check the option before the run.

    Raises:
        NumleanError: The file cannot be written.
    """
    if path is not None:
        check_can_write("the log", path)


@contextmanager
def run_log(
    path: str, header: dict[str, Any], failed: FailedOutputs, *, resumed_after: int | None = None
) -> Iterator[Write]:
    """Open a log, write its header, and yield a function that writes a line.

    A line that cannot be written is a warning, and waits in memory for the next one.

    Args:
        path: The file.
        header: The settings of the run.
        failed: Notes a failure.
        resumed_after: The number of steps that a resumed run had made; None for a new run.

    Raises:
        NumleanError: The file is not a log of the resumed run.
    """
    found = None if resumed_after is None else logged_steps(path, header, resumed_after)
    file = GrowingFile(path, keep=None if found is None else found.size)

    def write_text(text: str) -> None:
        with failed.tolerate("the log", path):
            file.write(encoded(text))

    def write(line: dict[str, Any]) -> None:
        write_text(json_line(line) + "\n")

    if found is None or found.header != header:
        write(header)
    else:
        write_text("")  # cuts off the later steps, also if no step follows
    try:
        yield write
    finally:
        with failed.tolerate("the log", path, at_end=True):
            file.close()


def exact_loss(loss: Tensor) -> dict[str, Any]:
    """Return the fields of a loss in the log."""
    key = "loss_hex" if loss.scalar.format is None else "loss_bits"
    return {"loss": loss.item(), key: format_hex(loss.scalar, loss.data)}
