"""Train a task by a policy, and with each part of the policy promoted or demoted alone.

The parts are the roles of tensors, the named parts of the optimizer's state, the products of layers
(operands, accumulation and output), the accumulation alone, and scales; `numlean policies POLICY`
prints the fields. Each row of the table is a run, from --seeds seeds, that differs from the first
one in a part: first one part each in the high format, then one part each in the low format, at the
end everything in the high format. Two sentences say which part costs most, and whether the
difference exceeds the spread over seeds. A base in one dtype is --dtype D in place of --policy P.

--json and --jsonl FILE write one JSON object per line, a "run" as soon as it is complete; the
module numlean.analysis.ablation.records documents all keys. --out FILE.html writes a report into
one file; --out DIR writes report.html and records.jsonl into a folder.

Ctrl-C and SIGTERM end the ablation after the current step, and the runs that are complete are
written and printed; a second Ctrl-C stops at once. The exit status is then 130 or 143.
"""

from __future__ import annotations

import argparse
from contextlib import ExitStack
from functools import partial

from numlean.analysis.ablation import Ablation, ablate
from numlean.analysis.drift.records import Record, as_line
from numlean.analysis.lockstep import RunSpec
from numlean.cli.compiling import compiling, shortened
from numlean.cli.failed_outputs import FailedOutputs
from numlean.cli.interrupt import Interrupt, catch_interrupt
from numlean.cli.options import (
    add_arithmetic_options,
    add_training_options,
    add_weights_option,
    announce,
    announce_start,
    is_short,
    reference_spec,
    train_options,
    warn_of_constants,
)
from numlean.cli.options.executors import add_scheduler_option, executor_at
from numlean.cli.progress import Advance, progress
from numlean.cli.report_files import ReportFiles, add_report_options
from numlean.cli.streams import PrintedLines
from numlean.display_text import escape_line
from numlean.errors import NumleanError
from numlean.precision import Policy, format_policy
from numlean.tasks import Recipe


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    add_arithmetic_options(parser)
    parser.add_argument(
        "--high",
        metavar="D",
        default="float32",
        help="number format of promoted parts (default: %(default)s)",
    )
    parser.add_argument(
        "--low",
        metavar="D",
        help="number format of demoted parts (default: that of the policy's narrow operands)",
    )
    parser.add_argument(
        "--truth",
        metavar="T",
        default="float64",
        help="dtype of the reference run (default: %(default)s)",
    )
    parser.add_argument(
        "--seeds",
        type=int,
        metavar="N",
        default=3,
        help="number of seeds, starting at --seed (default: %(default)s)",
    )
    add_report_options(parser)
    add_scheduler_option(parser, "make the runs")
    add_weights_option(parser)
    add_training_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Make the runs, write and print."""
    with catch_interrupt() as interrupt:  # until everything is written
        failed = FailedOutputs()
        _ablate(arguments, interrupt, failed)
    return failed.exit_status(interrupt.exit_status if interrupt.requested else 0)


def _ablate(arguments: argparse.Namespace, interrupt: Interrupt, failed: FailedOutputs) -> None:
    recipe = Recipe.from_arguments(vars(arguments))
    policy = _policy(arguments, recipe)
    task, config = recipe.resolve()
    announce(recipe, task)
    fast = not is_short(task, config)
    options = train_options(arguments, recipe, uses_fast_kernels=fast)
    outputs = ReportFiles.of(arguments.out, arguments.jsonl)
    printed = PrintedLines(is_only_output=outputs.is_empty)
    with ExitStack() as stack:
        write_line = stack.enter_context(outputs.writing(failed))
        bar: list[Advance] = []

        def write(record: Record) -> None:
            if record["record"] == "ablation":  # the first one, before the first step
                announce_start(arguments, task, config)
                total = config.steps * len(record["seeds"]) * (len(record["rows"]) + 1)
                title = f"{task.name}, {record['policy']}"
                bar.append(stack.enter_context(progress(title, total)))
            line = as_line(record)
            write_line(line)
            if arguments.json:
                printed.write(line)

        def on_step() -> bool:
            bar[0]("")
            return interrupt.requested

        spec = RunSpec.of(policy, options)
        warn_of_constants(task, config, spec.scalar, spec.update)
        measure = partial(
            ablate,
            policy=policy,
            high=arguments.high,
            low=arguments.low,
            truth=reference_spec(arguments, arguments.truth, uses_fast_kernels=fast),
            options=options,
            initial=arguments.weights,
        )

        def rehearse() -> None:
            few, short = shortened(task, config)
            measure(few, config=short, seeds=1)

        executor = stack.enter_context(executor_at(arguments.scheduler))
        stack.enter_context(compiling(rehearse))
        result = measure(
            task,
            config=config,
            seeds=arguments.seeds,
            write=write,
            on_step=on_step,
            executor=executor,
        )
    outputs.write_page(result.page, failed)
    printed.end()
    if not arguments.json:
        print(escape_line(f"{task.name}, {format_policy(policy)}, {_steps(result)}"))
        print(f"{config.describe()}\n{result}")


def _policy(arguments: argparse.Namespace, recipe: Recipe) -> Policy:
    """Return the unchanged policy.

    Raises:
        NumleanError: No option says which.
    """
    given = (arguments.policy, arguments.dtype, arguments.accumulate, arguments.master)
    if all(option is None for option in given):
        raise NumleanError("ablate needs --policy P (`numlean policies` lists them), or --dtype D")
    return Policy.uniform(recipe.dtype) if recipe.policy is None else recipe.policy


def _steps(result: Ablation) -> str:
    """Return the number of steps, and whether an interrupt ended the ablation."""
    steps = f"{result.header['steps']} steps"
    return steps if result.stop is None else f"{steps} (interrupted)"
