"""The state of delayed scales, against a transcription in numpy, and a program that keeps it."""

import ml_dtypes
import numpy as np
import pytest

import numlean as nl
from numlean.autograd import value_and_gradient
from numlean.autograd.tensor import Tensor
from numlean.errors import NumleanError, ShapeError
from numlean.precision import Contraction, LayerPrecision, Ordered, linear
from numlean.precision.scaling import (
    DelayedState,
    ScaledOperand,
    observe_cotangent,
    observed_amax,
    scaling_named,
)
from numlean.training.engine.plan import Recorder

S, L, E4M3, E5M2 = (
    nl.get_scalar(name, "python") for name in ("float32", "bfloat16", "e4m3", "e5m2")
)
F32, BF16 = np.float32, ml_dtypes.bfloat16
MOST = F32(np.finfo(F32).max)
RNG = np.random.default_rng(41)


def operand(text, scalar=E4M3):
    return ScaledOperand(scalar, scaling_named(text), S)


@np.errstate(all="ignore")
def following(s, h, greatest, algo="max", margin=0, power_of_two=False):
    """Return the scale and the history for the next step, by the words of the specification."""
    last, h = h[0], h.copy()
    if last == 0:
        return s, h
    a = h.max() if algo == "max" else last
    h[1:-1] = h[2:].copy()
    h[-1], h[0] = last, 0
    if not (np.isfinite(a) and a > 0):
        return s, h
    s = F32(greatest * 2.0**-margin) / a
    s = MOST if np.isinf(s) else s
    return (s.view(np.uint32) & np.uint32(0x7F800000)).view(F32) if power_of_two else s, h


TEXTS = {
    "delayed(history=5)": {},
    "delayed(history=1)": {},
    "delayed(history=2,algo=most_recent)": {"algo": "most_recent"},
    "delayed(history=4,margin=3)": {"margin": 3},
    "tensor(delayed(history=4,margin=-1),power_of_two)": {"margin": -1, "power_of_two": True},
}
OBSERVED = [3.0, 0.0, 1e-42, 700.0, np.inf, 5.0, 0.0, 2.5, 1.75, 1e38, 0.3, 0.2, 0.1, 7.0]


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize(("scalar", "greatest"), [(E4M3, 448), (E5M2, 57344)])
def test_a_state_follows_from_the_magnitudes_of_the_steps_as_specified(text, scalar, greatest):
    own = operand(text, scalar)
    state = DelayedState.initial(S, own.scaling)
    s, h = F32(1), np.zeros(own.scaling.method.history, F32)
    for a in OBSERVED:
        for part in (a / 2, a):  # two uses of the tensor in one step
            state = state.observed(Tensor.of(S, part))
            h[0] = max(h[0], F32(part))
        assert S.to_float(state.history.data).tolist() == h.tolist()
        state = state.updated(own)
        s, h = following(s, h, greatest, **TEXTS[text])
        assert S.to_bits(state.scale.data) == s.view(np.uint32)
        assert S.to_bits(state.history.data).tolist() == h.view(np.uint32).tolist()


def test_an_infinite_magnitude_freezes_the_scale_until_it_leaves_the_history():
    own = operand("delayed(history=3)")
    state, scales = DelayedState.initial(S, own.scaling), []
    for a in (2.0, np.inf, 4.0, 8.0, 8.0):
        state = state.observed(Tensor.of(S, a)).updated(own)
        scales.append(state.scale.item())
    assert scales == [224.0, 224.0, 224.0, 224.0, 56.0]


def test_the_greatest_magnitude_of_a_tensor_is_exact_and_ignores_nans():
    x = Tensor.of(L, [[1.0, np.nan], [-3.125, 2.0]])
    assert (observed_amax(x).item(), observed_amax(x).dtype) == (3.125, "bfloat16")
    assert observed_amax(Tensor.of(L, [-np.inf, np.nan])).item() == np.inf
    assert observed_amax(Tensor.of(S, [np.nan])).data.tobytes() == F32(0).tobytes()
    assert observed_amax(Tensor.of(S, np.zeros((2, 0)))).item() == 0
    assert observed_amax(Tensor.of(S, -3.0)).item() == 3


def test_a_backward_sweep_observes_the_greatest_magnitude_of_a_cotangent():
    x, factors = Tensor.of(L, [1.0, 2.0, 3.0]), Tensor.of(L, [0.5, -7.0, np.nan])
    seen = []

    def program(p):
        unused = observe_cotangent(p[0], seen.append)
        assert unused.tolist() == x.tolist()
        return (observe_cotangent(p[0], seen.append) * factors).sum()

    _, (gx,) = value_and_gradient(program, [x])
    assert gx.data.tolist() == factors.data.tolist()
    ((amax,),) = [seen]
    assert (amax.shape, amax.dtype, amax.item()) == ((), "bfloat16", 7.0)


def test_states_that_do_not_fit_are_refused():
    state = DelayedState.initial(S, scaling_named("delayed(history=3)"))
    with pytest.raises(ShapeError, match="keeps 4 magnitudes, got 3"):
        state.updated(operand("delayed(history=4)"))
    with pytest.raises(NumleanError, match=r"scales by row keep no state; use row"):
        state.updated(operand("row"))
    with pytest.raises(ShapeError, match=r"got \(1,\) and \(3,\)"):
        DelayedState(Tensor.of(S, [1.0]), state.history)


NARROW, GRADIENT = operand("delayed(history=3)"), operand("delayed(history=3)", E5M2)


def step(x, weight, *states):
    """Train a layer whose operands have delayed scales; return weight, loss and states.

    The states are those of x, of the weight and of the cotangent g of the output.
    """
    sx, sw, sg = (DelayedState(*states[k : k + 2]) for k in (0, 2, 4))
    left, right, g = (
        each.with_scale(state.scale) for each, state in ((NARROW, sx), (NARROW, sw), (GRADIENT, sg))
    )
    precision = LayerPrecision(
        forward=Contraction(left, right, Ordered(S), L),
        input_gradient=Contraction(g, right, Ordered(S), L),
        weight_gradient=Contraction(left, g, Ordered(S), S),
        reductions=S,
    )
    amaxes = []

    def loss(p):
        z = observe_cotangent(linear(x, p[0], None, precision), amaxes.append)
        wide = nl.cast(z, x.scalar)
        return (wide * wide).sum()

    value, (gradient,) = value_and_gradient(loss, [weight])
    sx, sw = (
        state.observed(observed_amax(t)).updated(NARROW) for state, t in ((sx, x), (sw, weight))
    )
    sg = sg.observed(*amaxes).updated(GRADIENT)
    following = weight - gradient * weight.literal(0.01)
    return [following, value, *(t for s in (sx, sw, sg) for t in (s.scale, s.history))]


def transcription(x, weight, *states):
    (sx, hx), (sw, hw), (sg, hg) = (states[k : k + 2] for k in (0, 2, 4))

    def codes(v, s, kind, greatest):
        return np.clip(v * s, F32(-greatest), F32(greatest)).astype(kind).astype(F32)

    def product(a, b, factor):
        z = np.zeros((len(a), b.shape[1]), F32)
        for k in range(a.shape[1]):
            z = z + a[:, k : k + 1] * b[k]
        return z * factor

    one = F32(1)
    qx, qw = (codes(v, s, ml_dtypes.float8_e4m3fn, 448) for v, s in ((x, sx), (weight, sw)))
    z = product(qx, qw.T, (one / sx) * (one / sw)).astype(BF16)
    wide, total = z.astype(F32), F32(0)
    for each in (wide * wide).ravel():
        total = total + each
    g = (wide + wide).astype(BF16).astype(F32)
    qg = codes(g, sg, ml_dtypes.float8_e5m2, 57344)
    gradient = product(qx.T, qg, (one / sx) * (one / sg)).T
    for h, v in ((hx, x), (hw, weight), (hg, g)):
        h[0] = max(h[0], np.abs(v).max())
    states = [
        each
        for s, h, greatest in ((sx, hx, 448), (sw, hw, 448), (sg, hg, 57344))
        for each in following(s, h, greatest)
    ]
    return [weight - gradient * F32(0.01), total, *states]


def test_a_program_with_delayed_scales_has_the_same_bits_recorded_and_as_a_transcription():
    inputs = (
        RNG.standard_normal((6, 4, 3)).astype(F32)
        * np.array([1, 3, 0, 40, 0.1, 2], F32)[:, None, None]
    )
    weight = RNG.standard_normal((2, 3)).astype(F32)
    initial = [F32(1), np.zeros(3, F32)] * 3
    ours = [Tensor.of(S, weight), *(Tensor.of(S, each) for each in initial)]
    theirs = [weight, *(np.array(each) for each in initial)]
    recorder = Recorder(S)
    variables = [Tensor(S, each.data.copy()) for each in ours]
    plan = None
    for x in inputs:
        results = step(Tensor.of(S, x), *ours)
        ours = [results[0], *results[2:]]
        expected = transcription(x, *theirs)
        theirs = [expected[0], *expected[2:]]
        assert [S.to_float(t.data).tolist() for t in results] == [
            np.asarray(e, float).tolist() for e in expected
        ]
        if plan is None:
            (own,) = recorder.start([Tensor.of(S, x)])
            found = step(own, *(recorder.attach(t) for t in variables))
            recorder.output("loss", found[1])
            recorder.write_back([*zip(variables, [found[0], *found[2:]], strict=True)])
            arrays = [t.data for t in variables]
            plan = recorder.finish(variables=arrays, results=arrays)
        else:
            plan.replay((Tensor.of(S, x).data,))
        assert plan.outputs["loss"].data.tobytes() == results[1].data.tobytes()
        assert [t.data.tobytes() for t in variables] == [t.data.tobytes() for t in ours]
    assert all(scale not in (1, MOST) for scale in theirs[1::2])
