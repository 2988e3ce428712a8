"""What does training in bfloat16 lack: better sums, or parameters with more digits?

This script trains on images of digits in small steps: in the arithmetic of ``--dtype`` or
``--policy`` (default: emulated binary32), by the policy ``bf16-mixed``, in bfloat16 throughout, and
by three policies in between, which differ from one of the two in one place. It shows the loss and
the correct classes on test images, evaluated in binary64, and the fraction of parameters that the
last step changed.

Cause: a step of 0.01 times the gradient is often below half a unit in the last place of a bfloat16
parameter, so that adding it changes nothing. The operands and the sums of products hardly matter
here. The exit status is 1 if that is not what the numbers show. ``--backend`` applies to all runs
(default: compiled).
"""

from __future__ import annotations

import sys

import numlean as nl
from numlean.precision import parse_policy

KEPT = (
    "bf16-mixed",
    "uniform(bfloat16),parameters=float32,weight_gradients=float32,optimizer=float32",
)
"""Policies with float32 parameters."""
LOST = (
    "bf16-mixed,parameters=bfloat16",
    "uniform(bfloat16),accumulate=float32",
    "uniform(bfloat16)",
)
"""Policies with bfloat16 parameters."""
STEPS, RATE = 120, 0.01


def train(arithmetic: nl.Policy | str, options: nl.Options) -> tuple[float, float]:
    """Train; print and return the test loss, and the fraction of parameters that changed last."""
    task = nl.get_task("digits")
    data = task.load()
    runner = nl.instantiate(task.task, arithmetic, options)
    before = after = [p.to_float() for p in runner.params]

    def on_step(stepper: nl.Stepper, loss: nl.Tensor) -> None:
        nonlocal before, after
        before, after = after, [p.to_float() for p in runner.params]

    config = nl.TrainConfig(STEPS, task.batch_size, nl.sgd(RATE))
    nl.run_steps(runner, config, data.train, on_step=on_step)
    changed = sum(int((p != q).sum()) for p, q in zip(after, before, strict=True))
    share = changed / sum(p.size for p in after)
    evaluator = nl.instantiate(task.task, "float64", initial=after)
    loss, (correct, total) = evaluator.mean_loss(data.test), evaluator.accuracy(data.test)
    print(f"{loss.item():10.4f}{correct:8} of {total}{share:10.1%}  ", flush=True, end="")
    return loss.item(), share


def main(argv: list[str]) -> int:
    """Train in each arithmetic; return 1 if the parameters' digits are not the cause."""
    config = nl.ExecConfig.parse(argv or ["--backend", "compiled"])
    config.log()
    print(f"{'test loss':>10}{'correct':>15}{'changed':>10}  arithmetic")
    wide, _ = train(config.arithmetic, config.options())
    print(config.policy or config.dtype)
    found = {}
    for text in (*KEPT, *LOST):
        found[text] = train(parse_policy(text), nl.Options(config.backend))
        print(text)
    is_near = all(abs(found[text][0] - wide) < 0.002 for text in KEPT)
    is_worse = all(found[text][0] > wide + 0.01 for text in LOST)
    is_stuck = max(found[text][1] for text in LOST) < min(found[text][1] for text in KEPT) / 2
    return 0 if is_near and is_worse and is_stuck else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
