"""Handlers of signals that are replaced for a while are all restored, whatever happens."""

import signal

import pytest

from numlean.cli.signals import Stopped, acting
from numlean.process import handlers
from numlean.process.handlers import signals_blocked, signals_waiting

NUMBERS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Ended(BaseException):
    """What a handler raises."""


def end(number, _):
    raise Ended(number)


@pytest.fixture(autouse=True)
def ending_handlers():
    """Handle all signals by an exception, and assert that a test leaves it so."""
    before = [signal.signal(number, end) for number in NUMBERS]
    yield
    after = [signal.signal(*each) for each in zip(NUMBERS, before, strict=True)]
    assert after == [end] * len(NUMBERS)


def raise_at_call(monkeypatch, at):
    """Raise a signal before a call that sets a handler."""
    real, calls = signal.signal, []

    def setting(number, handler):
        calls.append(number)
        if len(calls) == at:
            signal.raise_signal(NUMBERS[0])
        return real(number, handler)

    monkeypatch.setattr(signal, "signal", setting)


CONTEXTS = {"waiting": lambda: signals_waiting(NUMBERS), "acting": lambda: acting(lambda _: None)}


@pytest.mark.parametrize("context", CONTEXTS.values(), ids=CONTEXTS)
@pytest.mark.parametrize("at", range(1, 2 * len(NUMBERS) + 1))
def test_a_signal_at_any_moment_leaves_no_handler_behind(monkeypatch, context, at):
    raise_at_call(monkeypatch, at)
    try:
        with context():
            pass
    except (Ended, Stopped):
        pass
    finally:
        monkeypatch.undo()
    assert [signal.getsignal(number) for number in NUMBERS] == [end] * len(NUMBERS)


def test_signals_that_wait_are_all_delivered_although_the_first_one_raises():
    seen = []

    def note(number, _):
        seen.append(number)
        raise Ended

    def receive():
        with signals_waiting(NUMBERS):
            for number in (signal.SIGTERM, signal.SIGHUP):
                signal.raise_signal(number)
            assert not seen

    signal.signal(signal.SIGTERM, note)
    signal.signal(signal.SIGHUP, note)
    try:
        with pytest.raises(Ended):
            receive()
        assert seen == [signal.SIGTERM, signal.SIGHUP]
    finally:
        signal.signal(signal.SIGTERM, end)
        signal.signal(signal.SIGHUP, end)


def test_handlers_that_cannot_raise_are_restored_first(monkeypatch):
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    real, order = signal.signal, []

    def setting(number, handler):
        order.append(number)
        return real(number, handler)

    try:
        with signals_waiting(NUMBERS):
            monkeypatch.setattr(handlers.signal, "signal", setting)
        assert order[0] == signal.SIGHUP
    finally:
        monkeypatch.undo()
        signal.signal(signal.SIGHUP, end)


def test_blocked_signals_are_unblocked_although_one_was_pending_in_python(monkeypatch):
    real, before = signal.pthread_sigmask, signal.pthread_sigmask(signal.SIG_BLOCK, ())

    def mask(how, numbers):
        found = real(how, numbers)
        if how == signal.SIG_BLOCK and numbers:
            raise Ended  # as Python does for a signal that it has seen but not handled
        return found

    monkeypatch.setattr(signal, "pthread_sigmask", mask)
    with pytest.raises(Ended), signals_blocked(NUMBERS):
        pass
    assert real(signal.SIG_BLOCK, ()) == before
