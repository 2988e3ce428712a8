"""What can go wrong, in one line each: the rule, what came, the way out."""

from __future__ import annotations


class NumleanError(ValueError):
    """A request that numlean cannot carry out as it stands. Every error of ours is one."""


class UnknownNameError(NumleanError):
    """A name that nobody registered; the message lists those that are known."""

    def __init__(self, kind: str, name: str, known: tuple[str, ...]) -> None:
        super().__init__(f"unknown {kind} {name!r}; known: {', '.join(known)}")


class ShapeError(NumleanError):
    """Shapes that do not fit each other."""


class MixedScalarError(NumleanError):
    """Numbers of two arithmetics, or of one on two devices, in one operation."""


class StorageError(NumleanError):
    """An array that is not a Scalar's storage."""


class DataError(NumleanError):
    """Data that cannot be trained on."""


class UnavailableError(NumleanError):
    """Something that this installation or this Scalar does not have; the message says what does."""


class DocumentError(NumleanError):
    """A document, such as a file's header, whose fields are not the expected ones."""
