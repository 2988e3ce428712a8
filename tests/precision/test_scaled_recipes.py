"""Steps of a small model by the policies with scaled operands, transcribed with numpy."""

import numpy as np
import pytest

from numlean import Options, Task, instantiate, nn, stepper
from numlean.data import Batch
from numlean.errors import NumleanError
from numlean.optim import sgd
from numlean.precision import policies
from recipes_numpy import E4M3, E5M2, F32, Blocks, CurrentTensor, Delayed, Integers, Recipe, bits

SAMPLES, INPUTS, HIDDEN, OUTPUTS, STEPS = 3, 131, 4, 2, 3
RATE, MOMENTUM = 0.0625, 0.75


RECIPES = {
    "fp8-current": lambda: Recipe(CurrentTensor(), E4M3, E5M2),
    "fp8-delayed": lambda: Recipe(Delayed(), E4M3, E5M2),
    "deepseek-v3": lambda: Recipe(Blocks(), E4M3, E4M3),
    "int8": lambda: Recipe(Integers(), None, None),
}


def batches():
    rng = np.random.default_rng(7)
    for k in range(STEPS):
        x = rng.standard_normal((SAMPLES, INPUTS)) * 2.0 ** rng.integers(-9, 1, (SAMPLES, 1))
        yield x.astype(F32), (rng.standard_normal((SAMPLES, OUTPUTS)) * 4.0**k).astype(F32)


@pytest.mark.parametrize("name", RECIPES)
def test_steps_by_a_policy_with_scales_have_the_bits_of_their_transcription(name):
    model = nn.Sequential(nn.Linear(INPUTS, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, OUTPUTS))
    runner = instantiate(Task.regression(model), policies.get(name), Options(backend="compiled"))
    training = stepper(runner, sgd(RATE, MOMENTUM))
    parameters = [p.numpy().astype(F32) for p in runner.params[:4]]
    recipe, buffers = RECIPES[name](), [F32(0)] * 4
    for x, target in batches():
        loss, gradients = recipe.step(x, target, parameters)
        buffers = [b * F32(MOMENTUM) + g for b, g in zip(buffers, gradients, strict=True)]
        parameters = [p - b * F32(RATE) for p, b in zip(parameters, buffers, strict=True)]
        assert bits([training.step(Batch(x, target)).numpy()]) == bits([loss])
        assert bits(p.numpy() for p in runner.params[:4]) == bits(parameters)
    assert np.isfinite(parameters[0]).all()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"scaling": "block(1x128)", "accumulate": "blocked(float32, 3, float32)"},
            "forward.accumulate: .* by ordered.float32.",
        ),
        ({"weight_gradient__gradient_operands": "mp:64"}, "gradient_scaling: mp:64 has no great"),
        ({"scaling": "int8"}, "forward.input_scaling: int8 codes need .* e4m3 lacks; use bfloat16"),
        ({"operands": "float64"}, "forward.input_scaling: scales in float32 need codes"),
    ],
)
def test_scales_that_contradict_other_fields_are_refused_by_name(changes, message):
    with pytest.raises(NumleanError, match=f"policy field .*{message}") as caught:
        instantiate(Task.regression(nn.Linear(2, 2)), policies.get("fp8-current", **changes))
    assert "\n" not in str(caught.value)
