"""Tasks of texts: predict the next character at each position of a text.

The text ``sonnets.txt`` is taken from Project Gutenberg's eBook #1041, "Shakespeare's Sonnets"
(modern spelling; updated on March 10, 2010), without the numbers of the sonnets and the indents.
"""

from __future__ import annotations

from functools import partial
from importlib.resources import files
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from numlean.data import Dataset
from numlean.data.size_limit import FLOAT_SIZE, check_size
from numlean.errors import DataError
from numlean.losses import cross_entropy
from numlean.tasks.named import NamedTask, Split
from numlean.training.task import Task

if TYPE_CHECKING:
    from collections.abc import Callable

    from numlean.nn import Layer

Tokens: TypeAlias = np.ndarray[tuple[int], np.dtype[np.float64]]

LENGTH = 32
"""Number of characters in a sample."""

_TEST_PART = 10
_STRIDE = 8


def sonnets() -> str:
    """Return twelve sonnets by Shakespeare (1609): 1, 2, 12, 18, 29, 30, 55, 60, 65, 73, 116, 130.

    Blank lines separate them. The module's docstring states the edition.
    """
    return files("numlean.tasks").joinpath("sonnets.txt").read_text(encoding="utf-8")


def vocabulary(text: str) -> str:
    """Return the distinct characters of a text, in the order of their code points."""
    return "".join(sorted(set(text)))


def text_task(
    name: str,
    text: str,
    on_text: Callable[[str], NamedTask],
    make_model: Callable[[int], Layer],
    *,
    model: str,
    steps: int,
    batch_size: int,
    lr: float,
) -> NamedTask:
    """Return the task of a text, trained with Adam.

    Args:
        name: The task's name.
        text: The text.
        on_text: Function that returns the same task for another text.
        make_model: Function from the number of distinct characters to a model.
        model: A description of the model and its result.
        steps: The default number of updates.
        batch_size: The default number of samples per update.
        lr: The default learning rate.

    Raises:
        DataError: The text is too short, or has only one distinct character.
    """
    characters = vocabulary(text)
    least = _TEST_PART * (LENGTH + 1)
    if len(text) < least or len(characters) < 2:
        raise DataError(
            f"a text needs at least {least} characters and two distinct ones, got {len(text)}"
            f" characters and {len(characters)} distinct ones"
        )
    return NamedTask(
        name=name,
        summary=f"the next character of a text, {len(text):,} characters, {len(characters)}"
        f" distinct ones, the last tenth held out; {model}",
        task=Task(make_model(len(characters)), cross_entropy()),
        load=partial(_load, text),
        steps=steps,
        batch_size=batch_size,
        lr=lr,
        momentum=0.0,
        is_classification=True,
        optim="adam",
        on_text=on_text,
    )


def check_outputs(text: str) -> None:
    """Check the memory for the outputs at all tokens of a user's text, which a report needs.

    Raises:
        DataError: It exceeds the limit.
    """
    distinct, tokens = len(vocabulary(text)), len(text) // _STRIDE * LENGTH
    check_size(
        f"the model's outputs for a text of {len(text):,} characters, {distinct:,} distinct ones",
        tokens * max(distinct, 2) * FLOAT_SIZE,
    )


def _load(text: str) -> Split:
    number = {character: k for k, character in enumerate(vocabulary(text))}
    tokens = np.array([number[character] for character in text], dtype=np.float64)
    end = len(tokens) - len(tokens) // _TEST_PART
    return Split(
        train=_samples(tokens[:end], stride=_STRIDE), test=_samples(tokens[end:], stride=LENGTH)
    )


def _samples(tokens: Tokens, *, stride: int) -> Dataset:
    """Return pieces of ``LENGTH`` tokens, ``stride`` apart, and the tokens that follow each."""
    starts = range(0, len(tokens) - LENGTH, stride)
    x = np.stack([tokens[start : start + LENGTH] for start in starts])
    y = np.stack([tokens[start + 1 : start + LENGTH + 1] for start in starts])
    return Dataset.of_arrays(x, y)
