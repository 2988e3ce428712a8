"""What a session hands out: names of tensors on its tape, and of its parameters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final


@final
class TapeToken:
    """Tells one tape from another."""


@final
@dataclass(frozen=True)
class Ref:
    """A tensor on a tape, until the tape is reset.

    Attributes:
        tape: Which tape.
        slot: Its place there.
    """

    tape: TapeToken
    slot: int


@final
@dataclass(frozen=True)
class Param:
    """A parameter, which lives as long as its session.

    Attributes:
        session: Which session.
        number: Its number there.
        shape: Its shape.
    """

    session: TapeToken
    number: int
    shape: tuple[int, ...]
