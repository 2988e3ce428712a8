"""Time several callables in alternating rounds."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Mapping
from typing import Final, TypeAlias, TypeVar

from numlean_kernels.threads import THREADS

Clock: TypeAlias = Callable[[], float]

_FINEST: Final = 1e-6
"""The resolution, in seconds, that a clock must have."""

_LEAST_SECONDS: Final = 0.002

Name = TypeVar("Name", bound=Hashable)


def clock_of(*, on_the_wall: bool = False) -> Clock:
    """Return what to measure by: processor time, which other programs hardly change.

    Several threads, and devices that are waited for, need the time on the wall. So do systems
    whose processor time is coarse.
    """
    is_fine = time.get_clock_info("process_time").resolution <= _FINEST
    is_alone = THREADS.count == 1 and not on_the_wall
    return time.process_time if is_fine and is_alone else time.perf_counter


def best_seconds(
    timed: Mapping[Name, Callable[[], object]], rounds: int, *, on_the_wall: bool = False
) -> dict[Name, float]:
    """Return the best time of each callable over alternating rounds, after one warm-up call.

    Rounds alternate so that a noisy machine affects all callables alike. A callable too fast for
    the clock is repeated within a round. The time is that of ``clock_of``.
    """
    clock = clock_of(on_the_wall=on_the_wall)
    repeats: dict[Name, int] = {}
    for name, call in timed.items():
        call()
        repeats[name] = max(1, int(_LEAST_SECONDS / max(_seconds(call, 1, clock), 1e-9)))
    best = dict.fromkeys(timed, float("inf"))
    for _ in range(rounds):
        for name, call in timed.items():
            # A call of more than a second is measured once.
            if best[name] == float("inf") or best[name] < 1.0:
                best[name] = min(best[name], _seconds(call, repeats[name], clock))
    return best


def _seconds(call: Callable[[], object], repeats: int, clock: Clock) -> float:
    started = clock()
    for _ in range(repeats):
        call()
    return (clock() - started) / repeats


def times_mpmath(dtype: str, seconds: Mapping[str, float]) -> str:
    """Return how many times as fast a dtype is as by mpmath; "" if that was not measured."""
    other = seconds.get(f"{dtype}@engine=mpmath")
    return "" if other is None else f"{other / seconds[dtype]:.1f}"
