"""Where do 8-bit floats need scales?

This script trains a small network to predict the next character of Shakespeare's sonnets. The loss
is a mean over 4,096 characters, so the cotangents of the outputs are probabilities divided by
4,096. It trains in bfloat16, in 8-bit floats with a scale for each tensor, without scales, and
without scales but with a loss that is multiplied by 4,096. The table shows the loss after some
steps, and the fraction of the first step's cotangents that become 0 as operands.

Cause: without scales, most cotangents are below 2**-17, half of the least number of e5m2, and only
that of the right character is left. Multiplying the loss repairs that without any other scale, so
the formats of inputs and weights are not the cause. The exit status is 1 if the numbers do not show
it. ``--backend`` applies to all runs (default: compiled).
"""

from __future__ import annotations

import sys

import numpy as np

import numlean as nl
from numlean import nn
from numlean.autograd import value_and_gradient
from numlean.precision import parse_policy

RUNS = {
    "bf16-mixed": ("bfloat16", 1.0),
    "fp8-current": ("e5m2", None),
    "fp8-current,scaling=none": ("e5m2", 1.0),
    "fp8-current,scaling=none,loss_scaling=static(4096)": ("e5m2", 4096.0),
}
"""Policies, with the dtype and the factor of cotangents as operands; None for a tensor's scale."""
STEPS, BATCH, RATE = 20, 128, 0.03
GREATEST = 57344.0


def model() -> nl.Task:
    """Return a network of one hidden layer over each character, with cross-entropy."""
    layers = (nn.Embedding(56, 32), nn.Linear(32, 64), nn.Tanh(), nn.Linear(64, 56))
    return nl.Task(nn.Sequential(*layers), nl.get_task("char-rnn").task.loss)


def underflow(runner: nl.Runner, batch: nl.Batch, dtype: str, factor: float | None) -> float:
    """Return the fraction of the nonzero cotangents of the outputs that a dtype rounds to 0."""
    y = runner.batch(batch)[1]
    logits = nl.cast(runner.predict(batch.x), "float32")
    _, (gradient,) = value_and_gradient(lambda x: runner.task.loss(x[0], y), [logits])
    g = gradient.to_float()
    operands = nl.Tensor.of(dtype, g * (GREATEST / np.abs(g).max() if factor is None else factor))
    return float(((operands.to_float() == 0) & (g != 0)).sum() / (g != 0).sum())


def main(argv: list[str]) -> int:
    """Train by each policy; return 1 if cotangents without scales are not the cause."""
    config = nl.ExecConfig.parse(argv or ["--backend", "compiled"])
    data, found = nl.get_task("char-rnn").load().train, list[tuple[float, float]]()
    first = data.batch(range(BATCH))
    print(f"{'loss':>8}{'cotangents lost':>18}  policy")
    for text, (dtype, factor) in RUNS.items():
        runner = nl.instantiate(model(), parse_policy(text), nl.Options(config.backend))
        lost = underflow(runner, first, dtype, factor)
        nl.run_steps(runner, nl.TrainConfig(STEPS, BATCH, nl.adam(RATE)), data)
        found.append((runner.loss(first).item(), lost))
        print(f"{found[-1][0]:8.3f}{lost:18.1%}  {text}", flush=True)
    (wide, _), (scaled, little), (plain, much), (repaired, also_little) = found
    is_lost = much > 0.5 and max(little, also_little) < 0.01
    is_worse = plain > wide + 0.05 and max(scaled, repaired) < wide + 0.03
    return 0 if is_lost and is_worse else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
