"""Errors. Each message is one line: the rule, the value received and the fix."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from numlean.display_text import one_line
from numlean.names import did_you_mean


class NumleanError(ValueError):
    """A request that numlean cannot carry out. Base class of all its errors.

    As a text, it is one line in which control characters are escaped and long values shortened;
    ``args`` has the whole message.
    """

    def __str__(self) -> str:
        """Return the message as one line."""
        return one_line(super().__str__())

    def __reduce__(self) -> tuple[Callable[..., NumleanError], tuple[Any, ...]]:
        """Return how to make the error again: a subclass may take other arguments than a text."""
        return restore_error, (type(self), self.args, vars(self).copy())


class UnknownNameError(NumleanError):
    """An unknown name; the message lists the known ones and suggests the nearest.

    Args:
        kind: What it would name.
        name: The name.
        known: The known names, which the message lists.
        others: Further spellings, which the message suggests but does not list.
        like: The part of the name to which known ones are compared; None for the whole.
        hint: The end of the message.
    """

    def __init__(
        self,
        kind: str,
        name: str,
        known: Sequence[str],
        *,
        others: Sequence[str] = (),
        like: str | None = None,
        hint: str = "",
    ) -> None:
        near = did_you_mean(like or str(name), (*others, *known))
        listed = f"known: {', '.join(known)}" if known else "there are none"
        super().__init__(f"unknown {kind} {name!r}; {listed}{hint}{near}")


class ShapeError(NumleanError):
    """Shapes that do not match."""


class IndexOutOfRangeError(NumleanError, IndexError):
    """An index that selects no element of a tensor."""


class MixedScalarError(NumleanError):
    """An operation on numbers of different Scalars or devices."""


class StorageError(NumleanError):
    """An array that is not the storage of a Scalar."""


class DataError(NumleanError):
    """Data that cannot be used for training."""


class UnavailableError(NumleanError):
    """Something that this installation or Scalar does not have; the message names the fix."""


class ExportError(NumleanError, BufferError):
    """Numbers that another library cannot take as they are."""


class DocumentError(NumleanError):
    """A document, such as a file's header, whose fields are not the expected ones."""


def restore_error(
    cls: type[NumleanError], args: tuple[Any, ...], attributes: dict[str, Any]
) -> NumleanError:
    """Return the error of a class with its arguments and attributes, as ``pickle`` kept them."""
    error = cls.__new__(cls, *args)
    vars(error).update(attributes)
    return error
