"""Train a task in several number formats and measure their errors against a reference run.

At regular steps, measure the loss, the parameters and each operation. The local error of an
operation is measured against the exact operation on the same operands, and its total error against
the result of the reference run; the difference is inherited from its operands. A dtype is one that
`numlean dtypes` lists, optionally with device and engine, as in ieee32exec:cpu:compiled. Prints
three sentences that say what was found, and the errors of the parameters after the last step, for
the worst seed. Relative errors can be compared between dtypes; errors in ulps are shown where one
format is shown.

--json and --jsonl FILE write one JSON object per line: first a description ("record":
"comparison"), then for each measured step and dtype a "step" and its "operation" records, and at
the end of each run a "run". The module numlean.analysis.drift.records documents all keys.
--out FILE.html writes a report into one file; --out DIR writes report.html and records.jsonl into
a folder.

Ctrl-C and SIGTERM end the comparison after the current step, and what was measured so far is
written and printed; a second Ctrl-C stops at once. The exit status is then 130 or 143.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from numlean.analysis.drift import Comparison, compare
from numlean.analysis.drift.records import Record, Write, as_line
from numlean.analysis.lockstep import RunSpec
from numlean.cli.failed_outputs import FailedOutputs
from numlean.cli.interrupt import Interrupt, catch_interrupt
from numlean.cli.options import (
    add_training_options,
    add_weights_option,
    announce,
    announce_start,
    runner_options,
    warn_of_constants,
)
from numlean.cli.path_roles import PAGE, PAGE_SUFFIXES, RECORDS
from numlean.cli.progress import progress
from numlean.cli.streams import PrintedLines
from numlean.cli.text_output import check_can_write, text_output, write_text
from numlean.display_text import escape_line
from numlean.errors import NumleanError
from numlean.files.folders import made_folder
from numlean.files.messages import reason_of
from numlean.scalar.dtype import split_dtype_list
from numlean.tasks import NamedTask, Recipe

_TESTS: Final = 4


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "--dtypes", metavar="A,B[,C...]", required=True, help="number formats to compare"
    )
    parser.add_argument(
        "--truth",
        metavar="T",
        default="mp:200",
        help="dtype of the reference run (default: %(default)s)",
    )
    parser.add_argument(
        "--seeds",
        type=int,
        metavar="N",
        default=1,
        help="number of seeds, starting at --seed (default: %(default)s)",
    )
    parser.add_argument(
        "--every",
        type=int,
        metavar="N",
        help="steps between measurements (default: about 100 measurements)",
    )
    parser.add_argument(
        "--tests",
        type=int,
        metavar="N",
        help=f"number of evaluations on the test data (default: {_TESTS})",
    )
    parser.add_argument(
        "--no-operations", action="store_true", help="measure only losses and parameters (faster)"
    )
    parser.add_argument("--no-flags", action="store_true", help="do not count IEEE exceptions")
    parser.add_argument(
        "--out",
        metavar="FILE.html|DIR",
        help="write an HTML report to FILE.html, or the report and records.jsonl into DIR",
    )
    parser.add_argument(
        "--jsonl", metavar="FILE", help="write all figures, one JSON object per line"
    )
    add_weights_option(parser)
    add_training_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Compare, write and print."""
    with catch_interrupt() as interrupt:  # until everything is written
        failed = FailedOutputs()
        _compare(arguments, interrupt, failed)
    return failed.exit_status(interrupt.exit_status if interrupt.requested else 0)


def _compare(arguments: argparse.Namespace, interrupt: Interrupt, failed: FailedOutputs) -> None:
    recipe = Recipe.from_arguments(vars(arguments))
    task, config = recipe.resolve()
    announce(recipe, task)
    page, lines = _paths(arguments)
    printed = PrintedLines(is_only_output=not lines and page is None)
    with ExitStack() as stack:
        if arguments.out is not None and not _is_page(arguments.out):
            stack.enter_context(_made_folder(Path(arguments.out)))
        _check_can_write(page, lines)
        writers = [stack.enter_context(_lines(path, failed)) for path in lines]
        if arguments.json:
            writers.append(lambda record: printed.write(as_line(record)))

        def write(record: Record) -> None:
            if record["record"] == "comparison":  # the first one, before the first step
                announce_start(arguments, task, config)
            _write_all(writers, record)

        total = max(config.steps * arguments.seeds, 0)
        dtypes = split_dtype_list(arguments.dtypes)
        scalars = (RunSpec.parse(text, runner_options(arguments)).scalar for text in dtypes)
        warn_of_constants(task, config, *scalars)
        advance = stack.enter_context(progress(f"{task.name} in {arguments.dtypes}", total))

        def on_step() -> bool:
            advance("")
            return interrupt.requested

        result = compare(
            task,
            *dtypes,
            truth=arguments.truth,
            seeds=arguments.seeds,
            config=config,
            options=runner_options(arguments),
            initial=arguments.weights,
            every=arguments.every,
            tests=_tests(arguments, task),
            operations=not arguments.no_operations,
            flags=not arguments.no_flags,
            write=write,
            on_step=on_step,
        )
    if page is not None:
        with failed.tolerate("the page", page, at_end=True):
            write_text(page, result.page())
    printed.end()
    if not arguments.json:
        print(escape_line(f"{task.name}, {_steps(result)}, against {result.truth}"))
        print(f"{config.describe()}\n{result}")


def _steps(result: Comparison) -> str:
    """Return the number of steps, and where an interrupt ended the comparison."""
    steps, seeds = result.header["steps"], result.header["seeds"]
    if result.stopped_at is None:
        return f"{steps} steps"
    seed, made = result.stopped_at
    where = f" of seed {seed}" if len(seeds) > 1 else ""
    return f"{made} steps of {steps}{where} (interrupted)"


def _tests(arguments: argparse.Namespace, task: NamedTask) -> int:
    if arguments.tests is None:
        return _TESTS
    if arguments.tests > 0 and not task.load().test.size:
        raise NumleanError(
            f"--tests {arguments.tests}: {task.name} has no test data; use --tests 0"
        )
    return int(arguments.tests)


def _paths(arguments: argparse.Namespace) -> tuple[Path | None, list[Path]]:
    """Return the files of the report and of the records."""
    lines = [] if arguments.jsonl is None else [Path(arguments.jsonl)]
    if arguments.out is None:
        return None, lines
    out = Path(arguments.out)
    return (out, lines) if _is_page(out) else (out / PAGE, [*lines, out / RECORDS])


def _is_page(out: str | Path) -> bool:
    """Return whether --out is a page, rather than a folder."""
    return Path(out).suffix.lower() in PAGE_SUFFIXES


@contextmanager
def _made_folder(out: Path) -> Iterator[None]:
    with ExitStack() as stack:
        try:
            stack.enter_context(made_folder(out))
        except OSError as error:
            raise NumleanError(f"cannot write into the folder {out}: {reason_of(error)}") from None
        yield


def _check_can_write(page: Path | None, lines: list[Path]) -> None:
    if page is not None:
        check_can_write("the page", page)
    for path in lines:
        check_can_write("the records", path)


@contextmanager
def _lines(path: Path, failed: FailedOutputs) -> Iterator[Write]:
    with text_output("the records", path, failed) as write:
        yield lambda record: write(as_line(record) + "\n")


def _write_all(writers: list[Write], record: Record) -> None:
    for write in writers:
        write(record)
