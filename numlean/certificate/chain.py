"""The chain of hashes that connects each step of a run with all steps before it.

The first link is the hash of the run's description and its initial parameters. Each further link is
the hash of the link before, the step's loss, the state digest after the step and, if the run scales
its loss, what the scaling has done. So an entry cannot be altered unnoticed without altering all
that follow, and the last link identifies the whole run.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from numlean.checkpoint.fingerprint import Plain
from numlean.optim.scaled_loss import ScaledStep
from numlean.scalar.exact_text import format_hex


class Scaling(NamedTuple):
    """The entry of a certificate for a step's loss scaling, all of it exact.

    Attributes:
        scale: The scale after the step, exact: see ``numlean.scalar.exact_text``.
        good_steps: The number of good steps since the scale changed; None if it is static.
        is_skipped: Whether the step was skipped, because a gradient was not finite.
    """

    scale: str
    good_steps: int | None
    is_skipped: bool

    @classmethod
    def of(cls, step: ScaledStep) -> Scaling:
        """Return the entry of a step."""
        return cls(format_hex(step.scale.scalar, step.scale.data), step.good_steps, step.is_skipped)

    def __str__(self) -> str:
        """Return the text that enters the chain."""
        count = "" if self.good_steps is None else f" after {self.good_steps} good steps"
        return f"{self.scale}{count}, {'skipped' if self.is_skipped else 'not skipped'}"


class Step(NamedTuple):
    """A step in a certificate.

    Attributes:
        loss: The batch's loss before the update, exact: see ``numlean.scalar.exact_text``.
        state: The state digest of the parameters and buffers after it.
        chain: The link of the chain.
        scaling: What loss scaling has done; None without loss scaling.
    """

    loss: str
    state: str
    chain: str
    scaling: Scaling | None = None

    def to_list(self) -> list[Plain]:
        """Return the step as plain data; without loss scaling, there is no entry for it."""
        return list(self if self.scaling else self[:3])


def first_link(run: Plain, initial: str) -> str:
    """Return the link before the first step, from a run's description and initial state digest."""
    plain = json.dumps(run, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return _sha256(f"{plain}\n{initial}\n")


def next_link(before: str, loss: str, state: str, scaling: Scaling | None = None) -> str:
    """Return the link of a step."""
    scaled = "" if scaling is None else f"{scaling}\n"
    return _sha256(f"{before}\n{loss}\n{state}\n{scaled}")


def broken_links(first: str, steps: Sequence[Step]) -> Iterator[int]:
    """Yield the steps, from 0, whose links do not follow from their entries."""
    before = first
    for index, step in enumerate(steps):
        if next_link(before, step.loss, step.state, step.scaling) != step.chain:
            yield index
        before = step.chain


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
