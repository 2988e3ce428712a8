"""Steps of a small model by the policies with scaled operands, transcribed with numpy."""

from dataclasses import dataclass

import ml_dtypes
import numpy as np
import pytest

from numlean import Options, Task, instantiate, nn, stepper
from numlean.data import Batch
from numlean.errors import NumleanError
from numlean.optim import sgd
from numlean.precision import policies

BF16, F32 = ml_dtypes.bfloat16, np.float32
E4M3, E5M2 = (ml_dtypes.float8_e4m3fn, F32(448)), (ml_dtypes.float8_e5m2, F32(57344))
MOST = np.finfo(F32).max
SAMPLES, INPUTS, HIDDEN, OUTPUTS, STEPS = 3, 131, 4, 2, 3
RATE, MOMENTUM = 0.0625, 0.75


@np.errstate(all="ignore")
def current_scale(a, greatest):
    """Return greatest / a, 1 if there is none, and at most the greatest number."""
    if a == 0 or not np.isfinite(a):
        return F32(1)
    return min(greatest / a, MOST)


def codes_of(v, s, kind):
    """Return v * s, clamped and rounded to a format, as float32."""
    dtype, greatest = kind
    return np.clip(v * s, -greatest, greatest).astype(dtype).astype(F32)


def products(a, b, start, stop):
    """Return the sums of a[:, k] * b[:, k] over some k, in order, from +0."""
    z = np.zeros((len(a), len(b)), F32)
    for k in range(start, stop):
        z = z + a[:, k : k + 1] * b[:, k]
    return z


class CurrentTensor:
    """One scale for a tensor, which follows from its numbers; rows are along k."""

    def quantized(self, v, kind, name):
        s = current_scale(np.abs(v).max(), kind[1])
        return codes_of(v, s, kind), F32(1) / s

    def product(self, a, b, kinds, names):
        (qa, da), (qb, db) = (
            self.quantized(v, kind, name)
            for v, kind, name in zip((a, b), kinds, names, strict=True)
        )
        return products(qa, qb, 0, a.shape[1]) * (da * db)

    def observed(self, v, name):
        """See a tensor of a training step."""

    def end_step(self):
        """Begin the next step."""


class Delayed(CurrentTensor):
    """One scale for a tensor, which follows from the greatest magnitudes of earlier steps."""

    def __init__(self):
        self.greatest, self.scales, self.histories, self.amaxes = {}, {}, {}, {}

    def quantized(self, v, kind, name):
        self.greatest[name] = kind[1]
        s = self.scales.setdefault(name, F32(1))
        return codes_of(v, s, kind), F32(1) / s

    def observed(self, v, name):
        self.amaxes[name] = max(self.amaxes.get(name, F32(0)), np.abs(v).max())

    def end_step(self):
        for name, a in self.amaxes.items():
            # All magnitudes: the history is longer than the run.
            self.histories.setdefault(name, []).append(a)
            self.scales[name] = min(self.greatest[name] / max(self.histories[name]), MOST)
        self.amaxes = {}


class Blocks(CurrentTensor):
    """Blocks of 128 k, of one row, or of 128 rows of weights."""

    def quantized(self, v, kind, name):
        rows = 128 if name[0] == "w" else 1
        codes, inverses = np.zeros_like(v), np.zeros_like(v)
        for i in range(0, len(v), rows):
            for k in range(0, v.shape[1], 128):
                place = slice(i, i + rows), slice(k, k + 128)
                s = current_scale(np.abs(v[place]).max(), kind[1])
                codes[place], inverses[place] = codes_of(v[place], s, kind), F32(1) / s
        return codes, inverses

    def product(self, a, b, kinds, names):
        (qa, da), (qb, db) = (
            self.quantized(np.ascontiguousarray(v), kind, name)
            for v, kind, name in zip((a, b), kinds, names, strict=True)
        )
        z = np.zeros((len(a), len(b)), F32)
        for k in range(0, a.shape[1], 128):
            part = products(qa, qb, k, min(k + 128, a.shape[1]))
            z = z + part * (da[:, k : k + 1] * db[:, k])
        return z


class Integers(CurrentTensor):
    """Integers of 8 bits with a factor for each row, in exact sums."""

    def quantized(self, v, kind, name):
        c = np.abs(v).max(axis=1, keepdims=True) / F32(127)
        u = v * (F32(1) / np.maximum(c, F32(1e-12)))
        return np.clip(np.rint(u), -128, 127).astype(np.int8), c

    def product(self, a, b, kinds, names):
        (qa, ca), (qb, cb) = (self.quantized(v, None, None) for v in (a, b))
        sums = qa.astype(np.int32) @ qb.astype(np.int32).T
        return sums.astype(F32) * ca * cb.T


@dataclass
class Recipe:
    """How a policy multiplies, and the formats of inputs and weights, and of cotangents."""

    scaling: CurrentTensor
    operands: tuple
    cotangents: tuple

    def forward(self, layer, x, w, b):
        kinds, names = (self.operands, self.operands), (f"x{layer}", f"w{layer}")
        z = self.scaling.product(x, w, kinds, names) + b.astype(BF16).astype(F32)
        for v, name in zip((x, w), names, strict=True):
            self.scaling.observed(v, name)
        return z.astype(BF16).astype(F32)

    def gradients(self, layer, x, g):
        kinds, names = (self.cotangents, self.operands), (f"g{layer}", f"x{layer}")
        bias = np.zeros(g.shape[1], F32)
        for row in g:
            bias = bias + row
        weight = self.scaling.product(g.T, x.T, kinds, names)
        self.scaling.observed(g, f"g{layer}")
        return weight, bias.astype(BF16).astype(F32)

    def of_input(self, layer, g, w):
        kinds, names = (self.cotangents, self.operands), (f"g{layer}", f"w{layer}")
        return self.scaling.product(g, w.T, kinds, names).astype(BF16).astype(F32)

    def step(self, x, target, parameters):
        """Return the loss and the gradients of a step."""
        w1, b1, w2, b2 = parameters
        z = self.forward(1, x, w1, b1)
        h = np.maximum(z, F32(0))
        difference = self.forward(2, h, w2, b2) - target
        loss = F32(0)
        for each in (difference * difference).ravel():
            loss = loss + each
        g = F32(1) / F32(target.size) * difference
        g2 = (g + g).astype(BF16).astype(F32)
        g1 = np.where(z > 0, self.of_input(2, g2, w2), F32(0))
        found = (*self.gradients(1, x, g1), *self.gradients(2, h, g2))
        self.scaling.end_step()
        return loss / F32(target.size), found


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


def bits(arrays):
    return [np.asarray(a, F32).view(np.uint32).tolist() for a in arrays]


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
        ({"scaling": "block(1x128)"}, "forward.accumulate: .* by blocked.float32, 128, float32"),
        ({"weight_gradient__gradient_operands": "mp:64"}, "gradient_scaling: mp:64 has no great"),
        ({"scaling": "int8"}, "forward.input_scaling: int8 codes need .* e4m3 lacks; use bfloat16"),
        ({"operands": "float64"}, "forward.input_scaling: scales in float32 need codes"),
    ],
)
def test_scales_that_contradict_other_fields_are_refused_by_name(changes, message):
    with pytest.raises(NumleanError, match=f"policy field .*{message}") as caught:
        instantiate(Task.regression(nn.Linear(2, 2)), policies.get("fp8-current", **changes))
    assert "\n" not in str(caught.value)
