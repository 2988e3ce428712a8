"""What code on a worker and the process that uses it exchange: messages, objects as bytes."""

from __future__ import annotations

from typing import Any, Final

TOPIC: Final = "numlean"
"""The topic of messages in Dask."""


def dumps(value: object) -> bytes:
    """Return an object as bytes for the workers of a cluster, its own classes included."""
    from distributed.protocol.pickle import dumps as to_bytes

    found: bytes = to_bytes(value)
    return found


def loads(content: bytes) -> Any:
    """Return the object of which ``dumps`` made bytes; only for bytes of this cluster."""
    from distributed.protocol.pickle import loads as from_bytes

    return from_bytes(content)


def send(message: Any) -> None:
    """Send a message from the work that a worker is doing; do nothing anywhere else."""
    from distributed import get_worker

    try:
        worker = get_worker()
    except ValueError:  # this process is no worker
        return
    worker.log_event(TOPIC, {"message": message})
