"""Sessions: the tape, its references, gradients and steps, eager and compiled."""

import numpy as np
import pytest

from numlean import NumleanError, Session, Tensor, get_scalar
from numlean.errors import MixedScalarError, ShapeError, UnknownNameError

BACKENDS = ("eager", "compiled")
F32 = np.float32
RNG = np.random.default_rng(131)


@pytest.fixture(params=BACKENDS)
def session(request):
    return Session("float32", request.param)


def numbers(tensor):
    return tensor.to_float().tolist()


def test_values_are_returned_unchanged(session):
    w, x, c = session.param([1.0, 2.0]), session.input([3.0, 4.0]), session.const(5.0)
    assert numbers(session.get_value(w)) == [1.0, 2.0]
    assert numbers(session.get_value(session.use(w))) == [1.0, 2.0]
    assert numbers(session.get_value(x)) == [3.0, 4.0]
    assert numbers(session.get_value(c)) == 5.0
    assert numbers(session.get_value(session.mul(session.use(w), x))) == [3.0, 8.0]


def test_a_parameter_is_once_on_a_tape_and_its_gradients_add_up(session):
    w = session.param(3.0)
    assert session.use(w) == session.use(w)
    loss = session.mul(session.use(w), session.mul(session.use(w), session.use(w)))
    session.backward_scalar(loss)
    assert numbers(session.grad(w)) == numbers(session.grad(session.use(w))) == 27.0


def test_gradients_are_by_everything_on_the_tape(session):
    x, c = session.input([2.0, 3.0]), session.const([5.0, 7.0])
    y = session.mul(x, c)
    z = session.mul(y, y)
    unrelated = session.add(x, x)
    session.backward_scalar(session.sum(z))
    assert numbers(session.grad(y)) == [20.0, 42.0]
    assert numbers(session.grad(x)) == [100.0, 294.0]
    assert numbers(session.grad(c)) == [0.0, 0.0]
    assert numbers(session.grad(unrelated)) == [0.0, 0.0]
    assert numbers(session.grad(session.param([1.0]))) == [0.0]
    session.backward_all(y, [1.0, 10.0])
    assert numbers(session.grad(x)) == [5.0, 70.0]
    assert numbers(session.grad(z)) == [0.0, 0.0]


def test_only_a_number_needs_no_cotangent(session):
    def swept(back, *cotangent):
        session.reset_tape()
        x = session.input([2.0, 3.0])
        back(x, *cotangent)
        return session.grad(x)

    assert numbers(swept(session.backward_all, [4.0, 5.0])) == [4.0, 5.0]
    with pytest.raises(ShapeError, match=r"\(2,\)"):
        swept(session.backward_scalar)
    with pytest.raises(ShapeError, match=r"\(3,\)"):
        swept(session.backward_all, [1.0, 2.0, 3.0])


def test_a_step_moves_used_parameters_by_their_gradients(session):
    w, fixed = session.param([1.0, 2.0]), session.param([3.0, 4.0], requires_grad=False)
    idle = session.param([9.0])
    before = session.use(w)
    session.backward_scalar(session.sum(session.mul(before, session.use(fixed))))
    session.sgd_step_all(0.5)
    assert numbers(session.get_value(w)) == [-0.5, 0.0]
    assert numbers(session.get_value(before)) == [1.0, 2.0]
    assert numbers(session.get_value(fixed)) == [3.0, 4.0]
    assert numbers(session.get_value(idle)) == [9.0]
    session.reset_tape()
    assert numbers(session.get_value(session.use(w))) == [-0.5, 0.0]


def test_a_step_is_made_even_if_its_results_are_not_read(session):
    w = session.param(1.0)
    for _ in range(3):
        session.backward_scalar(session.use(w))
        session.sgd_step_all(1.0)
        session.reset_tape()
    assert numbers(session.get_value(w)) == -2.0


def test_references_end_with_their_tape_and_are_not_another_session_s(session):
    w, x = session.param(1.0), session.input(1.0)
    session.reset_tape()
    other = Session("float32")
    for use in (
        lambda: session.get_value(x),
        lambda: session.add(x, x),
        lambda: session.backward_scalar(x),
        lambda: session.grad(x),
        lambda: other.use(w),
        lambda: other.get_value(w),
    ):
        with pytest.raises(NumleanError, match=r"reset|another session"):
            use()


def test_a_body_has_a_tape_of_its_own(session):
    w, kept = session.param(2.0), []

    def body():
        kept.append(session.mul(session.use(w), session.use(w)))
        return numbers(session.get_value(kept[0]))

    assert session.with_fresh_tape(body) == 4.0
    with pytest.raises(NumleanError, match="reset"):
        session.get_value(kept[0])


def test_a_wrong_shape_fails_and_a_new_tape_works(session):
    for _ in range(2):
        with pytest.raises(ShapeError):
            session.get_value(session.add(session.input([1.0, 2.0]), session.input([1.0] * 3)))
        session.reset_tape()
        assert numbers(session.get_value(session.scale(session.input([1.0, 2.0]), 2.0))) == [2, 4]
        session.reset_tape()


def test_a_compiled_tape_fails_again_until_it_is_reset():
    session = Session("float32", "compiled")
    x, wrong = session.input([1.0]), session.matmul(*[session.input([1.0])] * 2)
    for ref in (wrong, x):
        with pytest.raises(ShapeError):
            session.get_value(ref)


def test_an_index_is_checked_each_time(session):
    def row(k):
        session.reset_tape()
        x = session.input([[1.0, 2.0], [3.0, 4.0]])
        return numbers(session.get_value(session.gather_row(x, k)))

    assert row(1) == [3.0, 4.0]
    assert row(0) == [1.0, 2.0]
    with pytest.raises(ShapeError, match=r"index 2 is out of range for axis 0 of shape \(2, 2\)"):
        row(2)
    with pytest.raises(NumleanError, match="-1"):
        row(-1)
    assert row(0) == [1.0, 2.0]


def test_other_functions_of_primitives_can_be_applied(session):
    def cubed(x, *, factor):
        return (x * x) * x * factor

    x = session.input([1.0, 2.0])
    z = session.apply(cubed, x, factor=2.0)
    session.backward_scalar(session.sum(z))
    assert numbers(session.get_value(z)) == [2.0, 16.0]
    assert numbers(session.grad(x)) == [6.0, 24.0]


def test_numbers_of_another_arithmetic_are_refused_as_inputs(session):
    with pytest.raises(MixedScalarError, match=r"float32 on cpu .* float64 on cpu"):
        session.input(Tensor.of(get_scalar("float64"), [1.0]))


def test_an_unknown_backend_is_refused():
    with pytest.raises(UnknownNameError, match="known: eager, compiled"):
        Session("float32", "magic")


def test_a_cast_is_how_numbers_enter():
    scalar = get_scalar("float32")
    session = Session(scalar, cast=lambda values: scalar.from_float(np.asarray(values) * 2))
    assert numbers(session.get_value(session.input(3.0))) == 6.0
    assert numbers(session.get_value(session.input(Tensor.of(scalar, 3.0)))) == 3.0


def trained(backend, dtype, steps=6):
    """Train two layers on samples of two shapes in turn, and read numbers every other step."""
    session, rng = Session(dtype, backend), np.random.default_rng(137)
    w1, b1 = session.param(rng.standard_normal((5, 3))), session.param(np.zeros(5))
    w2, b2 = session.param(rng.standard_normal((2, 5))), session.param(np.zeros(2))
    seen = []
    for step in range(steps):
        rows = 4 if step % 3 else 2
        x = session.input(rng.standard_normal((rows, 3)))
        y = session.const(rng.standard_normal((rows, 2)))
        hidden = session.tanh(session.linear(x, session.use(w1), session.use(b1)))
        if step % 2:
            seen.append(session.get_value(hidden))
        output = session.linear(hidden, session.use(w2), session.use(b2))
        loss = session.mse_loss(output, y)
        session.backward_scalar(loss)
        session.sgd_step_all(0.1 / (step + 1))
        if step % 2:
            seen += [session.get_value(loss), session.grad(x), session.grad(w1)]
        session.reset_tape()
    seen += [session.get_value(p) for p in (w1, b1, w2, b2)]
    return [t.scalar.to_bytes(t.data) for t in seen]


@pytest.mark.parametrize(
    "dtype", ["float32", "ieee32exec", "float64", "mp:40", "bfloat16@round=stochastic,seed=3"]
)
def test_a_compiled_training_has_the_bits_of_an_eager_one(dtype):
    eager, compiled = (trained(backend, dtype) for backend in BACKENDS)
    assert eager == compiled


def test_a_session_trains_as_a_transcription_in_numpy_does(session):
    rng = np.random.default_rng(139)
    w = rng.standard_normal(3).astype(F32)
    param = session.param(w)
    for _ in range(4):
        x, y = rng.standard_normal(3).astype(F32), F32(rng.standard_normal())
        used = session.use(param)
        error = session.sub(session.sum(session.mul(used, session.const(x))), session.const(y))
        session.backward_scalar(session.mul(error, error))
        session.sgd_step_all(0.1)
        session.reset_tape()
        total = F32(0)
        for term in w * x:
            total = total + term
        g = (total - y) + (total - y)
        w = w - (g * x) * F32(0.1)
        assert np.array_equal(session.get_value(param).data.view(np.uint32), w.view(np.uint32))


def test_earlier_sequences_are_replayed_and_not_planned_again(monkeypatch):
    session = Session("float32", "compiled")
    w = session.param(np.ones(4))
    plans = []
    engine = session._engine
    right = engine._record
    monkeypatch.setattr(engine, "_record", lambda *a: plans.append(a) or right(*a))
    for step in range(6):
        x = session.input(np.full(4, float(step)))
        loss = session.sum(session.mul(session.use(w), x))
        session.backward_scalar(loss)
        session.sgd_step_all(0.125)
        assert numbers(session.get_value(loss)) is not None
        session.reset_tape()
    assert len(plans) == 1
    assert numbers(session.get_value(w)) == [1 - 0.125 * 15] * 4


def test_literals_that_differ_only_in_the_sign_of_zero_are_told_apart(session):
    signs = []
    for factor in (0.0, -0.0, 0.0):
        scaled = session.get_value(session.scale(session.const([1.0]), factor))
        signs.append(np.signbit(scaled.to_float()).tolist())
        session.reset_tape()
    assert signs == [[False], [True], [False]]


def test_a_tensor_given_to_a_session_takes_its_random_stream():
    scalar = get_scalar("bfloat16@round=stochastic,seed=7", "python")
    results = []
    for _ in range(2):
        session, x = Session(scalar), Tensor.of(scalar, np.full(100, 1.1))
        results.append(numbers(session.get_value(session.mul(session.const(x), session.const(x)))))
    assert results[0] == results[1]
