"""Train a task in several arithmetics beside a truth, and measure how far each is from it.

Every so many steps, loss, parameters and each operation are measured: an operation's local error
against the exact operation on the same operands, and its total error against the truth run's
result, of which the rest is inherited. A DTYPE is as `numlean dtypes` lists it, and may say how it
is run, as in ieee32exec:cpu:compiled. Prints the errors of the parameters after the last step, of
the worst seed.

With --json, or --jsonl FILE, one JSON object a line: first what is compared ("record":
"comparison"), then for each step measured and dtype a "step" and its "operation" records, and at
the end of each run a "run". The module numlean.analysis.drift.records says what every key means.
With --out FILE.html, write a report in one file; with --out FOLDER, write report.html and
records.jsonl there.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Final

from numlean.analysis.drift import Comparison, compare
from numlean.analysis.drift.records import Record, Write, as_line
from numlean.cli.options import add_training_options, config_of, options_of, task_of
from numlean.cli.progress import progress
from numlean.errors import NumleanError
from numlean.scalar.dtype import split_dtype_list
from numlean.tasks import NamedTask

_TESTS: Final = 4


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument("--dtypes", metavar="A,B[,C...]", required=True, help="what to compare")
    parser.add_argument(
        "--truth", metavar="T", default="mp:200", help="what to measure by (default: %(default)s)"
    )
    parser.add_argument(
        "--seeds",
        type=int,
        metavar="N",
        default=1,
        help="runs of each, from --seed on (1)",
    )
    parser.add_argument(
        "--every", type=int, metavar="N", help="measure every N steps (default: about 100 times)"
    )
    parser.add_argument(
        "--tests", type=int, metavar="N", help=f"look at the test data N times (default: {_TESTS})"
    )
    parser.add_argument(
        "--no-operations", action="store_true", help="measure losses and parameters only (fast)"
    )
    parser.add_argument("--no-flags", action="store_true", help="count no IEEE exceptions")
    parser.add_argument("--out", metavar="FILE.html|DIR", help="write a report, or both, there")
    parser.add_argument("--jsonl", metavar="FILE", help="write every figure, one object a line")
    add_training_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Compare, write and print."""
    task = task_of(arguments)
    config = config_of(arguments, task)
    page, lines = _paths(arguments)
    with ExitStack() as stack:
        # Whether all can be written shows before the run, not after it.
        writers = [stack.enter_context(_lines(path)) for path in lines]
        if page is not None:
            _writable(page)
        if arguments.json:
            writers.append(_print)
        total = max(config.steps * arguments.seeds, 0)
        advance = stack.enter_context(progress(f"{task.name} in {arguments.dtypes}", total))
        result = compare(
            task,
            *split_dtype_list(arguments.dtypes),
            truth=arguments.truth,
            seeds=arguments.seeds,
            config=config,
            options=options_of(arguments),
            every=arguments.every,
            tests=_tests(arguments, task),
            operations=not arguments.no_operations,
            flags=not arguments.no_flags,
            write=lambda record: _tell(writers, record),
            on_step=lambda: advance(""),
        )
    if page is not None:
        _write_page(page, result)
    if not arguments.json:
        print(f"{task.name}, {config.steps} steps, against {result.truth}\n{result}")
    return 0


def _tests(arguments: argparse.Namespace, task: NamedTask) -> int:
    if arguments.tests is None:
        return _TESTS
    if arguments.tests > 0 and not task.load().test.size:
        raise NumleanError(f"--tests {arguments.tests}: {task.name} has no test data; --tests 0")
    return int(arguments.tests)


def _paths(arguments: argparse.Namespace) -> tuple[Path | None, list[Path]]:
    """Where the page goes, and the lines."""
    lines = [] if arguments.jsonl is None else [Path(arguments.jsonl)]
    if arguments.out is None:
        return None, lines
    out = Path(arguments.out)
    if out.suffix.lower() in (".html", ".htm"):
        return out, lines
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise NumleanError(f"cannot write into the folder {out}: {error.strerror}") from None
    return out / "report.html", [*lines, out / "records.jsonl"]


@contextmanager
def _lines(path: Path) -> Iterator[Write]:
    with _opened(path, "w") as file:
        yield lambda record: print(as_line(record), file=file)


def _opened(path: Path, mode: str) -> IO[str]:
    try:
        return path.open(mode, encoding="utf-8")
    except OSError as error:
        raise NumleanError(f"cannot write {path}: {error.strerror}") from None


def _writable(path: Path) -> None:
    """Say so if a file cannot be written; one that is there stays as it is."""
    is_new = not path.exists()
    _opened(path, "a").close()
    if is_new:
        path.unlink()


def _write_page(path: Path, result: Comparison) -> None:
    text = result.page()
    with _opened(path, "w") as file:
        file.write(text)


def _tell(writers: list[Write], record: Record) -> None:
    for write in writers:
        write(record)


def _print(record: Record) -> None:
    print(as_line(record))
