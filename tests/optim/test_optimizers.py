"""Optimizers against transcriptions in numpy, bit for bit, and against PyTorch in float64."""

import numpy as np
import pytest

from numlean import NumleanError, Tensor, get_scalar
from numlean.optim import (
    OptimizerKind,
    adam,
    adamw,
    clip_by_norm,
    clip_by_value,
    momentum_sgd,
    sgd,
)

S = get_scalar("float32")
F32 = np.float32
SHAPES = ((3, 4), (5,), ())
STEPS = 5


def draws(seed, scale=1.0, steps=STEPS):
    """Return parameters, and a gradient for each of them at each step."""
    rng = np.random.default_rng(seed)
    rows = [[scale * rng.standard_normal(shape) for shape in SHAPES] for _ in range(steps + 1)]
    return rows[0], rows[1:]


def ours(*arguments):
    """Return the parameters after each step, in binary64."""
    return [[t.to_float() for t in tensors] for tensors in run(*arguments)]


def run(optimizer, parameters, gradients, rates, dtype="float32"):
    """Return the parameters after each step."""
    scalar = get_scalar(dtype)

    def cast(value):
        return Tensor.of(scalar, value)

    tensors = [cast(p) for p in parameters]
    state, history = optimizer.initial(tensors, cast), []
    for gradient, rate in zip(gradients, rates, strict=True):
        tensors, state = optimizer.update(
            tensors, [cast(g) for g in gradient], state, rate=cast(rate), cast=cast
        )
        history.append(tensors)
    return history


def transcribed(rule, parameters, gradients, rates):
    """Return the same by ``rule(memory, p, g, lr, t)`` on each parameter, in binary32."""
    history = []
    parameters, memories = [p.astype(F32) for p in map(np.asarray, parameters)], [{}, {}, {}]
    for t, (gradient, rate) in enumerate(zip(gradients, rates, strict=True), start=1):
        g32 = [np.asarray(g).astype(F32) for g in gradient]
        together = zip(memories, parameters, g32, strict=True)
        parameters = [rule(memory, p, g, F32(rate), t) for memory, p, g in together]
        assert all(p.dtype == F32 for p in parameters)
        history.append(parameters)
    return history


def assert_same_bits(ours, theirs):
    for step, (a, b) in enumerate(zip(ours, theirs, strict=True)):
        for x, y in zip(a, b, strict=True):
            bits = x.astype(F32).view(np.uint32)
            assert np.array_equal(bits, np.asarray(y).view(np.uint32)), step


def sgd_rule(momentum, nesterov, decay):
    def rule(memory, p, g, lr, t):
        if decay:
            g = g + p * F32(decay)
        if not momentum:
            return p - g * lr
        buf = memory["buf"] = memory.get("buf", np.zeros_like(p)) * F32(momentum) + g
        return p - ((g + buf * F32(momentum)) if nesterov else buf) * lr

    return rule


def power(beta, t):
    product = F32(1)
    for _ in range(t):
        product = product * F32(beta)
    return product


def adam_rule(beta1, beta2, epsilon, decay=None):
    one = F32(1)

    def rule(memory, p, g, lr, t):
        zero = np.zeros_like(p)
        m = memory["m"] = memory.get("m", zero) * F32(beta1) + g * (one - F32(beta1))
        v = memory["v"] = memory.get("v", zero) * F32(beta2) + (g * g) * (one - F32(beta2))
        m_hat = m * (one / (one - power(beta1, t)))
        v_hat = v * (one / (one - power(beta2, t)))
        step = (lr / (np.sqrt(v_hat) + F32(epsilon))) * m_hat
        return p - step if decay is None else (p - p * (lr * F32(decay))) - step

    return rule


@pytest.mark.parametrize(
    ("optimizer", "rule"),
    [
        (sgd(0.1), sgd_rule(0, False, 0)),
        (momentum_sgd(0.1), sgd_rule(0.9, False, 0)),
        (sgd(0.1, weight_decay=0.05), sgd_rule(0, False, 0.05)),
        (sgd(0.1, 0.7, weight_decay=0.05), sgd_rule(0.7, False, 0.05)),
        (sgd(0.1, 0.7, nesterov=True), sgd_rule(0.7, True, 0)),
        (sgd(0.1, 0.7, nesterov=True, weight_decay=0.05), sgd_rule(0.7, True, 0.05)),
        (adam(0.1), adam_rule(0.9, 0.999, 1e-8)),
        (adam(0.1, 0.8, 0.95, 1e-3), adam_rule(0.8, 0.95, 1e-3)),
        (adamw(0.1), adam_rule(0.9, 0.999, 1e-8, 0.01)),
        (adamw(0.1, 0.2, 0.8, 0.95, 1e-3), adam_rule(0.8, 0.95, 1e-3, 0.2)),
    ],
    ids=lambda part: "" if callable(part) else str(part),
)
def test_each_step_has_the_bits_of_the_formula_in_its_order(optimizer, rule):
    parameters, gradients = draws(71)
    rates = [0.1, 0.05, 0.3, 0.1, 0.7]
    found = ours(optimizer, parameters, gradients, rates)
    assert_same_bits(found, transcribed(rule, parameters, gradients, rates))


@pytest.mark.parametrize("optimizer", [adam(0.1), adamw(0.1), sgd(0.1, 0.9, nesterov=True)])
def test_emulation_has_the_bits_of_the_hardware_and_mp_its_values(optimizer):
    parameters, gradients = draws(73)
    runs = [
        ours(optimizer, parameters, gradients, [0.1] * STEPS, dtype)
        for dtype in ("float32", "ieee32exec", "mp:24")
    ]
    for other in runs[1:]:
        assert_same_bits(other, [[np.asarray(p, F32) for p in step] for step in runs[0]])


TORCH_OPTIMIZERS = [
    ("SGD", {}, sgd(0.1)),
    ("SGD", {"momentum": 0.9}, momentum_sgd(0.1)),
    ("SGD", {"weight_decay": 0.1}, sgd(0.1, weight_decay=0.1)),
    ("SGD", {"momentum": 0.9, "nesterov": True}, sgd(0.1, 0.9, nesterov=True)),
    (
        "SGD",
        {"momentum": 0.9, "nesterov": True, "weight_decay": 0.1},
        sgd(0.1, 0.9, nesterov=True, weight_decay=0.1),
    ),
    ("Adam", {}, adam(0.1)),
    ("Adam", {"betas": (0.8, 0.95), "eps": 1e-4}, adam(0.1, 0.8, 0.95, 1e-4)),
    ("AdamW", {}, adamw(0.1)),
    ("AdamW", {"weight_decay": 0.3}, adamw(0.1, 0.3)),
]


def pytorch_s(torch, name, options, parameters, gradients):
    """Return PyTorch's parameters after each step."""
    tensors = [torch.tensor(p, dtype=torch.float64, requires_grad=True) for p in parameters]
    rule, history = getattr(torch.optim, name)(tensors, lr=0.1, **options), []
    for gradient in gradients:
        for p, g in zip(tensors, gradient, strict=True):
            p.grad = torch.tensor(g, dtype=torch.float64)
        rule.step()
        history.append([p.detach().numpy().copy() for p in tensors])
    return history


@pytest.mark.parametrize(("name", "options", "optimizer"), TORCH_OPTIMIZERS, ids=str)
def test_binary64_is_within_a_few_ulp_of_pytorch(name, options, optimizer, comparison):
    """Measure in ulp of the greatest value of each number so far.

    With a beta2 near 1, 1 - beta2^t has lost digits in the first steps: both are tens of ulp from
    the truth, and are compared by root mean square.
    """
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    row = " ".join([name, *(f"{key}={value}" for key, value in options.items())])
    for seed in range(8):
        given = draws(seed, steps=20)
        found, truth = (run(optimizer, *given, [0.1] * 20, s) for s in ("float64", "mp:200"))
        history, greatest = pytorch_s(torch, name, options, *given), [np.abs(p) for p in given[0]]
        for step in zip(found, history, truth, strict=True):
            for k, (a, b, c) in enumerate(zip(*step, strict=True)):
                greatest[k] = np.maximum(greatest[k], np.abs(c.to_float()))
                comparison.add(row, a.to_float(), b, c, greatest[k])
    if getattr(optimizer, "beta2", 0.0) < 0.99:
        comparison.assert_close(row)
    else:
        comparison.assert_alike(row)


def test_clipping_by_value_limits_every_number_and_keeps_nans():
    parameters, (gradient, *_) = draws(83, scale=2.0)
    gradient[0][0, :2] = [np.nan, np.inf]
    limit = 0.75
    (found,) = ours(clip_by_value(sgd(1.0), limit), parameters, [gradient], [1.0])
    clipped = [np.clip(np.asarray(g).astype(F32), F32(-limit), F32(limit)) for g in gradient]
    theirs = [np.asarray(p).astype(F32) - c for p, c in zip(parameters, clipped, strict=True)]
    assert np.isnan(found[0][0, 0])
    assert sum(np.isnan(x).sum() for x in found) == 1
    found[0][0, 0] = theirs[0][0, 0] = 0
    assert_same_bits([found], [theirs])


@pytest.mark.parametrize("limit", [0.5, 1e6])
def test_clipping_by_norm_scales_all_gradients_by_one_factor_from_one_sum(limit):
    parameters, gradients = draws(89)
    found = ours(clip_by_norm(sgd(0.1), limit), parameters, gradients, [0.1] * STEPS)
    p32, history = [np.asarray(p).astype(F32) for p in parameters], []
    for gradient in gradients:
        g32 = [np.asarray(g).astype(F32) for g in gradient]
        total = F32(0)
        for g in g32:
            for number in g.ravel():
                total = total + number * number
        scale = min(F32(1), F32(limit) / np.sqrt(total))
        p32 = [p - (g * scale) * F32(0.1) for p, g in zip(p32, g32, strict=True)]
        history.append(p32)
    assert (scale < 1) == (limit < 1)
    assert_same_bits(found, history)


def test_clipped_gradients_are_pytorch_s():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    parameters, (gradient, *_) = draws(97)
    theirs = [torch.tensor(p, dtype=torch.float64, requires_grad=True) for p in parameters]
    for p, g in zip(theirs, gradient, strict=True):
        p.grad = torch.tensor(g, dtype=torch.float64)
    torch.nn.utils.clip_grad_norm_(theirs, 0.5)
    (found,) = ours(clip_by_norm(sgd(1.0), 0.5), parameters, [gradient], [1.0], "float64")
    for a, p, g in zip(found, parameters, theirs, strict=True):
        # PyTorch adds 1e-6 to the norm, which here is about 4.
        assert np.allclose(a, p - g.grad.numpy(), rtol=1e-6, atol=1e-6)


def test_a_gradient_of_zeros_survives_clipping_by_norm():
    zeros = [np.zeros(shape) for shape in SHAPES]
    parameters, _ = draws(101)
    (found,) = ours(clip_by_norm(sgd(0.1), 1.0), parameters, [zeros], [0.1])
    assert all(
        np.array_equal(a, np.asarray(p, F32)) for a, p in zip(found, parameters, strict=True)
    )


def test_wrappers_pass_on_the_state_of_the_inner_optimizer():
    inner = adam(0.3)
    outer = clip_by_norm(clip_by_value(inner, 2.0), 1.0)
    tensors = [Tensor.of(S, np.zeros(shape)) for shape in SHAPES]

    def cast(value):
        return Tensor.of(S, value)

    assert outer.lr == 0.3
    assert outer.initial(tensors, cast).keys() == inner.initial(tensors, cast).keys()


def test_an_optimizer_is_chosen_by_its_exact_name():
    kinds = {text: OptimizerKind.parse(text) for text in ("sgd", "adam", "adamw")}
    assert [kind.name for kind in kinds.values()] == ["SGD", "Adam", "AdamW"]
    assert kinds["sgd"].to_optimizer(0.1) == sgd(0.1)
    assert kinds["adam"].to_optimizer(0.1) == adam(0.1, 0.9, 0.95, 1e-8)
    assert kinds["adamw"].to_optimizer(0.1) == adamw(0.1, 0.1, 0.9, 0.95, 1e-8)
    for text in ("Adam", "SGD", "rmsprop", "", "adam "):
        with pytest.raises(NumleanError, match="known: sgd, adam, adamw"):
            OptimizerKind.parse(text)


def test_defaults_are_the_usual_ones():
    assert momentum_sgd(0.1) == sgd(0.1, 0.9)
    assert sgd(0.1) == sgd(0.1, 0.0, nesterov=False, weight_decay=0.0)
    assert adam(0.1) == adam(0.1, 0.9, 0.999, 1e-8)
    assert adamw(0.1) == adamw(0.1, 0.01, 0.9, 0.999, 1e-8)


@pytest.mark.parametrize(
    ("make", "word"),
    [
        (lambda: sgd(0.1, nesterov=True), "momentum above 0, got 0"),
        (lambda: sgd(0.1, weight_decay=-1.0), "-1"),
        (lambda: adam(float("nan")), "nan"),
        (lambda: adam(0.1, 1.0), "beta1 must be below 1, got 1"),
        (lambda: adam(0.1, 0.9, -0.5), "-0.5"),
        (lambda: adam(0.1, epsilon=-1e-9), "-1e-09"),
        (lambda: adamw(0.1, float("inf")), "inf"),
        (lambda: clip_by_norm(sgd(0.1), 0.0), "0"),
        (lambda: clip_by_value(sgd(0.1), float("nan")), "nan"),
    ],
)
def test_invalid_hyperparameters_are_refused_with_their_value(make, word):
    with pytest.raises(NumleanError, match=word):
        make()
