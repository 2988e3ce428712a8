"""Train every point of a grid of settings on a Dask cluster, and show the results.

SPEC_FILE contains options of `numlean train` that affect bits, with underscores, such as `task =
"xor"`, `steps = 5`, `dtype = ["float32", "bfloat16"]` and `seed = [0, 1]`. A list is an axis of the
grid. [[points]] starts a grid of its own, whose options replace those above; [execution] sets
backend, device, fast_kernels and measure_every, which change no bit.

Workers are processes on this machine, or those of a scheduler (--scheduler). The results are
Parquet files in the folder DIR, with a certificate of each run; the module
numlean.distributed.sweep.schema documents all columns. A run that fails is a row with its error,
and the exit status is then 1. The same command after a kill makes the runs that are missing.

`numlean sweep show FOLDER` prints the results again. Ctrl-C and SIGTERM end the sweep after the
runs that workers have begun; a second Ctrl-C stops at once.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from numlean.cli import exit_status
from numlean.cli.failed_outputs import FailedOutputs
from numlean.cli.interrupt import Interrupt, catch_interrupt
from numlean.cli.options import warn
from numlean.cli.options.threads import add_threads_option
from numlean.cli.text_output import check_can_write, write_text
from numlean.display_text import one_line
from numlean.distributed.sweep import SweepFolder, SweepResult, sweep
from numlean.distributed.sweep.observer import PointProgress, SweepObserver
from numlean.distributed.sweep.page import as_page
from numlean.distributed.sweep.point import Point
from numlean.distributed.sweep.running import PointResult
from numlean.distributed.sweep.spec import SweepSpec
from numlean.errors import NumleanError
from numlean.json_lines import json_line

_SHOW = "show"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("spec_file", metavar="SPEC_FILE", help="the grid, in TOML; or: show")
    parser.add_argument("folder", nargs="?", metavar="FOLDER", help="the sweep to show")
    parser.add_argument(
        "--out",
        metavar="DIR|FILE.html",
        help="folder of the results, in which a sweep also continues; with show, a page to write",
    )
    parser.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        help="Dask scheduler with workers of its own, such as tcp://127.0.0.1:8786",
    )
    parser.add_argument(
        "--workers",
        type=int,
        metavar="N",
        help="processes on this machine (default: its processors); 0 uses this process alone",
    )
    add_threads_option(parser)
    parser.add_argument("--retry-failed", action="store_true", help="repeat the runs that failed")
    parser.add_argument(
        "--json", action="store_true", help="print one JSON object, whose key runs has all rows"
    )


def run(arguments: argparse.Namespace) -> int:
    """Make the runs, or show them."""
    if arguments.spec_file == _SHOW:
        return _show(arguments)
    if arguments.folder is not None:
        raise NumleanError(f"unexpected {arguments.folder!r:.80}; give the folder as --out DIR")
    if arguments.out is None:
        raise NumleanError("a sweep needs --out DIR for its results")
    spec = SweepSpec.load(arguments.spec_file)
    with catch_interrupt() as interrupt, _observer(interrupt) as observer:
        result = sweep(
            spec,
            arguments.out,
            scheduler=arguments.scheduler,
            workers=arguments.workers,
            retry_failed=arguments.retry_failed,
            observer=observer,
        )
    _print(result, as_json=arguments.json)
    if interrupt.requested:
        return interrupt.exit_status
    return exit_status.DIFFERENCE if result.failed else 0


def _show(arguments: argparse.Namespace) -> int:
    if arguments.folder is None:
        raise NumleanError("name the FOLDER of a sweep: numlean sweep show FOLDER")
    folder = SweepFolder.open(Path(arguments.folder))
    if arguments.out is not None:
        check_can_write("the page", Path(arguments.out))
    result = SweepResult(folder.runs(), folder.steps())
    failed = FailedOutputs()
    if arguments.out is not None:
        with failed.tolerate("the page", arguments.out, at_end=True):
            write_text(Path(arguments.out), as_page(result, Path(arguments.folder).name))
    _print(result, as_json=arguments.json)
    return failed.exit_status(0)


def _print(result: SweepResult, *, as_json: bool) -> None:
    if not as_json:
        print(result)
        return
    runs = [{**row, "finished": row["finished"].isoformat()} for row in result.runs]
    print(json_line({"runs": runs, "missing": result.missing}))


class _Lines(SweepObserver):
    """Writes what happens in lines to standard error."""

    def __init__(self, interrupt: Interrupt) -> None:
        self._interrupt = interrupt
        self._left = self._missing = 0

    def start(self, points: int, missing: int, repeated: int) -> None:
        """Write the numbers of points."""
        self._left = self._missing = missing
        done = f", {points - missing} already made" if points > missing else ""
        more = f", {repeated} repeated ones left out" if repeated else ""
        _write(f"{points} point{'' if points == 1 else 's'}{done}{more}")

    def connected(self, dashboard: str, workers: Sequence[str]) -> None:
        """Write the address of the dashboard."""
        _write(f"{len(workers)} worker(s), dashboard {dashboard}")

    def ended(self, point: Point, result: PointResult) -> None:
        """Write that a run has ended."""
        self._left -= 1
        row = result.run
        what = row["error"] if row["status"] == "failed" else f"{row['seconds']:.3g} s"
        _write(f"{self._missing - self._left}/{self._missing} {point}: {what}")

    def warn(self, text: str) -> None:
        """Write that a worker is refused."""
        warn(f"refused: {text}")

    def is_stopped(self) -> bool:
        """Return whether a signal requested the end."""
        return self._interrupt.requested


class _Bars(_Lines):
    """Shows a bar for all runs, and one for each run in progress."""

    def __init__(self, interrupt: Interrupt, bars: Any) -> None:
        super().__init__(interrupt)
        self._bars = bars
        self._all: Any = None
        self._tasks: dict[str, Any] = {}

    def start(self, points: int, missing: int, repeated: int) -> None:
        """Add the bar for all runs."""
        super().start(points, missing, repeated)
        self._all = self._bars.add_task("all runs", total=missing, note="")

    def progress(self, message: PointProgress) -> None:
        """Advance the bar of a run."""
        if message.digest not in self._tasks:
            self._tasks[message.digest] = self._bars.add_task(
                one_line(message.title), total=message.steps, note=""
            )
        self._bars.update(self._tasks[message.digest], completed=message.step)

    def ended(self, point: Point, result: PointResult) -> None:
        """Remove the bar of a run, and advance that of all runs."""
        task = self._tasks.pop(point.digest, None)
        if task is not None:
            self._bars.remove_task(task)
        if result.run["status"] == "failed":
            super().ended(point, result)
        self._bars.advance(self._all)


@contextmanager
def _observer(interrupt: Interrupt) -> Iterator[SweepObserver]:
    if not sys.stderr.isatty():
        yield _Lines(interrupt)
        return
    from numlean.cli.progress_bar import make_bar  # imports rich

    with ExitStack() as stack:
        yield _Bars(interrupt, stack.enter_context(make_bar()))


def _write(text: str) -> None:
    print(one_line(f"numlean: {text}"), file=sys.stderr, flush=True)
