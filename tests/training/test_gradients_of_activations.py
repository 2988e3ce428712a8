"""Policies whose cotangents of activations have another dtype than the activations.

The expected values come from numpy and ml_dtypes alone.
"""

import ml_dtypes
import numpy as np
import pytest

import numlean as nl
from numlean import Options, Task, instantiate, stepper
from numlean.analysis.trace.instrument import TracingTape
from numlean.autograd.tape import Tape, value_and_gradient
from numlean.data import Batch
from numlean.nn import Linear, Sequential, Tanh
from numlean.optim import sgd
from numlean.precision import PolicyError, parse_policy
from numlean.precision.cotangents import CotangentScalars
from numlean.scalar.wrappers.tracing import Trace

BF16, F32 = ml_dtypes.bfloat16, np.float32
RNG = np.random.default_rng(5)
X, Y = RNG.standard_normal((6, 4)), RNG.standard_normal((6, 3))
STEPS, RATE = 4, 0.1
WIDE = "bf16-mixed,gradients=float32"
NARROW = "uniform(float32),gradients=bfloat16"
ENGINES = [("eager", "python"), ("compiled", "python"), ("eager", "cpu"), ("compiled", "cpu")]


def runner(policy, backend="eager", device="python"):
    task = Task.regression(Sequential(Linear(4, 8), Tanh(), Linear(8, 3)))
    return instantiate(task, parse_policy(policy), Options(backend=backend, device=device, seed=3))


def trained(policy, backend, device, *, new_tape=Tape):
    of = runner(policy, backend, device)
    of.new_tape = new_tape
    training = stepper(of, sgd(RATE))
    losses = [training.step(Batch(X, Y)) for _ in range(STEPS)]
    assert {t.dtype for t in (*losses, *of.params)} == {"float32"}
    return [t.numpy().astype(F32).tobytes() for t in (*losses, *of.params)]


def to(dtype, x):
    """Return float32 numbers rounded to a dtype, as float32."""
    return x.astype(dtype).astype(F32)


def tanh(x):
    return np.tanh(x.astype(np.float64))


def product(a, b):
    c = np.zeros((a.shape[0], b.shape[1]), F32)
    for k in range(a.shape[1]):
        c = c + a[:, k : k + 1] * b[k]
    return c


def column_sums(x):
    return product(np.ones((1, len(x)), F32), x)[0]


def transcription(held, activations, gradient_of_error, weight_gradients):
    """Return the bits of a run.

    Args:
        held: The dtype of cotangents.
        activations: The dtype of activations, operands of products and copies of parameters.
        gradient_of_error: Returns the cotangent of prediction - target.
        weight_gradients: The dtype of results of products and sums for parameters.
    """
    p = [t.numpy().astype(F32) for t in runner(WIDE).params]
    x, y, losses = X.astype(F32), Y.astype(F32), []
    for _ in range(STEPS):
        w1, b1, w2, b2 = (to(activations, a) for a in p)
        x1 = to(activations, x)
        h = to(activations, tanh(to(activations, product(x1, w1.T) + b1)))
        error = to(activations, product(h, w2.T) + b2) - y
        total = F32(0)
        for square in (error * error).ravel():
            total = total + square
        losses.append(total / F32(error.size))
        g2 = gradient_of_error(error)
        # Operands of products are rounded to the dtype of the activations.
        gh = to(held, product(to(activations, g2), w2))
        g1 = to(held, gh * (F32(1) - h * h))
        gradients = [
            product(to(activations, g1).T, x1),
            column_sums(g1),
            product(to(activations, g2).T, h),
            column_sums(g2),
        ]
        p = [a - to(weight_gradients, g) * F32(RATE) for a, g in zip(p, gradients, strict=True)]
    return [a.tobytes() for a in (*losses, *p)]


def test_bfloat16_activations_with_float32_cotangents_have_the_bits_of_their_transcription():
    def gradient_of_error(error):
        part = error * (F32(1) / F32(error.size))
        return part + part

    expected = transcription(F32, BF16, gradient_of_error, BF16)
    for backend, device in ENGINES:
        assert trained(WIDE, backend, device) == expected
    assert trained("bf16-mixed", "eager", "cpu") != expected


def test_float32_activations_with_bfloat16_cotangents_have_the_bits_of_their_transcription():
    def gradient_of_error(error):
        scale = to(BF16, F32(1) / F32(error.size))
        part = to(BF16, error * scale)
        return to(BF16, part + part)

    # Parameters are no activations: their gradients are sums in float32.
    expected = transcription(BF16, F32, gradient_of_error, F32)
    for backend, device in ENGINES:
        assert trained(NARROW, backend, device) == expected
    assert trained("uniform(float32)", "eager", "cpu") != expected


@pytest.mark.parametrize("policy", [WIDE, NARROW])
def test_a_tape_that_observes_a_step_changes_no_bits(policy):
    observed = trained(policy, "eager", "python", new_tape=lambda: TracingTape(Trace()))
    assert observed == trained(policy, "eager", "python")


@pytest.mark.parametrize("policy", [WIDE, NARROW])
def test_a_loss_scaled_by_a_power_of_two_changes_no_bits(policy):
    scaled = trained(f"{policy},loss_scaling=static(1024)", "compiled", "cpu")
    assert scaled == trained(policy, "compiled", "cpu")


def test_equal_dtypes_need_no_rule():
    for policy in ("uniform(bfloat16)", "bf16-mixed", "bf16-mixed,forward.output=float32"):
        assert runner(policy).precision.scalars.cotangents is None


def test_stochastic_cotangents_are_computed_in_their_own_arithmetic():
    policy = "bf16-mixed,gradients=bfloat16@round=stochastic"
    bits = [trained(policy, backend, "cpu") for backend in ("eager", "compiled")]
    assert bits[0] == bits[1] != trained("bf16-mixed", "eager", "cpu")
    assert runner(policy).precision.scalars.cotangents.computed.name.endswith("stochastic")


def test_dtypes_of_which_neither_has_all_numbers_are_refused():
    with pytest.raises(PolicyError, match=r"fields activations and gradients: .*neither of two"):
        runner("bf16-mixed,gradients=binary16")


def gradient(program, watched, rule):
    value, gradients = value_and_gradient(program, watched, rule=rule)
    return value, [(g.dtype, g.tolist()) for g in gradients]


def test_parts_that_meet_are_added_where_they_are_held():
    narrow, wide = nl.get_scalar("bfloat16"), nl.get_scalar("float32")
    one, x = nl.Tensor.of(narrow, 1.0), nl.Tensor.of(narrow, 0.0)

    def program(watched):
        y = watched[0] * one  # an activation: a constant takes part in it
        return y * 1.0 + y * 2.0**-9 + y * -1.0

    assert gradient(program, [x], None)[1] == [("bfloat16", 0.0)]
    assert gradient(program, [x], CotangentScalars.of(narrow, wide))[1] == [("bfloat16", 2.0**-9)]

    def widened(watched):
        return nl.cast(program([nl.cast(watched[0], narrow)]), wide)

    # The copy of a parameter is held in its own Scalar, as the parameter is.
    found = gradient(widened, [nl.Tensor.of(wide, 0.0)], CotangentScalars.of(narrow, wide))
    assert found[1] == [("float32", 2.0**-9)]


def test_tensors_computed_from_parameters_alone_keep_their_own_scalar():
    wide, narrow = nl.get_scalar("float32"), nl.get_scalar("bfloat16")
    rule = CotangentScalars.of(wide, narrow)
    factor, constant = 1 + 2.0**-20, nl.Tensor.of(wide, 1 + 2.0**-20)
    w = nl.Tensor.of(wide, [[factor]])

    def of_parameters(watched):
        return nl.ops.sum(watched[0] * watched[0])

    def of_activations(watched):
        return nl.ops.sum((watched[0] * constant) * constant)

    assert gradient(of_parameters, [w], rule)[1] == [("float32", [[2 * factor]])]
    assert gradient(of_activations, [w], rule)[1] == [("float32", [[factor]])]
