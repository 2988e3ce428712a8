"""Train a task in several ways in lockstep and compare every number.

A RUN is DTYPE[:DEVICE][:BACKEND][:fast], for example ieee32exec, mp:24:python, float32:compiled or
float32:cpu:compiled:fast. If two runs differ, repeat the step with every operation recorded, and
show the first operation whose results differ although its operands are equal. --inject puts a fault
into the last run: KIND[:NAME=VALUE,...], with KIND one of flip order fma flush math, and NAME one
of operation step call element bit dtype. In a run by a policy, the fault is in every dtype that can
have it, or in dtype alone.

Ctrl-C and SIGTERM end the runs after the current step, and what was found so far is reported; a
second Ctrl-C stops at once.

Exit status: 0 if all runs are identical, 1 if not, 130 after Ctrl-C, 143 after SIGTERM. With
--json, print one object with the keys task, hyperparameters, steps (made), stopped_by ("interrupt",
or null), identical (so far), nonfinite (by run, where it stopped being finite) and pairs, a list of
objects with a, b, identical, compared ("state" for encodings, within a format; "value" for exact
values, across formats; "rounded" with --beyond-rounding, across formats), rounded_to,
first_different_step (from 0; null if there is none), divergence (null if there is none) and growth
(with --continue: for each step from the first different one on step, differing, relative, loss_a
and loss_b). A divergence has the keys differing, where, operation, call, element, operands,
results, ulps, exact, closer ("a", "b" or "equal"), rounded_to, rounded (both with
--beyond-rounding), operands_b, exact_b (if the operands differ), rules (what each run does, where
the two round or multiply differently by a policy; else null), block (start and stop of the first
terms that make the sums of two matrix units differ, before and after (the sums), and steps: title,
top (e*), fraction_bits and result of each sum of both units; else null)
and judgements (for each result
verdict, relative_error, error in ulps of its format, causes, right and is_right: the specified
result, and whether the result equals it).
"""

from __future__ import annotations

import argparse
import warnings
from dataclasses import asdict
from typing import Any

from numlean.analysis.lockstep import (
    BlockDifference,
    Crosscheck,
    Divergence,
    Fault,
    Number,
    RunSpec,
    crosscheck,
)
from numlean.cli import exit_status
from numlean.cli.compiling import compiling, shortened
from numlean.cli.failed_outputs import FailedOutputs
from numlean.cli.interrupt import catch_interrupt
from numlean.cli.options import (
    add_training_options,
    add_weights_option,
    announce,
    announce_start,
    run_spec,
    warn_of_constants,
)
from numlean.cli.options.execution import EAGER
from numlean.cli.progress import progress
from numlean.cli.text_output import check_can_write, write_text
from numlean.display_text import escape_line
from numlean.errors import NumleanError
from numlean.json_lines import json_line
from numlean.scalar.dtype import split_dtype_list
from numlean.tasks import Recipe


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("--a", metavar="RUN", help="first run")
    parser.add_argument("--b", metavar="RUN", help="second run")
    parser.add_argument(
        "--dtypes", metavar="A,B[,C...]", help="several runs; `numlean dtypes` lists the dtypes"
    )
    parser.add_argument("--inject", metavar="FAULT", help="inject a fault into the last run")
    add_weights_option(parser)
    parser.add_argument(
        "--beyond-rounding",
        action="store_true",
        help="round numbers of two formats to the coarser format before they are compared",
    )
    parser.add_argument(
        "--continue",
        dest="continue_",
        action="store_true",
        help="continue after the first difference, and show how the difference grows",
    )
    parser.add_argument(
        "--out", metavar="FILE.html", help="write the result as an HTML page to FILE.html"
    )
    add_training_options(parser, uses_fast_kernels=False)


def run(arguments: argparse.Namespace) -> int:
    """Train in each way and compare."""
    recipe = Recipe.from_arguments(vars(arguments))
    task, config = recipe.resolve()
    announce(recipe, task)
    runs = [run_spec(arguments, text, uses_fast_kernels=False) for text in _run_texts(arguments)]
    if arguments.inject is not None:
        fault = Fault.parse(arguments.inject)
        runs[-1] = run_spec(_eager(arguments), runs[-1].name, uses_fast_kernels=False)
        runs[-1] = runs[-1].with_fault(fault)
    if arguments.out is not None:
        check_can_write("the page", arguments.out)
    if len(runs) > 1:
        announce_start(arguments, task, config)
    for run in runs:
        warn_of_constants(task, config, run.scalar, run.update)

    def rehearse() -> None:
        few, short = shortened(task, config)
        crosscheck(few, *runs, config=short, initial=arguments.weights)

    failed = FailedOutputs()
    with catch_interrupt() as interrupt:  # until the report is printed
        title = f"{task.name} in {len(runs)} runs"
        with progress(title, config.steps) as advance, compiling(rehearse):

            def on_step(_: int) -> bool:
                advance("")
                return interrupt.requested

            result = crosscheck(
                task,
                *runs,
                config=config,
                initial=arguments.weights,
                on_step=on_step,
                beyond_rounding=arguments.beyond_rounding,
                continue_=arguments.continue_,
            )
        if arguments.out is not None:
            with failed.tolerate("the page", arguments.out, at_end=True):
                _write_page(arguments.out, task.name, result)
        if arguments.json:
            settings = {"task": task.name, "hyperparameters": config.hyperparameters}
            print(json_line(settings | _as_plain(result)))
        else:
            made = f"{result.steps} steps"
            made += f" of {config.steps} (interrupted)" if result.is_partial else ""
            title = escape_line(f"{task.name}, {made}")
            print(f"{title}\n{config.describe()}\n{result}")
    _warn_of_idle_fault(runs[-1])
    status = 0 if result.identical else exit_status.DIFFERENCE
    return failed.exit_status(interrupt.exit_status if interrupt.requested else status)


def _eager(arguments: argparse.Namespace) -> argparse.Namespace:
    """Return the options of a run with a fault, which is executed eagerly unless told otherwise."""
    return argparse.Namespace(**{**vars(arguments), "backend": arguments.backend or EAGER})


def _write_page(path: str, task: str, result: Crosscheck) -> None:
    # Imported here because most crosschecks write no page.
    from numlean.analysis.drift.page import crosscheck_page

    write_text(path, crosscheck_page(task, result))


def _warn_of_idle_fault(run: RunSpec) -> None:
    if run.fault is not None and not run.fault.injected:
        warnings.warn(
            f"the fault was never triggered: no operation matched {run.fault.fault}", stacklevel=2
        )


def _run_texts(arguments: argparse.Namespace) -> list[str]:
    pair = [text for text in (arguments.a, arguments.b) if text is not None]
    if arguments.dtypes is not None and pair:
        raise NumleanError("give either --a RUN --b RUN or --dtypes A,B, not both")
    if arguments.dtypes is None and len(pair) < 2:
        raise NumleanError("name two runs, --a RUN --b RUN, or several: --dtypes A,B")
    return pair or split_dtype_list(arguments.dtypes)


def _as_plain(result: Crosscheck) -> dict[str, Any]:
    pairs = [
        {
            "a": pair.a,
            "b": pair.b,
            "identical": pair.identical,
            "compared": pair.compared,
            "first_different_step": pair.first_different_step,
            "divergence": pair.divergence and _divergence(pair.divergence),
            "rounded_to": pair.rounded_to,
            "growth": [asdict(point) for point in pair.growth],
        }
        for pair in result.pairs
    ]
    return {
        "steps": result.steps,
        "stopped_by": "interrupt" if result.is_partial else None,
        "identical": result.identical,
        "pairs": pairs,
        "nonfinite": dict(result.nonfinite),
    }


def _divergence(found: Divergence) -> dict[str, Any]:
    judgements = [
        {**asdict(each), "right": each.right and _number(each.right)} for each in found.assessments
    ]
    return {
        **{k: v for k, v in asdict(found).items() if k not in ("a", "b", "step", "assessments")},
        "operands": _numbers(found.operands or {}),
        "operands_b": found.operands_b and _numbers(found.operands_b),
        "results": found.results and [_number(number) for number in found.results],
        "judgements": judgements,
        "block": found.block and _block(found.block),
    }


def _block(found: BlockDifference) -> dict[str, Any]:
    """Return the terms that make the sums of two matrix units differ, and the sums."""
    after = [_number(number) for number in found.after]
    steps = [
        [{**asdict(step), "result": _number(step.result)} for step in each] for each in found.steps
    ]
    terms = {"start": found.start, "stop": found.stop}
    return {**terms, "before": _number(found.before), "after": after, "steps": steps}


def _numbers(operands: dict[str, tuple[Number, ...]]) -> dict[str, Any]:
    return {label: [_number(number) for number in each] for label, each in operands.items()}


def _number(number: Number) -> dict[str, str | None]:
    return {"value": number.text, "bits": None if number.bits is None else hex(number.bits)}
