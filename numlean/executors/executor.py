"""The interface of an executor, and the one that computes in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final, Protocol, TypeVar, final

Item = TypeVar("Item")
Result = TypeVar("Result")


class Executor(Protocol):
    """Computes pieces of work whose results do not depend on where they are computed."""

    def in_order(
        self, work: Callable[[Item], Result], items: Iterable[Item], what: str
    ) -> Iterator[Result]:
        """Yield ``work(item)`` for each item, in their order.

        Args:
            work: Computes a piece; other processes must be able to import it.
            items: What it is called with, each once.
            what: The name of the work in an error.

        Raises:
            NumleanError: A process that computed a piece died.
        """


@final
class ThisProcess:
    """Computes one piece after the other in this process, each when its result is asked for."""

    def in_order(
        self, work: Callable[[Item], Result], items: Iterable[Item], what: str
    ) -> Iterator[Result]:
        """Yield ``work(item)`` for each item, in their order."""
        yield from map(work, items)


HERE: Final = ThisProcess()
"""The executor of everything that is not given another one."""
