"""The one thread that computes what pages show.

Requests are computed one after the other, so that no table is built twice at once. The thread is a
daemon: the end of the server waits for nothing, since a page has nothing to lose.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from threading import Thread
from typing import Any, TypeVar

T = TypeVar("T")


class Worker:
    """A thread that calls functions in the order of the requests."""

    def __init__(self) -> None:
        self._queue: SimpleQueue[tuple[Future[Any], Callable[[], Any]]] = SimpleQueue()
        Thread(target=self._work, name="numlean play", daemon=True).start()

    async def call(self, function: Callable[[], T]) -> T:
        """Return what a function returns, or raise what it raises."""
        future: Future[T] = Future()
        self._queue.put((future, function))
        return await asyncio.wrap_future(future)

    def _work(self) -> None:
        while True:
            future, function = self._queue.get()
            if not future.set_running_or_notify_cancel():
                continue  # the browser no longer waits for it
            try:
                result = function()
            except BaseException as error:  # the caller receives it, whatever it is
                future.set_exception(error)
            else:
                future.set_result(result)
