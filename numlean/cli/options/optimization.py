"""Options that select the optimizer, its learning rate and the limits of gradients."""

from __future__ import annotations

import argparse
from typing import Any, Final

from numlean.optim import OPTIMIZERS
from numlean.tasks.optimization import SCHEDULES

_HYPERPARAMETERS: Final[dict[str, tuple[Any, str | None, str]]] = {
    "momentum": (float, "M", "momentum (default: the task's, or the one shown)"),
    "nesterov": (bool, None, "use Nesterov momentum"),
    "weight-decay": (float, "W", "weight decay, decoupled in adamw (default: as shown)"),
    "beta1": (float, "B", "decay of the first moment (default: as shown)"),
    "beta2": (float, "B", "decay of the second moment (default: as shown)"),
    "eps": (float, "E", "number added to the root of the second moment (default: as shown)"),
}
"""The type, placeholder and help of the options of optimizers, by name."""


def add_optimization_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the optimizer, the schedule of its learning rate, and clipping."""
    group = parser.add_argument_group("optimization")
    group.add_argument(
        "--optim", metavar="NAME", help=f"optimizer: {', '.join(OPTIMIZERS)} (default: the task's)"
    )
    group.add_argument("--lr", type=float, metavar="X", help="learning rate (default: the task's)")
    for name, (type_, metavar, text) in _HYPERPARAMETERS.items():
        defaults = {
            row.value: each.command
            for row in OPTIMIZERS.values()
            for each in row.hyperparameters
            if each.option == name
        }
        shown = " and ".join(f"{optimizer} ({value})" for optimizer, value in defaults.items())
        if type_ is bool:
            only = " and ".join(defaults)
            group.add_argument(f"--{name}", action="store_true", help=f"{text}, for --optim {only}")
            continue
        group.add_argument(
            f"--{name}", type=type_, metavar=metavar, help=f"{text}, for --optim {shown}"
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
        "--schedule-length",
        type=int,
        metavar="N",
        help="steps that --schedule step or cosine is made for, warm-up included (default: those"
        " of the run)",
    )
    group.add_argument(
        "--clip-norm", type=float, metavar="L", help="clip gradients to this global norm"
    )
    group.add_argument(
        "--clip-value", type=float, metavar="L", help="clip each gradient to this magnitude"
    )
