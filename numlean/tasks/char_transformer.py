"""Prediction of the next character of a text by a small transformer."""

from __future__ import annotations

from functools import partial

from numlean.nn.models import char_transformer
from numlean.tasks.named import NamedTask
from numlean.tasks.text import LENGTH, sonnets, text_task


def on_text(text: str) -> NamedTask:
    """Return the task of a text."""
    return text_task(
        "char-transformer",
        text,
        on_text,
        partial(char_transformer, length=LENGTH, features=16, heads=2, blocks=2),
        model="2 blocks with 2 heads; loss from 4.3 to 2.3 (on sonnets)",
        steps=400,
        batch_size=16,
        lr=0.01,
    )


TASK = on_text(sonnets())
