"""Options that select the optimizer, its learning rate and the limits of gradients."""

from __future__ import annotations

import argparse

from numlean.tasks.optimization import OPTIMIZERS, SCHEDULES


def add_optimization_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the optimizer, the schedule of its learning rate, and clipping."""
    group = parser.add_argument_group("optimization")
    group.add_argument(
        "--optim", metavar="NAME", help=f"optimizer: {', '.join(OPTIMIZERS)} (default: the task's)"
    )
    group.add_argument("--lr", type=float, metavar="X", help="learning rate (default: the task's)")
    group.add_argument(
        "--momentum",
        type=float,
        metavar="M",
        help="momentum, for --optim sgd (default: the task's)",
    )
    group.add_argument(
        "--nesterov", action="store_true", help="use Nesterov momentum, for --optim sgd"
    )
    group.add_argument(
        "--weight-decay",
        type=float,
        metavar="W",
        help="weight decay, for --optim sgd (default: 0) and adamw (decoupled; default: 0.1)",
    )
    group.add_argument(
        "--schedule",
        metavar="NAME",
        help=f"learning-rate schedule: {', '.join(SCHEDULES)} (default: {SCHEDULES[0]})",
    )
    group.add_argument(
        "--step-size",
        type=int,
        metavar="N",
        help="steps between decays, for --schedule step (default: a third of the run)",
    )
    group.add_argument(
        "--gamma",
        type=float,
        metavar="G",
        help="decay factor, for --schedule step (default: 0.1) and exponential",
    )
    group.add_argument(
        "--final-lr",
        type=float,
        metavar="X",
        help="final learning rate, for --schedule cosine (default: 0)",
    )
    group.add_argument(
        "--warmup",
        type=int,
        metavar="N",
        help="steps of linear warm-up before the schedule (default: 0)",
    )
    group.add_argument(
        "--clip-norm", type=float, metavar="L", help="clip gradients to this global norm"
    )
    group.add_argument(
        "--clip-value", type=float, metavar="L", help="clip each gradient to this magnitude"
    )
