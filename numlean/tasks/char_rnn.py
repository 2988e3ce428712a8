"""Prediction of the next character of a text by a recurrent model."""

from __future__ import annotations

from functools import partial

from numlean.nn.models import char_rnn
from numlean.tasks.named import NamedTask
from numlean.tasks.text import sonnets, text_task


def on_text(text: str) -> NamedTask:
    """Return the task of a text."""
    return text_task(
        "char-rnn",
        text,
        on_text,
        partial(char_rnn, features=16, hidden=32),
        model="an LSTM with 32 units; loss from 4.0 to 2.2 (on sonnets)",
        steps=400,
        batch_size=16,
        lr=0.01,
    )


TASK = on_text(sonnets())
