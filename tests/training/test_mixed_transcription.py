"""A hundred steps of digits by the policy bf16-mixed, transcribed with numpy, ml_dtypes and MPFR.

Nothing in numlean computes the expected values but the initial parameters and the batches.
"""

from itertools import islice

import numpy as np

from bfloat16_numpy import BF16, F32, affine, gradients_of, product, rounded_once, sums_along
from numlean import Options, get_task, instantiate, stepper
from numlean.data import minibatches
from numlean.optim import sgd
from numlean.precision import policies

STEPS = 100


def loss_and_gradient(logits, target):
    """Return the mean cross-entropy in float32, and its gradient, as the loss documents them."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    powers = rounded_once("exp", shifted)
    totals = sums_along(powers, 1)[:, None]
    logs = shifted - rounded_once("log", totals)
    count = F32(len(logits))
    loss = sums_along(-sums_along(target * logs, 1), 0) / count
    g = -(F32(1) / count) * target
    return loss, g + sums_along(-g, 1)[:, None] / totals * powers


def transcription(parameters, batches, lr, momentum):
    """Yield the loss of each step, and the parameters and momentum buffers after it."""
    buffers = [np.zeros_like(p) for p in parameters]
    for x, target in batches:
        w1, b1, w2, b2 = (p.astype(BF16) for p in parameters)
        x = x.reshape(len(x), -1).astype(F32).astype(BF16)
        h = rounded_once("tanh", affine(x, w1, b1))
        loss, g = loss_and_gradient(affine(h, w2, b2).astype(F32), target.astype(F32))
        g2 = g.astype(BF16)
        g1 = product(g2, w2).astype(BF16) * (BF16(1) - h * h)
        gradients = *gradients_of(x, g1), *gradients_of(h, g2)
        buffers = [b * momentum + g for b, g in zip(buffers, gradients, strict=True)]
        parameters = [p - b * lr for p, b in zip(parameters, buffers, strict=True)]
        yield loss, parameters, buffers


def bits(arrays):
    return [np.asarray(a, F32).view(np.uint32).tolist() for a in arrays]


def test_a_hundred_steps_of_digits_have_the_bits_of_their_transcription():
    named = get_task("digits")
    options = Options(backend="compiled", device="cpu", fast_kernels=True)
    runner = instantiate(named.task, policies.get("bf16-mixed"), options)
    training = stepper(runner, sgd(named.lr, named.momentum))
    data = minibatches(named.load().train, named.batch_size, seed=0)
    batches = list(islice(data, STEPS))
    start = [p.numpy().astype(F32) for p in runner.params]
    expected = transcription(start, batches, F32(named.lr), F32(named.momentum))
    for k, (batch, (loss, parameters, buffers)) in enumerate(zip(batches, expected, strict=True)):
        found = training.step(batch)
        assert bits([found.numpy()]) == bits([loss]), k
        assert bits(p.numpy() for p in runner.params) == bits(parameters), k
        assert bits(b.numpy() for b in training.state["momentum"]) == bits(buffers), k
    assert bits(start) != bits(parameters)
