"""Contractions with operands, sums and results in different arithmetics, against numpy."""

from dataclasses import dataclass

import ml_dtypes
import numpy as np
import pytest

import numlean as nl
from numlean import Options, Task, instantiate, stepper
from numlean.autograd import value_and_gradient
from numlean.autograd.tensor import Tensor
from numlean.data import Batch
from numlean.errors import MixedScalarError, NumleanError, ShapeError
from numlean.nn import Linear, Sequential
from numlean.optim import sgd
from numlean.precision import (
    Blocked,
    Contraction,
    Fused,
    LayerPrecision,
    Ordered,
    Pairwise,
    contract,
    linear,
)
from numlean.scalar.registry import scalar_on

S, L, E4M3 = (nl.get_scalar(name, "python") for name in ("float32", "bfloat16", "e4m3"))
BF16, F32 = ml_dtypes.bfloat16, np.float32
MIXED = LayerPrecision.of(L, Ordered(S))
RNG = np.random.default_rng(23)


def random(scalar, *shape):
    spread = RNG.standard_normal(shape) * 2.0 ** RNG.integers(-4, 4, shape)
    return Tensor.of(scalar, spread)


def product(a, b):
    """Return the ordered sums in binary32 of products of any operands."""
    a, b = a.astype(F32), b.astype(F32)
    c = np.zeros((a.shape[0], b.shape[1]), F32)
    for k in range(a.shape[1]):
        c = c + a[:, k : k + 1] * b[k]
    return c


def values(t, kind):
    return t.numpy().astype(kind)


def loop(rule, a, b):
    """Return one element by the rule's own words, an operation at a time."""
    s, terms = rule.scalar, range(a.size)
    total = s.from_float([0.0])
    if isinstance(rule, Fused):
        for k in terms:
            total = s.fma(a[k : k + 1], b[k : k + 1], total)
    elif isinstance(rule, Ordered):
        for k in terms:
            total = s.add(total, s.mul(a[k : k + 1], b[k : k + 1]))
    elif isinstance(rule, Pairwise):
        total = s.sum(s.mul(a, b), reduction="pairwise", keepdims=True)
    else:
        total = rule.promote.from_float([0.0])
        for start in range(0, a.size, rule.block):
            part = slice(start, start + rule.block)
            partial = loop(Ordered(s), a[part], b[part])
            total = rule.promote.add(total, rule.promote.cast_from(s, partial))
    return total


RULES = (Ordered(S), Fused(S), Pairwise(S), Blocked(L, 3, S), Blocked(S, 2, L))


@pytest.mark.parametrize("rule", RULES, ids=str)
def test_every_rule_adds_up_as_it_says_for_matrices_and_batches(rule):
    a, b = random(rule.scalar, 2, 7), random(rule.scalar, 7, 2)
    contraction = Contraction(rule.scalar, rule.scalar, rule, rule.result)
    z = contract(a, b, contraction)
    assert z.dtype == rule.result.name
    for i in range(2):
        for j in range(2):
            assert z.data[i, j] == loop(rule, a.data[i], np.ascontiguousarray(b.data[:, j]))
    batch = contract(a.reshape(1, 2, 7), b.reshape(1, 7, 2), contraction)
    assert batch.data.tolist() == [z.data.tolist()]


def test_operands_are_rounded_each_to_its_own_arithmetic_and_sums_once():
    a, b = random(L, 3, 9), random(L, 9, 2)
    e5m2 = nl.get_scalar("e5m2", "python")
    z = contract(a, b, Contraction(E4M3, e5m2, Ordered(S), L))
    rounded = (
        values(a, BF16).astype(ml_dtypes.float8_e4m3fn),
        values(b, BF16).astype(ml_dtypes.float8_e5m2),
    )
    assert values(z, BF16).tobytes() == product(*rounded).astype(BF16).tobytes()


def test_a_linear_layer_and_its_gradients_have_the_bits_of_a_transcription():
    x, w, b, weights = random(L, 5, 4), random(L, 3, 4), random(L, 3), random(L, 5, 3)

    def program(p):
        return (linear(*p, MIXED) * weights).sum()

    z = linear(x, w, b, MIXED)
    _, (gx, gw, gb) = value_and_gradient(program, [x, w, b])
    nx, nw, nb, g = (values(t, BF16) for t in (x, w, b, weights))
    columns = np.zeros(3, F32)
    for row in g.astype(F32):
        columns = columns + row
    expected = {
        "z": (z, product(nx, nw.T) + nb.astype(F32)),
        "gx": (gx, product(g, nw)),
        "gw": (gw, product(nx.T, g).T),
        "gb": (gb, columns),
    }
    for name, (found, sums) in expected.items():
        assert found.dtype == "bfloat16", name
        assert values(found, BF16).tobytes() == sums.astype(BF16).tobytes(), name
    sequences = linear(x.reshape(1, 5, 4), w, None, MIXED)
    assert sequences.reshape(5, 3).tolist() == linear(x, w, None, MIXED).tolist()


def test_one_arithmetic_for_everything_is_the_layer_as_it_is():
    x, w, b = random(S, 5, 4), random(S, 3, 4), random(S, 3)
    uniform, layer = LayerPrecision.of(S, Ordered(S)), Linear(4, 3)

    def gradients(function):
        value, found = value_and_gradient(lambda p: (function(p) * function(p)).sum(), [x, w, b])
        return [t.data.tobytes() for t in (value, *found)]

    ours = gradients(lambda p: linear(*p, uniform))
    assert ours == gradients(lambda p: layer(p[1:], p[0], nl.nn.layer.EVALUATION))


@dataclass(frozen=True)
class Mixed(Linear):
    """A bfloat16 layer over float32 parameters, with sums in float32."""

    def __call__(self, parameters, x, context):
        low, high = (scalar_on(name, x.scalar.device) for name in ("bfloat16", "float32"))
        operands = [nl.cast(each, low) for each in (x, *parameters)]
        return nl.cast(linear(*operands, LayerPrecision.of(low, Ordered(high))), high)


def test_a_mixed_step_has_the_same_bits_on_every_engine_and_device():
    task = Task.regression(Sequential(Mixed(4, 6), Mixed(6, 2)))
    batch = Batch(RNG.standard_normal((5, 4)), RNG.standard_normal((5, 2)))
    found = set()
    for backend, device in (("eager", "python"), ("compiled", "python"), ("compiled", "cpu")):
        runner = instantiate(task, "float32", Options(backend=backend, device=device, seed=1))
        training = stepper(runner, sgd(0.1, 0.9))
        losses = [training.step(batch) for _ in range(4)]
        found.add(b"".join(t.data.tobytes() for t in (*losses, *runner.params)))
    assert len(found) == 1


def test_operands_that_the_sums_cannot_hold_are_refused():
    with pytest.raises(NumleanError, match=r"ordered\(bfloat16\) needs operands.*of float32"):
        Contraction.of(S, Ordered(L))
    for operands, narrow in ((S, "mp:20"), (L, "binary16")):
        with pytest.raises(NumleanError, match=f"lacks numbers of {operands.name}"):
            Contraction.of(operands, Ordered(nl.get_scalar(narrow, "python")))
    assert Contraction.of(S, Ordered(nl.get_scalar("mp:24"))).output is S
    with pytest.raises(NumleanError, match="a block has at least one term"):
        Blocked(S, 0, S)


def test_shapes_and_arithmetics_that_do_not_fit_are_refused():
    with pytest.raises(ShapeError, match=r"\(2, 3\) and \(2, 3\)"):
        contract(random(L, 2, 3), random(L, 2, 3), MIXED.forward)
    with pytest.raises(ShapeError, match=r"linear takes x"):
        linear(random(L, 2, 3), random(L, 2, 4), None, MIXED)
    with pytest.raises(ShapeError, match=r"b \(out,\)"):
        linear(random(L, 2, 3), random(L, 4, 3), random(L, 1), MIXED)
    with pytest.raises(MixedScalarError, match=r"product.*nl\.cast"):
        linear(random(L, 2, 3), random(S, 4, 3), None, MIXED)
