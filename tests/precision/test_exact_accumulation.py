"""Contractions and layers whose sums are exact."""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import pytest

import numlean as nl
from numlean import Options, Task, instantiate, stepper
from numlean.autograd import value_and_gradient
from numlean.autograd.tensor import Tensor
from numlean.data import Batch
from numlean.nn import Linear, Sequential
from numlean.optim import sgd
from numlean.precision import (
    Contraction,
    Exact,
    LayerPrecision,
    Ordered,
    ScaledOperand,
    contract,
    linear,
    policies,
    scaling_named,
)
from numlean.scalar.registry import scalar_on

F32, BF16, E4M3, E5M2, F64 = (
    nl.get_scalar(name, "python") for name in ("float32", "bfloat16", "e4m3", "e5m2", "float64")
)
RNG = np.random.default_rng(7)


def random(scalar, *shape):
    return Tensor.of(scalar, RNG.standard_normal(shape) * 2.0 ** RNG.integers(-4, 4, shape))


def rationals(t):
    values = np.frompyfunc(lambda x: Fraction(float(x)), 1, 1)
    return values(t.to_float())


def rounded(scalar, sums):
    """Return rationals rounded once."""
    return scalar.from_float(sums).tolist()


def test_a_contraction_rounds_its_operands_and_then_once_the_exact_sum():
    a, b = random(F32, 3, 9), random(F32, 9, 2)
    z = contract(a, b, Contraction(E4M3, E5M2, Exact(), BF16))
    low = nl.cast(a, E4M3), nl.cast(b, E5M2)
    assert z.dtype == "bfloat16"
    assert z.data.tolist() == rounded(BF16, rationals(low[0]) @ rationals(low[1]))
    batch = contract(a.reshape(1, 3, 9), b.reshape(1, 9, 2), Contraction(E4M3, E5M2, Exact(), BF16))
    assert batch.data.tolist() == [z.data.tolist()]


def test_any_operands_are_accepted_and_none_is_widened_inexactly():
    wide = nl.get_scalar("mp:100")
    for left, right, output in ((F64, F64, E4M3), (wide, F32, BF16), (F32, F32, wide)):
        assert Contraction(left, right, Exact(), output).output is output
    assert LayerPrecision.of(BF16, Exact()).reductions is BF16


def test_a_layer_adds_its_bias_before_the_one_rounding_and_has_exact_gradients():
    precision = LayerPrecision.of(BF16, Exact())
    x, w, b, g = random(BF16, 5, 4), random(BF16, 3, 4), random(BF16, 3), random(BF16, 5, 3)
    z = linear(x, w, b, precision)
    _, (gx, gw, _) = value_and_gradient(lambda p: (linear(*p, precision) * g).sum(), [x, w, b])
    nx, nw, nb, ng = map(rationals, (x, w, b, g))
    assert z.data.tolist() == rounded(BF16, nx @ nw.T + nb)
    assert gx.data.tolist() == rounded(BF16, ng @ nw)
    assert gw.data.tolist() == rounded(BF16, ng.T @ nx)
    assert z.data.tolist() != rounded(BF16, rationals(linear(x, w, None, precision)) + nb)


def test_the_exact_sum_of_codes_is_rounded_to_the_arithmetic_of_scales_before_they_are_undone():
    a, b = random(F32, 3, 9), random(F32, 9, 2)
    tensor = ScaledOperand(E4M3, scaling_named("tensor"), F32)
    z = contract(a, b, Contraction(tensor, tensor, Exact(), F32))
    codes, factors = [], F32.from_float([1.0])
    for x in (a, b):
        scale = np.float32(448) / np.abs(x.to_float()).max().astype(np.float32)
        codes.append(Tensor.of(E4M3, x.to_float().astype(np.float32) * scale))
        factors = factors * (np.float32(1) / scale)
    sums = F32.from_float(rationals(codes[0]) @ rationals(codes[1]))
    assert z.data.tolist() == (sums * factors).tolist()


def test_the_order_of_terms_shows_in_ordered_sums_only():
    a, b = random(F32, 1, 40), random(F32, 40, 1)
    orders = [RNG.permutation(40) for _ in range(12)]
    found = {}
    for rule in (Exact(), Ordered(F32)):
        products = [contract(a[:, o], b[o], Contraction.of(F32, rule)) for o in orders]
        found[str(rule)] = {z.data.tobytes() for z in products}
    assert len(found["exact"]) == 1
    assert len(found["ordered(float32)"]) > 1


@dataclass(frozen=True)
class ExactLinear(Linear):
    """A layer of bfloat16 operands and exact sums over float32 parameters."""

    def __call__(self, parameters, x, context):
        low, high = (scalar_on(name, x.scalar.device) for name in ("bfloat16", "float32"))
        operands = [nl.cast(each, low) for each in (x, *parameters)]
        return nl.cast(linear(*operands, LayerPrecision.of(low, Exact())), high)


@pytest.mark.parametrize("device", ["python", "cpu"])
def test_a_step_with_exact_sums_has_the_same_bits_eager_and_compiled(device):
    task = Task.regression(Sequential(ExactLinear(4, 3), ExactLinear(3, 2)))
    rng = np.random.default_rng(3)
    batch = Batch(rng.standard_normal((5, 4)), rng.standard_normal((5, 2)))
    found = set()
    for backend, where in (("eager", "python"), ("compiled", device)):
        runner = instantiate(task, "float32", Options(backend=backend, device=where, seed=1))
        training = stepper(runner, sgd(0.1, 0.9))
        losses = [training.step(batch) for _ in range(3)]
        found.add(b"".join(t.data.tobytes() for t in (*losses, *runner.params)))
    assert len(found) == 1


def trained(policy, backend):
    """Return the parameters after three steps."""
    rng = np.random.default_rng(4)
    batch = Batch(rng.standard_normal((3, 9)), rng.standard_normal((3, 2)))
    task = Task.regression(Sequential(Linear(9, 3), Linear(3, 2)))
    runner = instantiate(task, policy, Options(backend=backend, device="python", seed=1))
    training = stepper(runner, sgd(0.1))
    for _ in range(3):
        training.step(batch)
    return nl.state_digest(runner.named_parameters)


def test_a_policy_adds_up_exactly_in_every_layer():
    exact = policies.get("bf16-mixed", accumulate="exact")
    assert trained(exact, "eager") == trained(exact, "compiled")
    low = policies.get("bf16-mixed", accumulate="ordered(bfloat16)")
    assert trained(exact, "eager") != trained(low, "eager")
