"""Errors. Each message is one line: the rule, the value received and the fix."""

from __future__ import annotations


class NumleanError(ValueError):
    """A request that numlean cannot carry out. Base class of all its errors."""


class UnknownNameError(NumleanError):
    """An unknown name; the message lists the known ones."""

    def __init__(self, kind: str, name: str, known: tuple[str, ...]) -> None:
        super().__init__(f"unknown {kind} {name!r}; known: {', '.join(known)}")


class ShapeError(NumleanError):
    """Shapes that do not match."""


class MixedScalarError(NumleanError):
    """An operation on numbers of different Scalars or devices."""


class StorageError(NumleanError):
    """An array that is not the storage of a Scalar."""


class DataError(NumleanError):
    """Data that cannot be used for training."""


class UnavailableError(NumleanError):
    """Something that this installation or Scalar does not have; the message names the fix."""


class DocumentError(NumleanError):
    """A document, such as a file's header, whose fields are not the expected ones."""
