"""Does Adam still work if its second moment v is kept in bfloat16?

First, v = 0.999*v + 0.001*g*g is repeated with the same gradient g = 1, each v rounded to float32,
to bfloat16, and to bfloat16 stochastically. Then the script trains on images of digits by the
policy ``bf16-mixed`` with v in each of the three, and compares the sum of all v with that in
float32. It also shows the fraction of v that the last step changed.

Cause: a step changes v by a 1000th of g*g - v, and rounding to nearest drops what is below half a
unit in the last place, a 500th of v or less. So v stops growing at a quarter of g*g; and once it is
large, it never shrinks, though the gradients do. Stochastic rounding drops nothing on average. The
exit status is 1 if the numbers do not show that. ``--backend`` applies to the trainings (default:
compiled).
"""

from __future__ import annotations

import sys
from itertools import islice

import numlean as nl
from numlean.data import minibatches

DTYPES = ("float32", "bfloat16", "bfloat16@round=stochastic")
STEADY, STEPS, RATE = 4000, 600, 0.003
"""Steps with a steady gradient, and of the training; the learning rate."""


def steady(dtype: str) -> float:
    """Return v after many steps with the gradient 1; it tends to 1."""
    v = nl.Tensor.of("float32", 0.0)
    for _ in range(STEADY):
        v = nl.cast(nl.cast(v * 0.999 + 0.001, dtype), "float32")
    return v.item()


def train(dtype: str, backend: str) -> tuple[float, float, float]:
    """Train; return the sum of v, the fraction of v that changed last, and the test loss."""
    task = nl.get_task("digits")
    data = task.load()
    policy = nl.policies.get("bf16-mixed", optimizer__v=dtype)
    runner = nl.instantiate(task.task, policy, nl.Options(backend))
    stepper = nl.stepper(runner, nl.adam(RATE))
    *batches, last = islice(minibatches(data.train, task.batch_size, seed=0), STEPS)
    stepper.epoch(batches)
    before = moments(stepper)
    stepper.step(last)
    after = moments(stepper)
    changed = sum(x != y for x, y in zip(before, after, strict=True)) / sum(x != 0 for x in after)
    return sum(after), changed, runner.mean_loss(data.test).item()


def moments(stepper: nl.Stepper) -> list[float]:
    """Return all numbers of the second moment."""
    return [v for each in stepper.state["second_moment"] for v in each.to_float().ravel().tolist()]


def main(argv: list[str]) -> int:
    """Print v with a steady gradient and in a training; return 1 if it does not stick."""
    config = nl.ExecConfig.parse(argv or ["--backend", "compiled"])
    print(f"{'v for g = 1':>12}{'v of digits':>13}{'changed':>9}{'test loss':>11}  v in")
    found: dict[str, tuple[float, float, float]] = {}
    for dtype in DTYPES:
        alone, (total, changed, loss) = steady(dtype), train(dtype, config.backend)
        relative = total / found[DTYPES[0]][1] if found else 1.0
        found[dtype] = alone, total, relative
        print(f"{alone:12.3f}{relative:13.3f}{changed:9.1%}{loss:11.4f}  {dtype}", flush=True)
    wide, nearest, stochastic = found.values()
    is_stuck = nearest[0] <= 0.25 and nearest[2] > 1.02
    is_right = abs(stochastic[0] - wide[0]) < 0.2 and abs(stochastic[2] - 1) < 0.01
    return 0 if is_stuck and is_right else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
