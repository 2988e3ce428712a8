"""The threads of this process that compute parts of kernels, and how work reaches them.

The threads run no Python, so that native code can give them work. They share some words with the
thread that does:

- The *ticket* has the number of parts that nobody has taken yet, below the number of the work. A
  thread takes a part by lowering the ticket, and finds the part's function and arguments behind it:
  they stay as they are until the part is done.
- The thread that gives work takes parts as the others do. So it never waits for a thread that has
  not started: parts that nobody takes, it computes itself.
- A thread that finds nothing to do looks again for some microseconds, and then sleeps.

Only one thread of Python at a time gives work to the threads. Another one that comes meanwhile
computes all its parts itself. A process that is forked has threads of its own.
"""

from __future__ import annotations

import atexit
import ctypes
import os
import signal
import time
from collections.abc import Callable, Iterator
from functools import partial
from threading import Lock
from typing import Any, Final, final

from numba import types

from numlean_kernels.targets.inlined import InlinedRoutine
from numlean_kernels.targets.kernel_compiler import compiled_kernel
from numlean_kernels.targets.native_calls import call, compiled_entry
from numlean_kernels.targets.parallel.atomics import (
    add,
    condition_broadcast,
    condition_wait,
    exchange,
    load,
    mutex_lock,
    mutex_unlock,
    pause,
    store,
    yield_processor,
)
from numlean_kernels.threads import MOST_THREADS

_SPINNING: Final = 100e-6
"""The seconds for which a thread looks for work before it sleeps."""

_TICKET, _DONE, _SLEEPING, _BUSY = 0, 64, 128, 192
_FUNCTION, _ADDRESSES, _COUNT, _STOP, _SPINS = 256, 264, 272, 320, 328
_MUTEX, _CONDITION, _SIZE = 384, 512, 640
"""Offsets of the shared words, in bytes. Those that are written often have a line of their own."""

_BITS: Final = 32
_LEFT: Final = (1 << _BITS) - 1
"""The bits of the ticket for the number of parts."""

_WORD: Final = 8
_PATIENCE: Final = 1 << 12
"""How often a thread looks whether others are done before it lets them have its processor."""


def _work_for_ever(state: int) -> None:
    """Compute parts of work until there is an order to stop."""
    while load(state + _STOP) == 0:
        ticket, spins, most = load(state + _TICKET), 0, load(state + _SPINS)
        while ticket & _LEFT == 0 and spins < most and load(state + _STOP) == 0:
            pause()
            before, ticket = ticket, load(state + _TICKET)
            spins = spins + 1 if ticket == before else 0
        if ticket & _LEFT == 0:
            mutex_lock(state + _MUTEX)
            add(state + _SLEEPING, 1)
            # Other work may come and go meanwhile: then there is more to expect.
            while load(state + _TICKET) == ticket and load(state + _STOP) == 0:
                condition_wait(state + _CONDITION, state + _MUTEX)
            add(state + _SLEEPING, -1)
            mutex_unlock(state + _MUTEX)
        elif exchange(state + _TICKET, ticket, ticket - 1):
            part = load(state + _COUNT) - (ticket & _LEFT)
            call(load(state + _FUNCTION), load(load(state + _ADDRESSES) + part * _WORD))
            add(state + _DONE, 1)


def _share(state: int, function: int, addresses: int, count: int) -> None:
    """Call a function with each of ``count`` addresses, by this thread and by those that wait."""
    if not exchange(state + _BUSY, 0, 1):
        for part in range(count):
            call(function, load(addresses + part * _WORD))
        return
    store(state + _FUNCTION, function)
    store(state + _ADDRESSES, addresses)
    store(state + _COUNT, count)
    store(state + _DONE, 0)
    number = (load(state + _TICKET) >> _BITS) + 1
    store(state + _TICKET, (number << _BITS) | count)
    if load(state + _SLEEPING) > 0:
        mutex_lock(state + _MUTEX)
        condition_broadcast(state + _CONDITION)
        mutex_unlock(state + _MUTEX)
    own = 0
    while True:
        ticket = load(state + _TICKET)
        left = ticket & _LEFT
        if left == 0:
            break
        if exchange(state + _TICKET, ticket, ticket - 1):
            call(function, load(addresses + (count - left) * _WORD))
            own += 1
    looks = 0
    while load(state + _DONE) + own < count:
        pause()
        looks += 1
        if looks > _PATIENCE:
            yield_processor()
    store(state + _BUSY, 0)


share: Final = InlinedRoutine(_share)
"""``share(state, function, addresses, count)``, for native code."""


def _share_from_python(state: int, function: int, addresses: int, count: int) -> None:
    share(state, function, addresses, count)


_run: Final = compiled_kernel(_share_from_python, "share")


def _pause_often(count: int) -> None:
    for _ in range(count):
        pause()


_pause_often_now: Final = compiled_kernel(_pause_often, "pause")


def _thread() -> Any:
    return compiled_entry(_work_for_ever, "thread")


def pool_jobs() -> Iterator[tuple[str, Callable[[], object]]]:
    """Yield what compiles the code of the threads, or loads it, with names."""
    yield "share", partial(_run.compile, (types.int64,) * 4)
    yield "pause", partial(_pause_often_now.compile, (types.int64,))
    yield "thread", _thread


@final
class Pool:
    """Threads that wait for parts of kernels.

    Attributes:
        state: The address of the words that the threads share.
    """

    def __init__(self) -> None:
        self._memory = ctypes.create_string_buffer(_SIZE + 64)
        self.state = (ctypes.addressof(self._memory) + 63) // 64 * 64
        self._entry: Any = None
        self._threads: list[ctypes.c_void_p] = []
        self._most = MOST_THREADS
        self._lock = Lock()
        library = ctypes.CDLL(None)
        library.pthread_mutex_init(ctypes.c_void_p(self.state + _MUTEX), None)
        library.pthread_cond_init(ctypes.c_void_p(self.state + _CONDITION), None)
        self._library = library

    def hold(self, count: int) -> int:
        """Return the address of the shared words; start threads until there are ``count``."""
        if len(self._threads) < min(count, self._most):
            with self._lock:
                self._start(count)
        return self.state

    def _start(self, count: int) -> None:
        if self._entry is None:
            self._entry = _thread()
            ctypes.c_int64.from_address(self.state + _SPINS).value = _spins()
        # Threads inherit the signals that are blocked: those of the process are for Python's.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        try:
            while len(self._threads) < count:
                thread = ctypes.c_void_p()
                entry, state = ctypes.c_void_p(self._entry.address), ctypes.c_void_p(self.state)
                if self._library.pthread_create(ctypes.byref(thread), None, entry, state):
                    self._most = len(self._threads)  # the system allows no more; these suffice
                    break
                self._threads.append(thread)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def stop(self) -> None:
        """End the threads, once they have done what they have begun."""
        threads, self._threads = self._threads, []
        if not threads:
            return
        library, words = self._library, ctypes.c_int64
        mutex = ctypes.c_void_p(self.state + _MUTEX)
        library.pthread_mutex_lock(mutex)
        words.from_address(self.state + _STOP).value = 1
        library.pthread_cond_broadcast(ctypes.c_void_p(self.state + _CONDITION))
        library.pthread_mutex_unlock(mutex)
        for thread in threads:
            library.pthread_join(thread, None)


@final
class CurrentPool:
    """The pool of this process, which starts its threads when they are first needed."""

    def __init__(self) -> None:
        self._pool: Pool | None = None
        os.register_at_fork(after_in_child=self._forget)
        atexit.register(self.stop)

    def hold(self, threads: int) -> int:
        """Return the address of what ``share`` needs, for so many threads with the caller's."""
        pool = self._pool
        if pool is None:
            pool = self._pool = Pool()
        return pool.hold(threads - 1)

    def share(self, threads: int, function: int, addresses: int, count: int) -> None:
        """Call a function with each of ``count`` addresses, by several threads."""
        _run(self.hold(threads), function, addresses, count)

    def stop(self) -> None:
        """End the threads; they start again when they are needed."""
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.stop()

    def _forget(self) -> None:
        """Forget the threads of the process of which this one is a copy: it has none of them."""
        self._pool = None


def _spins() -> int:
    """Return how many looks for work a thread takes in the time for which it looks."""
    count = 1000
    _pause_often_now(1)
    began = time.perf_counter()
    _pause_often_now(count)
    seconds = time.perf_counter() - began
    return max(int(_SPINNING / max(seconds, 1e-9) * count), count)


POOL: Final = CurrentPool()
"""The pool of this process."""
