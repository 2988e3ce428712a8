"""How much do the losses of a training run differ between precisions?

This script trains the same network on exclusive or with 12 and 200 significant bits, in binary32
and in binary64. At regular steps the table shows the error of each loss, converted to binary64,
compared with the most precise run. ``--dtype`` adds an arithmetic, ``--device`` and
``--fast-kernels`` choose how it computes. ``--backend`` applies to all runs.
"""

from __future__ import annotations

import sys

import numlean as nl

DTYPES = ("mp:200", "float64", "float32", "mp:12")
"""Each runs on its default device."""
EVERY = 20


def losses(dtype: str, options: nl.Options) -> list[float]:
    """Return the loss before each update of a run in one arithmetic."""
    task = nl.get_task("xor")
    config = nl.TrainConfig(task.steps, task.batch_size, nl.sgd(task.lr, task.momentum))
    found: list[float] = []
    nl.run_steps(
        nl.instantiate(task.task, dtype, options),
        config,
        task.load().train,
        on_step=lambda _, loss: found.append(loss.item()),
    )
    return found


def main(argv: list[str]) -> None:
    """Train in each arithmetic and print the errors."""
    config = nl.ExecConfig.parse(argv)
    config.log()
    runs = {dtype: losses(dtype, nl.Options(config.backend)) for dtype in DTYPES}
    runs[config.dtype] = losses(config.dtype, config.options())
    reference, *others = runs
    print(f"step  loss in {reference:<12}" + "".join(f"{'error in ' + d:>22}" for d in others))
    for step in range(0, len(runs[reference]), EVERY):
        row = "".join(f"{abs(runs[d][step] - runs[reference][step]):22.2e}" for d in others)
        print(f"{step:4}  {runs[reference][step]:<20.12g}{row}")


if __name__ == "__main__":
    main(sys.argv[1:])
