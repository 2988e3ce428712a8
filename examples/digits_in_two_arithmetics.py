"""Does a network trained in emulated binary32 have the bits of one trained in hardware?

Trains on real images of digits in ``ieee32exec``, where no floating-point instruction is executed,
or in the arithmetic that ``--dtype`` names, then in ``float32``, and compares every bit of the
parameters. ``--backend`` and ``--fast-kernels`` say how steps are executed, ``--device`` where.
"""

from __future__ import annotations

import sys

import numlean as nl
from numlean.cli import main as numlean


def main(argv: list[str]) -> int:
    """Train twice as the command line does, then compare step by step."""
    config = nl.ExecConfig.parse(argv)
    config.log()
    print()
    how = ["--backend", config.backend]
    how += ["--device", config.device] if config.device else []
    how += ["--fast-kernels"] if config.fast_kernels else []
    for dtype in (config.dtype, "float32"):
        arguments = ["train", "digits", "--dtype", dtype, *how]
        print(f"$ numlean {' '.join(arguments)}", flush=True)
        numlean(arguments)
        print()

    task = nl.get_task("digits")
    training = nl.TrainConfig(task.steps, task.batch_size, nl.sgd(task.lr, task.momentum))
    scalars = [config.scalar, nl.get_scalar("float32", config.device)]
    data = task.load().train
    (pair,) = nl.crosscheck(task.task, scalars, training, data, config.options()).pairs
    if not pair.identical:
        print(f"The runs part at step {pair.first_different_step}.")
        return 1
    print(f"Loss and parameters have the same bits after each of {training.steps} steps.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
