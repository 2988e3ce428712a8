"""The log of a run: one JSON object per line, written while the run is going on.

The first line describes the run. Each further line is a step: ``step``, from 0; ``loss``, of the
batch before the update, null if it is not finite; ``loss_bits``, its encoding or, for numbers
without one, ``loss_hex``, its value in C's hexadecimal notation; ``exact_loss``, the exact mean of
the exact losses of the same outputs; ``lr``; ``seconds`` since the start of training; and after an
evaluation ``test_loss``, ``test_loss_in_format`` and, for classification, ``accuracy``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

from numlean.autograd.tensor import Tensor
from numlean.cli.text_output import text_output
from numlean.json_lines import json_line
from numlean.scalar.exact_text import format_hex

Write: TypeAlias = Callable[[dict[str, Any]], None]
"""Function that writes an object as a line, at once."""


@contextmanager
def run_log(path: str, header: dict[str, Any], *, append: bool = False) -> Iterator[Write]:
    """Open a log, write its header, and yield a function that writes a line.

    Raises:
        NumleanError: The file cannot be written.
    """
    with text_output(Path(path), "the log", append=append, at_once=True) as write_text:

        def write(line: dict[str, Any]) -> None:
            write_text(json_line(line) + "\n")

        write(header)
        yield write


def exact_loss(loss: Tensor) -> dict[str, Any]:
    """Return the fields of a loss in the log."""
    key = "loss_hex" if loss.scalar.format is None else "loss_bits"
    return {"loss": loss.item(), key: format_hex(loss.scalar, loss.data)}
