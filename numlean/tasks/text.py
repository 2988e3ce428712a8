"""Texts as tasks: at each place of a text, to tell the character that comes next.

The text that comes with numlean, ``sonnets.txt``, is from Project Gutenberg's eBook #1041,
"Shakespeare's Sonnets" (modern spelling; updated on March 10, 2010), character by character but for
the numbers of the sonnets and the indents.
"""

from __future__ import annotations

from functools import partial
from importlib.resources import files
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from numlean.data import Dataset
from numlean.errors import DataError
from numlean.losses import cross_entropy
from numlean.tasks.named import NamedTask, Split
from numlean.training.task import Task

if TYPE_CHECKING:
    from collections.abc import Callable

    from numlean.nn import Layer

Tokens: TypeAlias = np.ndarray[tuple[int], np.dtype[np.float64]]

LENGTH = 32
"""How many characters a sample has."""

_TEST_PART = 10
_STRIDE = 8


def sonnets() -> str:
    """Twelve sonnets by Shakespeare (1609): 1, 2, 12, 18, 29, 30, 55, 60, 65, 73, 116, 130.

    A blank line parts them; the module says which edition it is.
    """
    return files("numlean.tasks").joinpath("sonnets.txt").read_text(encoding="utf-8")


def vocabulary(text: str) -> str:
    """The characters of a text, each once, in the order of their code points."""
    return "".join(sorted(set(text)))


def text_task(
    name: str,
    text: str,
    on_text: Callable[[str], NamedTask],
    make_model: Callable[[int], Layer],
    *,
    what: str,
    steps: int,
    batch_size: int,
    lr: float,
) -> NamedTask:
    """The task of a text, by Adam.

    Args:
        name: The task's name.
        text: What is to be continued.
        on_text: Makes the same task of another text.
        make_model: From the number of different characters to a model.
        what: What the model is, and what it reaches.
        steps: How many updates it takes by default.
        batch_size: Samples an update by default.
        lr: The default learning rate.

    Raises:
        DataError: The text is too short, or always the same character.
    """
    characters = vocabulary(text)
    least = _TEST_PART * (LENGTH + 1)
    if len(text) < least or len(characters) < 2:
        raise DataError(
            f"a text has at least {least} characters, two different ones among them; this has"
            f" {len(text)}, {len(characters)} different"
        )
    return NamedTask(
        name=name,
        summary=f"the next character of a text, {len(text):,} characters of {len(characters)}"
        f" kinds, the last tenth a test; {what}",
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


def _load(text: str) -> Split:
    number = {character: k for k, character in enumerate(vocabulary(text))}
    tokens = np.array([number[character] for character in text], dtype=np.float64)
    end = len(tokens) - len(tokens) // _TEST_PART
    return Split(
        train=_samples(tokens[:end], stride=_STRIDE), test=_samples(tokens[end:], stride=LENGTH)
    )


def _samples(tokens: Tokens, *, stride: int) -> Dataset:
    """Pieces of ``LENGTH`` tokens from every so many on, and those that follow; no short ones."""
    starts = range(0, len(tokens) - LENGTH, stride)
    x = np.stack([tokens[start : start + LENGTH] for start in starts])
    y = np.stack([tokens[start + 1 : start + LENGTH + 1] for start in starts])
    return Dataset.of_arrays(x, y)
