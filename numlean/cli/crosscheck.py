"""Train a task in several ways, step by step beside each other, and compare every number.

A SPEC is DTYPE[:DEVICE][:BACKEND][:fast], for example ieee32exec, mp:24:python, float32:compiled or
float32:cpu:compiled:fast. Where two runs part, the step is done again with every operation written
down, and the first is shown whose results differ though its operands agree. With --inject a fault
is put into the last run: KIND[:NAME=VALUE,...], KIND one of flip order fma flush math, NAME one of
operation step call element bit.

Exit status 0 if all agree, 1 if not. With --json, one object with the keys task, steps, identical
and pairs, a list of objects with a, b, identical, compared ("state": encodings, within a format;
"value": exact values, across formats), first_different_step (from 0; null if there is none) and
divergence (null if there is none): differing, where, operation, call, element, operands, results,
ulps, exact, and judgements, what each result is worth.
"""

from __future__ import annotations

import argparse
import warnings
from dataclasses import asdict
from typing import Any

from numlean.analysis.lockstep import (
    Crosscheck,
    Divergence,
    Fault,
    FaultyScalar,
    Number,
    RunSpec,
    crosscheck,
)
from numlean.cli.options import add_training_options, config_of, options_of, task_of
from numlean.cli.progress import progress
from numlean.cli.train.run_log import plain_json
from numlean.errors import NumleanError
from numlean.scalar.dtype import split_dtype_list
from numlean.scalar.protocol import Scalar


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument("--a", metavar="SPEC", help="one run")
    parser.add_argument("--b", metavar="SPEC", help="the other")
    parser.add_argument(
        "--dtypes", metavar="A,B[,C...]", help="several runs, by their SPECs; see `numlean dtypes`"
    )
    parser.add_argument("--inject", metavar="FAULT", help="put a fault into the last run")
    add_training_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Train in each way and compare."""
    task = task_of(arguments)
    config = config_of(arguments, task)
    sides = [RunSpec.parse(spec, options_of(arguments)) for spec in _specs(arguments)]
    if arguments.inject is not None:
        sides[-1] = sides[-1].with_fault(Fault.parse(arguments.inject))
    with progress(f"{task.name} in {len(sides)} runs", config.steps) as advance:
        result = crosscheck(task, *sides, config=config, on_step=lambda step: advance(""))
    if arguments.json:
        print(plain_json(_as_plain(task.name, result)))
    else:
        print(f"{task.name}, {result.steps} steps\n{result}")
    _warn_of_idle_fault(sides[-1].scalar)
    return 0 if result.identical else 1


def _warn_of_idle_fault(scalar: Scalar) -> None:
    if isinstance(scalar, FaultyScalar) and not scalar.injected:
        warnings.warn(f"the fault {scalar.fault} has befallen no operation", stacklevel=2)


def _specs(arguments: argparse.Namespace) -> list[str]:
    pair = [spec for spec in (arguments.a, arguments.b) if spec is not None]
    if arguments.dtypes is not None and pair:
        raise NumleanError("either --a SPEC --b SPEC or --dtypes A,B, not both")
    if arguments.dtypes is None and len(pair) < 2:
        raise NumleanError("name two runs, --a SPEC --b SPEC, or several: --dtypes A,B")
    return pair or split_dtype_list(arguments.dtypes)


def _as_plain(task: str, result: Crosscheck) -> dict[str, Any]:
    pairs = [
        {
            "a": pair.a,
            "b": pair.b,
            "identical": pair.identical,
            "compared": pair.compared,
            "first_different_step": pair.first_different_step,
            "divergence": pair.divergence and _divergence(pair.divergence),
        }
        for pair in result.pairs
    ]
    return {
        "task": task,
        "steps": result.steps,
        "identical": result.identical,
        "pairs": pairs,
    }


def _divergence(found: Divergence) -> dict[str, Any]:
    operands = {
        label: [_number(number) for number in numbers]
        for label, numbers in (found.operands or {}).items()
    }
    judgements = [
        {**asdict(each), "right": each.right and _number(each.right)} for each in found.judgements
    ]
    return {
        **{k: v for k, v in asdict(found).items() if k not in ("a", "b", "step")},
        "operands": operands,
        "results": found.results and [_number(number) for number in found.results],
        "judgements": judgements,
    }


def _number(number: Number) -> dict[str, str | None]:
    return {"value": number.text, "bits": None if number.bits is None else hex(number.bits)}
