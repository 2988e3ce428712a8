"""Train a task in several arithmetics and compare every step's loss and parameters bit for bit.

Exit status 0 if all agree, 1 if not. With --json, one object with the keys task, steps, identical
and pairs, a list of objects with a, b, identical, compared ("state": encodings, within a format;
"value": exact values, across formats) and first_different_step (from 0; null if there is none).
"""

from __future__ import annotations

import argparse
import json

from numlean.cli.options import (
    add_training_options,
    config_of,
    options_of,
    task_of,
)
from numlean.cli.progress import progress
from numlean.lockstep import Crosscheck, Pair, crosscheck
from numlean.registry import dtypes_of, get_scalar
from numlean.scalar import Scalar


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument(
        "--dtypes", required=True, metavar="A,B[,C...]", help="see `numlean dtypes`"
    )
    add_training_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Train in each dtype and compare."""
    task = task_of(arguments)
    config = config_of(arguments, task)
    names = dtypes_of(arguments.dtypes)
    scalars = [get_scalar(name, arguments.device) for name in names]
    with progress(f"{task.name} in {len(names)} dtypes", len(names) * config.steps) as advance:

        def show(scalar: Scalar, step: int) -> None:
            advance(f"{scalar.name}, step {step}")

        result = crosscheck(
            task.task,
            scalars,
            config,
            lambda scalar: task.load_in(scalar).train,
            options_of(arguments),
            on_progress=show,
        )
    print(_as_json(task.name, result) if arguments.json else _as_text(task.name, result))
    return 0 if result.identical else 1


def _as_json(task: str, result: Crosscheck) -> str:
    return json.dumps(
        {
            "task": task,
            "steps": result.steps,
            "identical": result.identical,
            "pairs": [
                {
                    "a": pair.a,
                    "b": pair.b,
                    "identical": pair.identical,
                    "compared": pair.compared,
                    "first_different_step": pair.first_different_step,
                }
                for pair in result.pairs
            ],
        }
    )


def _as_text(task: str, result: Crosscheck) -> str:
    verdicts = {f"{pair.a}, {pair.b}": _verdict(pair, result.steps) for pair in result.pairs}
    width = max(map(len, verdicts))
    lines = (f"  {names:<{width}}  {verdict}" for names, verdict in verdicts.items())
    return "\n".join([f"{task}, {result.steps} steps", *lines])


def _verdict(pair: Pair, steps: int) -> str:
    what = "encodings" if pair.compared == "state" else "exact values"
    if pair.identical:
        return f"identical {what} of loss and parameters at all {steps} steps"
    return f"different {what}, first at step {pair.first_different_step}"
