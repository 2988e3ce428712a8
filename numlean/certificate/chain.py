"""The chain of hashes that connects each step of a run with all steps before it.

The first link is the hash of the run's description and its initial parameters. Each further link is
the hash of the link before, the step's loss and the state digest after the step. So an entry cannot
be altered unnoticed without altering all that follow, and the last link identifies the whole run.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from numlean.checkpoint.fingerprint import Plain


class Step(NamedTuple):
    """A step in a certificate.

    Attributes:
        loss: The batch's loss before the update, exact: see ``numlean.scalar.exact_text``.
        state: The state digest of the parameters and buffers after it.
        chain: The link of the chain.
    """

    loss: str
    state: str
    chain: str


def first_link(run: Plain, initial: str) -> str:
    """Return the link before the first step, from a run's description and initial state digest."""
    plain = json.dumps(run, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return _sha256(f"{plain}\n{initial}\n")


def next_link(before: str, loss: str, state: str) -> str:
    """Return the link of a step."""
    return _sha256(f"{before}\n{loss}\n{state}\n")


def broken_links(first: str, steps: Sequence[Step]) -> Iterator[int]:
    """Yield the steps, from 0, whose links do not follow from their entries."""
    before = first
    for index, (loss, state, chain) in enumerate(steps):
        if next_link(before, loss, state) != chain:
            yield index
        before = chain


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
