"""A cluster as an executor: independent pieces of work, with results in order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, final

from numlean.errors import NumleanError
from numlean.executors.executor import Item, Result

if TYPE_CHECKING:
    from numlean.distributed.cluster import Cluster, Done


@final
@dataclass(frozen=True)
class ClusterExecutor:
    """Computes pieces of work on the workers of a cluster; see :class:`.Executor`."""

    cluster: Cluster
    warn: Callable[[str], None]

    def in_order(
        self, work: Callable[[Item], Result], items: Iterable[Item], what: str
    ) -> Iterator[Result]:
        """Yield ``work(item)`` for each item, in their order.

        Raises:
            NumleanError: Workers that computed a piece died, one after the other.
        """
        from distributed import KilledWorker

        found: dict[int, Any] = {}
        following = 0
        done: Done[tuple[int, Item], Result]
        for done in self.cluster.completed(_Numbered(work), enumerate(items), self.warn):
            if isinstance(done.error, KilledWorker):
                raise NumleanError(
                    f"the workers that computed {what} died, perhaps because memory ran out"
                )
            if done.error is not None:
                raise done.error
            found[done.item[0]] = done.result
            while following in found:
                yield found.pop(following)
                following += 1


@final
@dataclass(frozen=True)
class _Numbered(Generic[Item, Result]):
    """Work on an item with its number."""

    work: Callable[[Item], Result]

    def __call__(self, numbered: tuple[int, Item]) -> Result:
        return self.work(numbered[1])
