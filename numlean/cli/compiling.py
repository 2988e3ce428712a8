"""Compilation of kernels during a command: what is compiled now, and help from other processes.

A terminal shows what is being compiled, since that may take seconds. Nothing is shown in a pipe.
When the first kernel is missing in the cache, copies of this process start to compile those that
the command will need later.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from numlean.cli.progress import SHOWN
from numlean.data import Dataset
from numlean.display_text import escape_line
from numlean.tasks import NamedTask, Split
from numlean.training import TrainConfig
from numlean_kernels.compilation import COMPILATIONS
from numlean_kernels.threads import available_processors

if TYPE_CHECKING:
    from numlean_kernels.targets.background import BackgroundCompilation

_CLEAR: Final = "\r\x1b[K"
_FEW: Final = 4
"""The samples of an evaluation in a rehearsal: more than one, so that axes are those of many."""

_MOST: Final = 3
"""The maximum number of processes that help, each of which takes 200 MB."""


@contextmanager
def compiling(rehearse: Callable[[], None]) -> Iterator[None]:
    """Show what the block compiles, and compile what it needs later in other processes.

    Args:
        rehearse: Asks for the kernels that the block needs, on numbers without a meaning.
    """
    watch = _Watch(rehearse)
    COMPILATIONS.observer = watch
    try:
        yield
    finally:
        COMPILATIONS.observer = None
        watch.end()


def shortened(task: NamedTask, config: TrainConfig) -> tuple[NamedTask, TrainConfig]:
    """Return a task on the samples of one batch, and the configuration of two steps at most."""
    count = max(config.batch_size, _FEW)

    def load() -> Split:
        split = task.load()
        return Split(_first(split.train, count), _first(split.test, _FEW))

    return replace(task, load=load), replace(config, steps=min(config.steps, 2))


def _first(samples: Dataset, count: int) -> Dataset:
    return Dataset(*samples.batch(range(min(count, samples.size)))) if samples.size else samples


def helping_processes() -> int:
    """Return the number of processes that may help this one."""
    return min(available_processors() - 1, _MOST)


class _Watch:
    """Observes compilations."""

    def __init__(self, rehearse: Callable[[], None]) -> None:
        self._rehearse = rehearse
        self._helpers: BackgroundCompilation | None = None
        self._has_started = False
        self._has_line = False

    def __call__(self, name: str | None) -> None:
        if name is None:
            self._clear()
            return
        self._start_helpers()
        self._show(f"compiling {kernel_text(name)}")

    def end(self) -> None:
        """End the helpers, and clear the line."""
        self._clear()
        if self._helpers is not None:
            self._helpers.stop()

    def _start_helpers(self) -> None:
        if self._has_started:
            return
        self._has_started = True
        from numlean_kernels.targets.background import BackgroundCompilation, can_fork

        count = helping_processes()
        if count and can_fork():
            self._helpers = BackgroundCompilation(self._rehearse, count)

    def _show(self, text: str) -> None:
        if SHOWN:
            SHOWN[-1](text)
        elif sys.stderr.isatty():
            sys.stderr.write(f"{_CLEAR}numlean: {escape_line(text)}")
            sys.stderr.flush()
            self._has_line = True

    def _clear(self) -> None:
        if self._has_line:
            sys.stderr.write(_CLEAR)
            sys.stderr.flush()
            self._has_line = False


def kernel_text(name: str) -> str:
    """Return the name of a kernel without the options of its arithmetic: ``exp ieee/e8m7``."""
    return "/".join(name.split("/")[:2])
