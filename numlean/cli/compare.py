"""Train a task in several arithmetics and measure their errors against a reference run.

At regular steps, measure the loss, the parameters and each operation. The local error of an
operation is measured against the exact operation on the same operands, and its total error against
the result of the reference run; the difference is inherited from its operands. A dtype is one that
`numlean dtypes` lists, optionally with device and engine, as in ieee32exec:cpu:compiled. Prints
sentences that say what was found, and the errors of the parameters after the last step, for the
worst seed. Relative errors can be compared between dtypes; errors in ulps are shown where one
format is shown.

A policy is one that `numlean policies` lists, with other fields if there are any: in --policies
bf16-mixed,optimizer=bfloat16,tf32 the first of two policies has one. An item that begins with NAME=
belongs to the item before it, and commas inside parentheses do not separate items. In --dtypes, a
policy is policy:P, optionally with device and engine. Of a run by a policy, the error of each
product of a layer has three parts: quantisation, accumulation and output. For each parameter, the
rounding of an update is measured: of the parameter, of its gradient, and of the optimizer's state.
For each operand whose numbers share scales, as in block formats, the shares that are saturated and
flushed to zero are measured, and the scales and the errors by block.

--json and --jsonl FILE write one JSON object per line: first a description ("record":
"comparison"), then for each measured step and dtype a "step" and its "operation" records, and at
the end of each run a "run"; of a run by a policy, "product", "quantisation" and "update" records,
too. The module numlean.analysis.drift.records documents all keys.
--out FILE.html writes a report into one file; --out DIR writes report.html and records.jsonl into
a folder.

Ctrl-C and SIGTERM end the comparison after the current step, and what was measured so far is
written and printed; a second Ctrl-C stops at once. The exit status is then 130 or 143.
"""

from __future__ import annotations

import argparse
from contextlib import ExitStack
from functools import partial
from typing import Final

from numlean.analysis.drift import Comparison, compare
from numlean.analysis.drift.records import Record, as_line
from numlean.analysis.lockstep.run_spec import as_policy
from numlean.cli.compiling import compiling, shortened
from numlean.cli.failed_outputs import FailedOutputs
from numlean.cli.interrupt import Interrupt, catch_interrupt
from numlean.cli.options import (
    add_training_options,
    add_weights_option,
    announce,
    announce_start,
    is_short,
    reference_spec,
    run_spec,
    warn_of_constants,
)
from numlean.cli.options.executors import add_scheduler_option, executor_at
from numlean.cli.progress import progress
from numlean.cli.report_files import ReportFiles, add_report_options
from numlean.cli.streams import PrintedLines
from numlean.display_text import escape_line
from numlean.errors import NumleanError
from numlean.scalar.dtype import split_dtype_list
from numlean.tasks import NamedTask, Recipe

_TESTS: Final = 4


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "--dtypes",
        metavar="A,B[,C...]",
        help="number formats to compare; policy:P is a run by a policy",
    )
    parser.add_argument(
        "--policies",
        metavar="P|FILE[,...]",
        help="policies to compare, as --policy of `numlean train` takes them; an item"
        " field=value belongs to the policy before it",
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
    add_report_options(parser)
    add_scheduler_option(parser, "make the runs of each seed")
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
    outputs = ReportFiles.of(arguments.out, arguments.jsonl)
    printed = PrintedLines(is_only_output=outputs.is_empty)
    with ExitStack() as stack:
        write_line = stack.enter_context(outputs.writing(failed))

        def write(record: Record) -> None:
            if record["record"] == "comparison":  # the first one, before the first step
                announce_start(arguments, task, config)
            line = as_line(record)
            write_line(line)
            if arguments.json:
                printed.write(line)

        total = max(config.steps * arguments.seeds, 0)
        fast = not is_short(task, config)
        specs = [run_spec(arguments, text, uses_fast_kernels=fast) for text in _runs(arguments)]
        for spec in specs:
            warn_of_constants(task, config, spec.scalar, spec.update)
        names = ",".join(spec.name for spec in specs)
        advance = stack.enter_context(progress(f"{task.name} in {names}", total))

        def on_step() -> bool:
            advance("")
            return interrupt.requested

        measure = partial(
            compare,
            truth=reference_spec(arguments, arguments.truth, uses_fast_kernels=fast),
            initial=arguments.weights,
            every=arguments.every,
            operations=not arguments.no_operations,
            flags=not arguments.no_flags,
        )

        def rehearse() -> None:
            few, short = shortened(task, config)
            measure(few, *specs, config=short, seeds=1, tests=min(tests, 1))

        tests = _tests(arguments, task)
        executor = stack.enter_context(executor_at(arguments.scheduler))
        stack.enter_context(compiling(rehearse))
        result = measure(
            task,
            *specs,
            config=config,
            seeds=arguments.seeds,
            tests=tests,
            write=write,
            on_step=on_step,
            executor=executor,
        )
    outputs.write_page(result.page, failed)
    printed.end()
    if not arguments.json:
        print(escape_line(f"{task.name}, {_steps(result)}, against {result.truth}"))
        print(f"{config.describe()}\n{result}")


def _runs(arguments: argparse.Namespace) -> list[str]:
    """Return the runs to compare, those by policies first."""
    if arguments.dtypes is arguments.policies is None:
        raise NumleanError("name the runs to compare: --dtypes A,B, --policies A,B, or both")
    policies = [] if arguments.policies is None else split_dtype_list(arguments.policies)
    dtypes = [] if arguments.dtypes is None else split_dtype_list(arguments.dtypes)
    return [*(as_policy(text) for text in policies), *dtypes]


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
