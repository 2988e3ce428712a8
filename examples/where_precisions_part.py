"""How far do the losses of one training run in different precisions drift apart?

The same network learns exclusive or in binary32, binary64 and with 200 significant bits; the table
shows, every so often, how far each loss, read as binary64, is from that of the most precise run.
``--dtype`` names one more arithmetic, ``--device`` and ``--fast-kernels`` how it computes;
``--backend`` says how all runs execute a step.
"""

from __future__ import annotations

import sys

import numlean as nl

DTYPES = ("mp:200", "float64", "float32", "mp:12")
"""Each runs on a device of its own choice."""
EVERY = 20


def losses(dtype: str, options: nl.Options) -> list[float]:
    """The loss before each update of a run in one arithmetic."""
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
    """Train in each arithmetic and print the distances."""
    config = nl.ExecConfig.parse(argv)
    config.log()
    runs = {dtype: losses(dtype, nl.Options(config.backend)) for dtype in DTYPES}
    runs[config.dtype] = losses(config.dtype, config.options())
    truth, *others = runs
    print(f"step  loss in {truth:<12}" + "".join(f"{'off in ' + d:>20}" for d in others))
    for step in range(0, len(runs[truth]), EVERY):
        row = "".join(f"{abs(runs[d][step] - runs[truth][step]):20.2e}" for d in others)
        print(f"{step:4}  {runs[truth][step]:<20.12g}{row}")


if __name__ == "__main__":
    main(sys.argv[1:])
