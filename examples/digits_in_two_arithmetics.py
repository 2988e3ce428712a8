"""Does a network trained in emulated binary32 have the bits of one trained in hardware?

Trains on real images of digits in ``ieee32exec``, where no floating-point instruction is executed,
then in ``float32``, and compares every bit of the parameters.
"""

from __future__ import annotations

import sys

import numlean as nl
from numlean.cli import main as numlean


def main() -> int:
    """Train twice as the command line does, then compare step by step."""
    for dtype in ("ieee32exec", "float32"):
        print(f"$ numlean train digits --dtype {dtype}", flush=True)
        numlean(["train", "digits", "--dtype", dtype])
        print()

    task = nl.get_task("digits")
    config = nl.TrainConfig(task.steps, task.batch_size, nl.optim.sgd(task.lr, task.momentum))
    scalars = [nl.get_scalar("ieee32exec"), nl.get_scalar("float32")]
    (pair,) = nl.crosscheck(task.task, scalars, config, task.load().train).pairs
    if not pair.identical:
        print(f"The runs part at step {pair.first_different_step}.")
        return 1
    print(f"Loss and parameters have the same bits after each of {config.steps} steps.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
