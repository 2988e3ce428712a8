"""The scalar trainer makes the updates of a stepper on one sample, and takes any program."""

import pickle

import numpy as np
import pytest

from numlean import (
    Mode,
    Options,
    Sample,
    ScalarTrainer,
    Task,
    Tensor,
    get_scalar,
    instantiate,
    policies,
    state_digest,
    stepper,
)
from numlean.errors import NumleanError
from numlean.nn import Layer, Linear, ParameterSpec, Sequential, Tanh
from numlean.nn.layer import ones
from numlean.optim import adam, loss_scaled, sgd

S = get_scalar("ieee32exec")
RNG = np.random.default_rng(127)
X, Y = RNG.standard_normal((4, 3)), RNG.standard_normal((4, 2))


class Fixed(Layer):
    """A layer that multiplies by a buffer in training, and otherwise returns its input."""

    name = "Fixed"

    @property
    def parameters(self):
        return (ParameterSpec("factor", (3,), ones, is_trainable=False),)

    def __call__(self, parameters, x, context):
        return x * parameters[0] if context.is_training else x + x


TASK = Task.regression(Sequential(Fixed(), Linear(3, 4), Tanh(), Linear(4, 2)))


def bits(tensors):
    return [S.to_bits(t.data).tolist() for t in tensors]


@pytest.mark.parametrize("optimizer", [sgd(0.1), sgd(0.1, 0.9), adam(0.1)], ids=str)
def test_steps_have_the_bits_of_a_stepper_s(optimizer):
    trainer = ScalarTrainer.of(TASK, S, optimizer)
    step = stepper(instantiate(TASK, S), optimizer)
    for x, y in zip(X, Y, strict=True):
        loss = trainer.forward_t(x, y)
        assert bits([trainer.step_t(x, y)]) == bits([loss])
        assert bits([step.step(Sample(x, y))]) == bits([loss])
        assert bits(trainer.params) == bits(step.runner.params)
    assert trainer.step_count == 4


POLICIES = {
    "bf16-mixed": policies.get("bf16-mixed"),
    "fp16-amp with an overflow": policies.get("fp16-amp", loss_scaling="dynamic(3e38, interval=2)"),
    "bf16-sr, bfloat16 state": policies.get("bf16-sr", optimizer="bfloat16@round=stochastic"),
    "gradients in e5m2": policies.get("bf16-mixed", gradients="e5m2"),
}


def state_bits(tensors):
    return [(t.dtype, t.scalar.to_bits(t.data).tolist()) for t in tensors]


@pytest.mark.parametrize("name", POLICIES)
def test_steps_by_a_policy_have_the_bits_of_a_stepper_s(name):
    way = {"options": Options(device="python")}
    trainer = ScalarTrainer.of(TASK, POLICIES[name], adam(0.1), **way)
    step = stepper(instantiate(TASK, POLICIES[name], **way), adam(0.1))
    for index, (x, y) in enumerate(zip(X, Y, strict=True)):
        loss = trainer.step_t(x, y)
        assert state_bits([step.step(Sample(x, y))]) == state_bits([loss])
        assert state_bits(trainer.params) == state_bits(step.runner.params)
        assert list(trainer.state) == list(step.state)
        for key, tensors in trainer.state.items():
            assert state_bits(tensors) == state_bits(step.state[key])
        if index == 1:
            trainer = pickle.loads(pickle.dumps(trainer))
            step = pickle.loads(pickle.dumps(step))
    assert state_bits(trainer.backward_t(x, y)) == state_bits(
        step.runner.precision.handed(step.runner.backward(Sample(x, y)))
    )


def test_an_optimizer_that_scales_the_loss_is_refused_beside_a_policy():
    with pytest.raises(NumleanError, match="set its field loss_scaling"):
        ScalarTrainer.of(TASK, policies.get("fp16-amp"), loss_scaled(sgd(0.1), "dynamic"))


def test_the_gradient_is_that_of_every_parameter_with_zeros_for_buffers():
    trainer, runner = ScalarTrainer.of(TASK, S), instantiate(TASK, S)
    gradients = trainer.backward_t(X[0], Y[0])
    assert [g.shape for g in gradients] == [p.shape for p in trainer.params]
    assert bits(gradients) == bits(runner.backward(Sample(X[0], Y[0])))
    assert not gradients[0].to_float().any()
    assert trainer.step_count == 0


def test_the_mode_is_chosen_once():
    trainer, runner = ScalarTrainer.of(TASK, S, mode=Mode.EVAL), instantiate(TASK, S)
    assert bits([trainer.forward_t(X[0], Y[0])]) == bits([runner.loss(Sample(X[0], Y[0]))])


def test_any_program_that_gives_a_number_is_trained():
    target = Tensor.of(S, 5.0)
    trainer = ScalarTrainer(
        lambda params, x, y: (params[0] * x - y) * (params[0] * x - y),
        [Tensor.of(S, 1.0)],
        sgd(0.125),
    )
    losses = [trainer.step_t(Tensor.of(S, 1.0), target).item() for _ in range(30)]
    assert losses[:2] == [16.0, 9.0]
    assert abs(trainer.params[0].item() - 5.0) < 1e-2


def test_a_trainer_runs_eagerly_and_refuses_the_compiled_engine():
    with pytest.raises(NumleanError, match="runs eagerly, but the options ask for compiled"):
        ScalarTrainer.of(TASK, S, options=Options(backend="compiled"))


@pytest.mark.parametrize(
    ("count", "marks", "message"),
    [(0, None, "at least one parameter"), (2, [True], "each of the 2 parameters, got 1")],
)
def test_a_trainer_without_parameters_or_marks_is_refused(count, marks, message):
    parameters = [Tensor.of(S, 1.0)] * count
    with pytest.raises(NumleanError, match=message):
        ScalarTrainer(lambda p, x, y: p[0], parameters, is_trainable=marks)


@pytest.mark.parametrize("named", [["a"], [("a", 1)], [[1, 2]], {"a": 1}])
def test_a_digest_of_other_things_than_named_tensors_is_refused(named):
    with pytest.raises(NumleanError, match="pairs of a name and a Tensor"):
        state_digest(named)
