"""Does stochastic rounding help training in bfloat16?

Rounding to nearest with 8 bits loses small updates of large weights. Stochastic rounding rounds up
with a probability proportional to the distance, so the updates are right on average. This script
trains on images of digits in small steps: in the arithmetic of ``--dtype`` (default: emulated
binary32), in bfloat16, and in bfloat16 with stochastic rounding. It evaluates the weights in
binary64. ``--backend`` applies to all runs, ``--device`` and ``--fast-kernels`` to the first.
"""

from __future__ import annotations

import sys

import numlean as nl

DTYPES = ("bfloat16", "bfloat16@round=stochastic,seed=1")
STEPS, RATE = 120, 0.01
EVERY = 60


def train(dtype: str, options: nl.Options) -> None:
    """Train; at regular steps print the accuracy and the fraction of weights that changed."""
    task = nl.get_task("digits")
    data = task.load()
    runner = nl.instantiate(task.task, dtype, options)
    evaluator = nl.instantiate(task.task, "float64")
    before = [p.to_float() for p in runner.params]

    def on_step(stepper: nl.Stepper, loss: nl.Tensor) -> None:
        nonlocal before
        step, after = stepper.step_count, [p.to_float() for p in runner.params]
        if step % EVERY == 0:
            changed = sum(int((p != q).sum()) for p, q in zip(after, before, strict=True))
            evaluator.params = [nl.Tensor.of(evaluator.scalar, p) for p in after]
            correct, total = evaluator.accuracy_one_hot(data.test)
            test_loss = evaluator.mean_loss(data.test).item()
            share = changed / sum(p.size for p in after)
            print(f"{dtype:<34}{step:6}{test_loss:10.4f}{correct:8} of {total}{share:12.1%}")
        before = after

    config = nl.TrainConfig(STEPS, task.batch_size, nl.sgd(RATE))
    nl.run_steps(runner, config, data.train, on_step=on_step)


def main(argv: list[str]) -> None:
    """Train in each arithmetic."""
    config = nl.ExecConfig.parse(argv)
    config.log()
    print(f"{'dtype':<34}{'step':>6}{'test loss':>10}{'correct':>15}{'changed':>12}")
    train(config.dtype, config.options())
    for dtype in DTYPES:
        train(dtype, nl.Options(config.backend))


if __name__ == "__main__":
    main(sys.argv[1:])
