"""A run written down while it goes on: one JSON object a line.

The first line tells what is run. Every other is a step: ``step``, from 0; ``loss``, the batch's
before the update, null if it is not finite; ``loss_bits``, its encoding, or, where numbers have
none, ``loss_hex``, its value as C writes it in hexadecimal; ``lr``; ``seconds`` since training
began; and after an evaluation ``test_loss`` and, of classes, ``accuracy``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

from numlean.autograd.tensor import Tensor
from numlean.errors import NumleanError
from numlean.json_lines import finite
from numlean.scalar.exact_text import format_hex

Write: TypeAlias = Callable[[dict[str, Any]], None]
"""Writes an object as a line, at once."""


@contextmanager
def run_log(path: str, header: dict[str, Any], *, append: bool = False) -> Iterator[Write]:
    """A log in a file, begun with a header; appended to one that goes on.

    Raises:
        NumleanError: The file cannot be written.
    """
    try:
        file = Path(path).open("a" if append else "w", encoding="utf-8")  # noqa: SIM115
    except OSError as error:
        raise NumleanError(f"cannot write the log {path}: {error.strerror}") from None
    with file:

        def write(line: dict[str, Any]) -> None:
            file.write(plain_json(line) + "\n")
            file.flush()

        write(header)
        yield write


def exact_loss(loss: Tensor) -> dict[str, Any]:
    """A loss as the log tells it."""
    key = "loss_hex" if loss.scalar.format is None else "loss_bits"
    return {"loss": loss.item(), key: format_hex(loss.scalar, loss.data)}


def plain_json(values: dict[str, Any]) -> str:
    """One JSON object on one line; floats that are not finite become null."""
    return json.dumps(finite(values))
