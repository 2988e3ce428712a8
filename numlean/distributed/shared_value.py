"""A value that many pieces of work need, and that each worker of a cluster gets once."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, final

from numlean.distributed.on_worker import dumps

if TYPE_CHECKING:
    from distributed import Client, Future


@final
class SharedValue:
    """A value with a copy on each worker that pieces of work are given to.

    A copy is itself a piece of work, which the scheduler keeps: it is made again elsewhere if its
    worker dies, and so are the pieces that wait for it.
    """

    def __init__(self, client: Client, load: Callable[[bytes], Any], value: object) -> None:
        """Create a value of which no worker has a copy yet.

        Args:
            client: The cluster.
            load: Returns the value on a worker, from its bytes.
            value: The value.
        """
        self._client, self._load = client, load
        self._content = dumps(value)
        self._copies: dict[str | None, Future] = {}

    def at(self, worker: str | None) -> Future:
        """Return the copy for pieces that a worker computes; None stands for any worker."""
        copy = self._copies.get(worker)
        if copy is None or copy.status in ("error", "cancelled", "lost"):
            copy = self._copies[worker] = self._copy(worker)
        return copy

    def forget_others(self, workers: Sequence[str]) -> None:
        """Release the copies for workers that are gone."""
        kept = self._copies.keys() & {*workers}
        self._copies = {worker: self._copies[worker] for worker in kept}

    def _copy(self, worker: str | None) -> Future:
        where = {} if worker is None else {"workers": [worker], "allow_other_workers": True}
        with warnings.catch_warnings():  # the value may be large: parameters of a network
            warnings.filterwarnings("ignore", "Sending large graph", UserWarning)
            return self._client.submit(self._load, self._content, pure=False, **where)
