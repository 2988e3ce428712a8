"""Train digits by the policies of block formats, by each scale rule, and print a table in Markdown.

python tools/train_block_formats.py [--steps N] [--seeds N] [--measure N] [--only NAME]

Rows are bf16-mixed, mxfp8, mxfp6 and mxfp4 by the four scale rules, and nvfp4 by two presets.
Losses and accuracies are those of the test data after the last step: the mean of all seeds, and
the ends. Shares are parts of the numbers that are not zero, of inputs x, weights W and cotangents
g of all products in N evenly spread steps, as `numlean compare` counts them: those that exceed the
greatest element times their scales by half its unit (saturated), and those that become zero
(flushed). Steps are compiled, with fast kernels; the measured ones are eager, with the same bits.
"""

from __future__ import annotations

import argparse
import platform
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from statistics import mean

from numlean.analysis.drift.quantisation import quantisations
from numlean.analysis.drift.run import Run
from numlean.analysis.lockstep import RunSpec
from numlean.data import minibatches
from numlean.precision import Policy, policies
from numlean.precision.blocks import BlockStatistics
from numlean.tasks import NamedTask, get_task
from numlean.training import Options, run_evaluation

RULES = ("floor", "ceil", "even", "rceil")
PRESETS = ("transformer_engine", "exact")
MX = ("mxfp8", "mxfp6", "mxfp4")
KINDS = {"input": "x", "weight": "W", "gradient": "g"}
"""The short names of the operands of a linear layer's products."""

Shares = dict[str, BlockStatistics]


@dataclass(frozen=True)
class Row:
    """A policy of the table.

    Attributes:
        name: The name of the policy.
        rule: The scale rule or the preset; "" without a choice.
        policy: The policy.
    """

    name: str
    rule: str
    policy: Policy


@dataclass
class Found:
    """What the runs of a row gave, a number for each seed."""

    losses: list[float] = field(default_factory=list)
    accuracies: list[float] = field(default_factory=list)
    shares: Shares = field(default_factory=dict)


def main() -> int:
    """Train, and print a row after the runs of its seeds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, help="updates of a run (default: those of the task)")
    parser.add_argument("--seeds", type=int, default=3, help="seeds from 0 (default: %(default)s)")
    parser.add_argument(
        "--measure", type=int, default=10, help="steps whose operands are measured (default: 10)"
    )
    parser.add_argument("--only", help="policies whose names start with this")
    arguments = parser.parse_args()
    task, started = get_task("digits"), time.perf_counter()
    steps = task.steps if arguments.steps is None else arguments.steps
    print(f"{platform.processor() or platform.machine()}, python {platform.python_version()}")
    print(
        f"{task.name}, {steps} steps of {task.batch_size} samples, seeds 0 to {arguments.seeds - 1}"
    )
    print("\n| policy | rule | test loss | accuracy | x | W | g | flushed x | W | g |")
    print("|---|---|---:|---:|---:|---:|---:|---:|---:|---:|", flush=True)
    for row in rows():
        if not row.name.startswith(arguments.only or ""):
            continue
        found = Found()
        for seed in range(arguments.seeds):
            train(task, row.policy, steps, seed, arguments.measure, found)
        print(line(row, found), flush=True)
    print(f"\n{time.perf_counter() - started:.0f} s", flush=True)
    return 0


def rows() -> Iterator[Row]:
    """Yield the rows of the table."""
    yield Row("bf16-mixed", "", policies.get("bf16-mixed"))
    for name in MX:
        for rule in RULES:
            scaling = f"block(1x32, mx(rule={rule}, preset=transformer_engine))"
            yield Row(name, rule, policies.get(name, scaling=scaling))
    named = policies.get("nvfp4")
    for preset in PRESETS:
        fields = {
            field: text.replace("preset=transformer_engine", f"preset={preset}")
            for field, text in named.to_fields().items()
            if field.endswith("_scaling")
        }
        yield Row("nvfp4", preset, named.with_fields(fields))


def train(
    task: NamedTask, policy: Policy, steps: int, seed: int, measured: int, found: Found
) -> None:
    """Make the run of a seed, and add what it gave."""
    options = Options("compiled", "cpu", fast_kernels=True, seed=seed)
    spec, split = RunSpec.of_policy(policy, options, "run"), task.load()
    config = task.config(steps=steps, seed=seed)
    run = Run(spec, task.task, config)
    kept = {k * steps // measured for k in range(measured)}
    batches = minibatches(split.train, config.batch_size, seed=seed)
    for k, batch in enumerate(islice(batches, steps)):
        if k not in kept:
            run.step(batch)
            continue
        step = run.trace_step(batch, counts_flags=False)
        for (_, _, operand), each in quantisations(step.operations).items():
            kind = KINDS[operand]
            known = found.shares.get(kind, BlockStatistics())
            found.shares[kind] = known.merged(each.statistics)
    evaluation = run_evaluation(run.stepper, split.test, with_accuracy=True)
    assert evaluation.accuracy is not None
    found.losses.append(float(evaluation.loss.item()))
    found.accuracies.append(evaluation.accuracy)


def line(row: Row, found: Found) -> str:
    """Return a row of the table."""
    cells = [row.name, row.rule, spread(found.losses, "{:.3f}")]
    cells.append(spread([100 * each for each in found.accuracies], "{:.2f} %"))
    for share in ("share_saturated", "share_flushed"):
        for kind in ("x", "W", "g"):
            known = found.shares.get(kind)
            cells.append("" if known is None else f"{100 * getattr(known, share):.3g} %")
    return f"| {' | '.join(cells)} |"


def spread(values: Sequence[float], text: str) -> str:
    """Return the mean of values and the least and the greatest of them."""
    ends = " to ".join(text.format(end).removesuffix(" %") for end in (min(values), max(values)))
    return f"{text.format(mean(values))} ({ends})"


if __name__ == "__main__":
    sys.exit(main())
