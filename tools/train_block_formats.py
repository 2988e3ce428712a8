"""Train digits by the policies of block formats, by each scale rule, and print a table in Markdown.

python tools/train_block_formats.py [--steps N] [--seeds N] [--measure N] [--only NAME]

Rows are bf16-mixed, mxfp8, mxfp6 and mxfp4 by the four scale rules, and nvfp4 by two presets.
Losses and accuracies are those of the test data after the last step: the mean of all seeds, and
the ends. Shares are parts of the numbers that are not zero, of inputs x, weights W and cotangents
g of all products in N evenly spread steps: those beyond the greatest element times their scales
(saturated), and those that become zero (flushed). Steps are compiled, with fast kernels; the
measured ones are eager, with the same bits.
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

import numpy as np

from numlean.analysis.drift.run import Run, TracedStep
from numlean.analysis.lockstep import RunSpec
from numlean.data import minibatches
from numlean.precision import Contraction, Policy, ScaledOperand, policies
from numlean.precision.blocks import BlockStatistics
from numlean.scalar.protocol import Numbers
from numlean.scalar.registry import get_scalar
from numlean.tasks import NamedTask, get_task
from numlean.training import Options, run_evaluation

RULES = ("floor", "ceil", "even", "rceil")
PRESETS = ("transformer_engine", "exact")
MX = ("mxfp8", "mxfp6", "mxfp4")
KINDS = {"forward": "xW", "input_gradient": "gW", "weight_gradient": "xg"}
"""What the left and the right operand of each product of a linear layer are."""

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
        for kind, each in statistics(run.trace_step(batch, counts_flags=False)):
            known = found.shares.get(kind)
            found.shares[kind] = each if known is None else known.merged(each)
    evaluation = run_evaluation(run.stepper, split.test, with_accuracy=True)
    assert evaluation.accuracy is not None
    found.losses.append(float(evaluation.loss.item()))
    found.accuracies.append(evaluation.accuracy)


def statistics(step: TracedStep) -> Iterator[tuple[str, BlockStatistics]]:
    """Yield what was done to each operand in a block format: x, W or g, and its statistics."""
    products = {id(op.product): op.product for op in step.operations if op.product is not None}
    for product in products.values():
        rule = product.rule
        if not isinstance(rule, Contraction):
            continue
        (_, a), (_, b), *_ = product.operands
        sides = (rule.left, a), (rule.right, np.swapaxes(b, -1, -2))
        for kind, (operand, rows) in zip(KINDS[rule.role], sides, strict=True):
            scalar = product.operands[0].scalar
            if isinstance(operand, ScaledOperand) and operand.scaling.shared is not None:
                yield kind, statistics_of(operand, Numbers(scalar, rows))


def statistics_of(operand: ScaledOperand, rows: Numbers) -> BlockStatistics:
    """Return what an operand's block format does to rows along the contracted axis."""
    shared, granularity = operand.scaling.shared, operand.scaling.granularity
    assert shared is not None
    assert granularity.terms is not None
    numbers = rows.scalar.to_float(np.ascontiguousarray(rows.storage))
    if shared.hadamard is not None:
        wide = get_scalar("float32")
        numbers = wide.to_float(shared.hadamard.transformed(wide, wide.from_float(numbers)))
    axis = -1 if granularity.rows == 1 else (-2, -1)
    numbers = numbers.astype(np.float32)
    format = shared.block_format(operand.scalar, granularity.terms)
    return format.quantize(numbers, axis).statistics(numbers)


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
