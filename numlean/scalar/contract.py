"""Checks that a Scalar written by hand keeps the protocol where a run depends on it."""

from __future__ import annotations

from typing import Final

from numlean.errors import NumleanError
from numlean.scalar.elementary import ElementaryFunctions
from numlean.scalar.protocol import Scalar
from numlean_kernels.protocol import ProgramStep

MEMBERS: Final = tuple(
    name for protocol in (Scalar, ElementaryFunctions) for name in vars(protocol) if name[0] != "_"
)
"""The attributes and methods that every Scalar has."""


def check_members(scalar: Scalar) -> None:
    """Check that an object has every member of the Scalar protocol.

    Raises:
        NumleanError: Members are missing; the message lists them.
    """
    missing = [name for name in MEMBERS if not hasattr(scalar, name)]
    if missing:
        raise NumleanError(
            f"{type(scalar).__name__} is not a Scalar: it lacks {', '.join(missing)}; derive the"
            " class from numlean.WrappedScalar, or add them (numlean.scalar.protocol.Scalar)"
        )


def reset_stream(scalar: Scalar) -> Scalar:
    """Return the Scalar that a run computes with: ``scalar.with_reset_stream()``, checked.

    Raises:
        NumleanError: The method returned another arithmetic.
    """
    own = scalar.with_reset_stream()
    _check_same(scalar, own, "with_reset_stream")
    return own


def record(scalar: Scalar, operations: list[ProgramStep]) -> Scalar:
    """Return ``scalar.with_recorder(operations)``, checked.

    Raises:
        NumleanError: The method returned another arithmetic, or one that does not record.
        UnavailableError: The Scalar's operations cannot be repeated from a record.
    """
    recorder = scalar.with_recorder(operations)
    _check_same(scalar, recorder, "with_recorder")
    if recorder.recorder is not operations:
        raise NumleanError(
            f"{type(scalar).__name__}.with_recorder() returned a Scalar whose recorder is not the"
            " list it was given, so casts to other Scalars would not be recorded"
        )
    return recorder


def _check_same(scalar: Scalar, own: Scalar, method: str) -> None:
    """Check that a run would compute with the Scalar it was given.

    A class that delegates to an inner Scalar easily returns that one, and is then never called.
    """
    if type(own) is type(scalar) or (own == scalar and scalar == own):
        return
    given, returned = type(scalar).__name__, type(own).__name__
    raise NumleanError(
        f"{given}.{method}() returned a {returned}, so the run would not call the operations of"
        f" {given}; derive {given} from numlean.WrappedScalar, or have {method}() return a {given}"
    )
