"""Time several callables in alternating rounds."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Mapping
from typing import Final, TypeVar

_LEAST_SECONDS: Final = 0.002

Name = TypeVar("Name", bound=Hashable)


def best_seconds(timed: Mapping[Name, Callable[[], object]], rounds: int) -> dict[Name, float]:
    """Return the best time of each callable over alternating rounds, after one warm-up call.

    Rounds alternate so that a noisy machine affects all callables alike. A callable too fast for
    the clock is repeated within a round.
    """
    repeats: dict[Name, int] = {}
    for name, call in timed.items():
        call()
        repeats[name] = max(1, int(_LEAST_SECONDS / max(_seconds(call, 1), 1e-9)))
    best = dict.fromkeys(timed, float("inf"))
    for _ in range(rounds):
        for name, call in timed.items():
            # A call of more than a second is measured once.
            if best[name] == float("inf") or best[name] < 1.0:
                best[name] = min(best[name], _seconds(call, repeats[name]))
    return best


def _seconds(call: Callable[[], object], repeats: int) -> float:
    started = time.perf_counter()
    for _ in range(repeats):
        call()
    return (time.perf_counter() - started) / repeats


def times_mpmath(dtype: str, seconds: Mapping[str, float]) -> str:
    """Return how many times as fast a dtype is as by mpmath; "" if that was not measured."""
    other = seconds.get(f"{dtype}@engine=mpmath")
    return "" if other is None else f"{other / seconds[dtype]:.1f}"
