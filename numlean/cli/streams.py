"""Standard output and standard error of a command.

Python reports a failed write of buffered output only while the interpreter shuts down, as a
traceback that no handler sees. Therefore a command runs between these streams, and its output is
flushed before its exit status is known.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Container, Iterator
from contextlib import contextmanager, suppress
from errno import EBADF
from io import BufferedWriter, TextIOWrapper
from typing import Any, Final, TextIO, cast

from numlean.cli import exit_status
from numlean.cli.colours import COLOURS, coloured
from numlean.display_text import escape_controls, shorten_words, wrap_words
from numlean.display_text.layout import Layout, laid_out
from numlean.files.streams import SharedOutput
from numlean.process.waiting import WaitEndedError

_STANDARD_FILES: Final = (0, 1, 2)

_LEAST_WIDTH: Final = 20
_HANGING: Final = 2
"""Spaces before the further lines of a line that does not fit."""


class OutputError(Exception):
    """Standard output cannot be written. No caller but the program's entry handles it.

    Attributes:
        is_reader_gone: Whether the reader of a pipe has closed it, which is no error.
        stop: The signal that ended the wait for the reader; None if the reason is another one.
    """

    def __init__(self, error: OSError) -> None:
        super().__init__(f"cannot write to standard output: {error.strerror or error}")
        self.is_reader_gone = isinstance(error, BrokenPipeError | ConnectionResetError)
        self.stop = error.request if isinstance(error, WaitEndedError) else None


class PrintedLines:
    """Lines that a command prints while it runs.

    If they cannot be printed, a command that has other outputs goes on without them.

    Args:
        is_only_output: Whether the command has no other output, so that it ends at once.
    """

    def __init__(self, *, is_only_output: bool) -> None:
        self._is_only_output = is_only_output
        self._error: OutputError | None = None

    def write(self, line: str) -> None:
        """Print a line.

        Raises:
            OutputError: It cannot be printed, and the command has no other output.
        """
        if self._error is not None:
            return
        try:
            print(line, flush=True)
        except OutputError as error:
            if self._is_only_output:
                raise
            self._error = error

    def end(self) -> None:
        """Raise the error of a line that could not be printed, after all other output.

        Raises:
            OutputError: A line could not be printed.
        """
        if self._error is not None:
            raise self._error


class _Stream:
    """A text stream for people; everything but writing is left to the stream itself.

    Every text of a command passes through here, so that no value from outside, such as the name of
    a file, can act on the terminal.
    """

    def __init__(self, stream: Any, headings: Container[str] = ()) -> None:
        self._stream = stream
        self._headings = headings
        self._is_line_start = True
        self.is_data = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write a text; control characters and those that the encoding lacks are escaped."""
        return self._write(self._shown(escape_controls(text)))

    def _shown(self, text: str) -> str:
        """Return an escaped text as a terminal shows it: in lines that fit, with colours."""
        width, has_colours = terminal_width(self._stream), COLOURS.allows(self._stream)
        lines = text.split("\n")
        if not self.is_data and (width is not None or has_colours):
            first = 0 if self._is_line_start else 1  # the rest of a line stays as it is
            for k, line in enumerate(lines[first:], start=first):
                fitted = _fitted(line, width)
                shown = (coloured(each, self._headings) for each in fitted)
                lines[k] = "\n".join(shown if has_colours else fitted)
        if text:
            self._is_line_start = text.endswith("\n")
        return "\n".join(lines)

    def _write(self, text: str) -> int:
        try:
            size = int(self._stream.write(text))
        except UnicodeEncodeError as error:
            escaped = text.encode(error.encoding, "backslashreplace")
            size = int(self._stream.write(escaped.decode(error.encoding)))
        if getattr(self._stream, "write_through", False):  # as with python -u
            self._stream.flush()
        return size

    def discard(self) -> None:
        """Let everything that is still buffered, and that follows, be written to nowhere."""
        with suppress(AttributeError, OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            try:
                os.dup2(nowhere, self._stream.fileno())
                self._stream.flush()
            finally:
                os.close(nowhere)


def terminal_width(stream: Any) -> int | None:
    """Return the number of characters in a line of a terminal; None for a stream that is not one.

    ``COLUMNS`` replaces what the terminal says.
    """
    if not stream.isatty():
        return None
    given = os.environ.get("COLUMNS", "")
    if given.isascii() and given.isdecimal() and len(given) < 6 and int(given):
        return max(int(given), _LEAST_WIDTH)
    try:
        found = os.get_terminal_size(stream.fileno()).columns
    except (OSError, ValueError):
        return None
    return max(found, _LEAST_WIDTH) if found else None


def _fitted(line: str, width: int | None) -> list[str]:
    """Return the lines into which a line is broken at spaces."""
    if width is None or len(line) <= width:
        return [line]
    indent = len(line) - len(line.lstrip(" ")) + _HANGING
    return wrap_words(line, width, " " * min(indent, width // 2))


class _Output(_Stream):
    """Standard output: a failed write is an ``OutputError``, which ends the command."""

    def write(self, text: str) -> int:
        """Write a text."""
        try:
            return super().write(text)
        except OSError as error:
            raise OutputError(error) from None

    def flush(self) -> None:
        """Write what is buffered."""
        try:
            self._stream.flush()
        except OSError as error:
            raise OutputError(error) from None


class _Errors(_Stream):
    """Standard error: where it cannot be written, there is nothing left to tell a failure to."""

    def write(self, text: str) -> int:
        """Write a text if that is possible, with long values shortened."""
        with suppress(OSError):
            super().write("\n".join(map(shorten_words, text.split("\n"))))
        return len(text)

    def flush(self) -> None:
        """Write what is buffered."""
        try:
            self._stream.flush()
        except OSError:
            self.discard()


class _Terminal(_Errors):
    """Standard error for a program part that moves the cursor, and escapes values by itself."""

    def write(self, text: str) -> int:
        """Write a text as it is, if that is possible."""
        with suppress(OSError):
            self._write(text)
        return len(text)


class _Closed:
    """Standard output that was closed before the program began."""

    def write(self, text: str) -> int:
        """Raise the error of a closed file."""
        raise OSError(EBADF, os.strerror(EBADF))

    def flush(self) -> None:
        """Do nothing: nothing is buffered."""

    def isatty(self) -> bool:
        """Return False: it is not a terminal."""
        return False


def run_with_checked_streams(command: Callable[[], int], fail: Callable[[OutputError], int]) -> int:
    """Run a command between checked streams, flush them, and return the exit status.

    Args:
        command: The command; returns its exit status.
        fail: Reports that standard output cannot be written, and returns the exit status. It is
            not called if the command itself has failed.
    """
    with _checked_streams() as output:
        try:
            status = _run(command, output)
        except OutputError as error:
            output.discard()
            return fail(error)
        return status


def _run(command: Callable[[], int], output: _Output) -> int:
    try:
        status = command()
    except SystemExit as stop:
        status = stop.code if isinstance(stop.code, int) else 0
        _flush(output, status)
        raise
    _flush(output, status)
    return status


def _flush(output: _Output, status: int) -> None:
    try:
        output.flush()
    except OutputError:
        if status < exit_status.ERROR:
            raise
        output.discard()


def print_as_it_is() -> None:
    """Neither colour nor break the lines that follow on standard output: programs read them."""
    if isinstance(sys.stdout, _Stream):  # otherwise outside of a command
        sys.stdout.is_data = True


def terminal() -> TextIO:
    """Return standard error as a stream that takes control sequences, for a progress bar."""
    if not isinstance(sys.stderr, _Stream):  # outside of a command
        return sys.stderr
    return cast("TextIO", _Terminal(sys.stderr._stream))


@contextmanager
def _checked_streams() -> Iterator[_Output]:
    before = sys.stdout, sys.stderr
    _fill_closed_files()
    with open(os.devnull, "w", encoding="utf-8") as nowhere:  # noqa: PTH123
        text, errors_text = map(_without_blocking, before)
        layout = Layout(None if text is None else terminal_width(text))
        output = _Output(_Closed() if text is None else text, layout.headings)
        errors = _Errors(nowhere if errors_text is None else errors_text, layout.headings)
        sys.stdout, sys.stderr = cast("TextIO", output), cast("TextIO", errors)
        try:
            with laid_out(layout):
                yield output
        finally:
            sys.stdout, sys.stderr = before
            errors.flush()


def _fill_closed_files() -> None:
    """Keep files that are opened later from becoming standard streams that were closed."""
    if None in (sys.stdin, sys.stdout, sys.stderr):
        for number in _STANDARD_FILES:
            try:
                os.fstat(number)
            except OSError:
                os.open(os.devnull, os.O_RDWR)  # the lowest number that is free


def _without_blocking(stream: Any) -> Any:
    """Return a text stream over the same file, whose reader cannot make the command wait for ever.

    Streams of other kinds, such as those of tests, are returned as they are.
    """
    if type(stream) is not TextIOWrapper:
        return stream
    try:
        stream.flush()
        shared = SharedOutput(stream.fileno())
    except (OSError, ValueError):  # it has no file, or is closed
        return stream
    return TextIOWrapper(
        BufferedWriter(shared),
        stream.encoding,
        stream.errors,
        newline="\n",
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )
