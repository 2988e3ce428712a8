"""The interface of an executor, and the one that computes in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Generic, Protocol, TypeVar, final

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


def streams(
    executor: Executor, work: Callable[[Item], Iterable[Result]], items: Iterable[Item], what: str
) -> Iterator[Iterable[Result]]:
    """Yield what each piece of work yields: in this process as it does, else once it has ended.

    Args:
        executor: Where to compute.
        work: Yields the events of a piece.
        items: What it is called with.
        what: The name of the work in an error.
    """
    if executor is HERE:
        return map(work, items)
    return executor.in_order(_Listed(work), items, what)


@dataclass(frozen=True)
class _Listed(Generic[Item, Result]):
    """Work that returns all its events at the end."""

    work: Callable[[Item], Iterable[Result]]

    def __call__(self, item: Item) -> list[Result]:
        return [*self.work(item)]
