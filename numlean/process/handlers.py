"""Handlers of signals that are replaced for a while, and all of them restored."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping, Sequence
from contextlib import ExitStack, contextmanager
from threading import current_thread, main_thread
from typing import Any, Final

_NOT_OURS: Final = (None, signal.SIG_IGN)
"""Handlers that stay: None stands for one that Python has not set; the other ignores the signal."""

TERMINAL_SIGNALS: Final = (signal.SIGINT, signal.SIGHUP)
"""Signals that a terminal sends to every process of a command. The processes that a command starts
leave them to it: they inherit the signals that are blocked when they start."""


def replace_handlers(
    numbers: Iterable[int],
    handler: Callable[[int, Any], Any],
    before: MutableMapping[int, Any],
) -> None:
    """Handle signals that are not ignored by one function.

    Args:
        numbers: The signals.
        handler: The function.
        before: Gets each handler before it is replaced, so that it is there to be restored even if
            a signal raises an exception here.
    """
    for number in numbers:
        usual = signal.getsignal(number)
        if usual not in (*_NOT_OURS, handler):
            before[int(number)] = usual
            signal.signal(number, handler)


def restore_handlers(before: Mapping[int, Any]) -> None:
    """Restore handlers: all of them, although one that is restored may raise an exception at once.

    Those that cannot are restored first.
    """
    with ExitStack() as stack:  # calls everything, the last one first
        for number in sorted(before, key=lambda each: not callable(before[each])):
            stack.callback(signal.signal, number, before[number])


def raise_signals(numbers: Sequence[int]) -> None:
    """Raise signals, each of them, although the handler of one may raise an exception."""
    with ExitStack() as stack:
        for number in reversed(numbers):
            stack.callback(signal.raise_signal, number)


@contextmanager
def signals_waiting(numbers: Iterable[int]) -> Iterator[None]:
    """Let signals wait until the context ends; only the main thread can."""
    if current_thread() is not main_thread():
        yield
        return
    before: dict[int, Any] = {}
    received: list[int] = []
    try:
        replace_handlers(numbers, lambda number, _: received.append(number), before)
        yield
    finally:
        try:
            restore_handlers(before)
        finally:
            raise_signals(received)


@contextmanager
def signals_blocked(numbers: Iterable[int]) -> Iterator[None]:
    """Block signals in this thread, and in processes and threads that it starts in the context."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    try:
        signal.pthread_sigmask(signal.SIG_BLOCK, numbers)  # may raise the exception of a handler
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
