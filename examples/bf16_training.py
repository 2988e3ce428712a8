"""Does training in bfloat16 stand still where rounding at random would let it go on?

Small updates of large weights are lost when each is rounded to the nearest of 8 bits; rounded up or
down at random, in proportion to the distance, they arrive on average. Real images of digits are
learnt in small steps, in binary32, in bfloat16 and in bfloat16 with stochastic rounding, or in the
arithmetic that ``--dtype`` names instead of binary32; the weights are then judged in binary64.
``--backend``, ``--device`` and ``--fast-kernels`` say how, the last two only for ``--dtype``.
"""

from __future__ import annotations

import sys

import numlean as nl

DTYPES = ("bfloat16", "bfloat16@round=stochastic,seed=1")
STEPS, RATE = 120, 0.01
EVERY = 60


def train(dtype: str, options: nl.Options) -> None:
    """Train, and print every so often how well the weights do, and how many an update moves."""
    task = nl.get_task("digits")
    data = task.load()
    runner, judge = nl.instantiate(task.task, dtype, options), nl.instantiate(task.task, "float64")
    before = [p.to_float() for p in runner.params]

    def on_step(stepper: nl.Stepper, loss: nl.Tensor) -> None:
        nonlocal before
        step, after = stepper.step_count, [p.to_float() for p in runner.params]
        if step % EVERY == 0:
            moved = sum(int((p != q).sum()) for p, q in zip(after, before, strict=True))
            judge.params = [nl.Tensor.of(judge.scalar, p) for p in after]
            right, total = judge.accuracy_one_hot(data.test)
            loss_there = judge.mean_loss(data.test).item()
            share = moved / sum(p.size for p in after)
            print(f"{dtype:<34}{step:6}{loss_there:10.4f}{right:8} of {total}{share:12.1%}")
        before = after

    config = nl.TrainConfig(STEPS, task.batch_size, nl.sgd(RATE))
    nl.run_steps(runner, config, data.train, on_step=on_step)


def main(argv: list[str]) -> None:
    """Train in each arithmetic."""
    config = nl.ExecConfig.parse(argv)
    config.log()
    print(f"{'dtype':<34}{'step':>6}{'test loss':>10}{'right':>15}{'moved':>12}")
    train(config.dtype, config.options())
    for dtype in DTYPES:
        train(dtype, nl.Options(config.backend))


if __name__ == "__main__":
    main(sys.argv[1:])
