"""A wrapper passes every operation through its hook, and a run keeps it around."""

import inspect

import numpy as np
import pytest

from numlean import Options, Task, TrainConfig, WrappedScalar, get_scalar, instantiate, nn, sgd
from numlean.data import Dataset
from numlean.errors import UnavailableError, UnknownNameError
from numlean.precision.matrix_units import get_matrix_unit
from numlean.scalar.contract import MEMBERS
from numlean.scalar.flags import Flags
from numlean.scalar.operations import OPERATIONS
from numlean.scalar.protocol import Scalar
from numlean.scalar.wrappers.counting import CountingScalar
from numlean.scalar.wrappers.faulty import Fault, FaultyScalar
from numlean.scalar.wrappers.tracing import Trace, TracingScalar
from numlean.training import run_steps

INNER = get_scalar("ieee32exec", "python")
X = INNER.from_float([0.25, 0.5])
INDEX = np.array([1, 0])
ARGUMENTS = {
    "to_int": (X,),
    "from_float": ([1.0],),
    "from_int": ([1],),
    "from_bits": ([1],),
    "from_exact": ([1],),
    "from_string": ("0.1",),
    "cast_from": (INNER, X),
    "exact_product": (INNER, X.reshape(1, 2), INNER, X.reshape(2, 1)),
    "unit_product": (INNER, X.reshape(1, 2), INNER, X.reshape(2, 1)),
    "from_host_callback": (lambda: [1.0],),
    "matmul": (X.reshape(1, 2), X.reshape(2, 1)),
    "bmm": (X.reshape(1, 1, 2), X.reshape(1, 2, 1)),
    "scaleb": (X, 1),
    "concat": ([X, X], 0),
    "pad": (X, (3,), (slice(0, 2),)),
    "take": (X, INDEX),
    "take_along_axis": (X.reshape(1, 2), INDEX[:1]),
    "scatter_along_axis": (X, INDEX, 2),
    "scatter_add": (X, INDEX, (2,)),
    "where": (np.array([True, False]), X),
    "copy_into": (X, X.copy()),
    "device_copy": (X,),
}
OPTIONS = {"unit_product": {"unit": get_matrix_unit("A100:tf32").unit}}
ARRAY_METHODS = (*OPERATIONS, "device_copy")
OTHERS = {
    *("name", "format", "storage_dtype", "rounding", "is_deterministic", "reference_dtype"),
    *("device", "describe", "with_reset_stream", "start_step", "with_recorder", "compile"),
    *("elementary", "recorder"),
}


class RecordingWrapper(WrappedScalar):
    """A wrapper that lists the operations that pass through the hook."""

    is_replayable = True

    def __init__(self, inner):
        super().__init__(inner)
        self.seen = []

    def around(self, operation, call, operands, options):
        self.seen.append((operation, len(operands), options))
        return call(*operands, **options)


class DoublingScalar(WrappedScalar):
    """A wrapper with another arithmetic."""

    def __init__(self, inner, operation="add"):
        super().__init__(inner)
        self.operation = operation

    def around(self, operation, call, operands, options):
        z = call(*operands, **options)
        return self.inner.add(z, z) if operation == self.operation else z


def test_every_member_of_the_protocol_passes_the_hook_or_is_known_not_to():
    assert set(MEMBERS) == {*ARRAY_METHODS, *OTHERS}


@pytest.mark.parametrize("name", ARRAY_METHODS)
def test_an_operation_passes_the_hook_once_with_its_name_and_no_defaults(name):
    scalar = RecordingWrapper(INNER)
    operands = ARGUMENTS.get(name) or (X,) * OPERATIONS[name].arity
    required = OPTIONS.get(name, {})
    z, expected = (getattr(s, name)(*operands, **required) for s in (scalar, INNER))
    assert scalar.seen == [(name, len(operands), required)]
    assert np.array_equal(z, expected)


@pytest.mark.parametrize("name", ARRAY_METHODS)
def test_a_wrapper_s_method_has_the_parameters_of_the_protocol(name):
    ours, protocol = (inspect.signature(getattr(c, name)) for c in (WrappedScalar, Scalar))
    assert [(p.name, p.kind, p.default) for p in ours.parameters.values()] == [
        (p.name, p.kind, p.default) for p in protocol.parameters.values()
    ]


def test_options_that_differ_from_their_defaults_reach_the_hook_by_name():
    scalar, flags = RecordingWrapper(INNER), Flags()
    scalar.sum(X.reshape(2, 1), 0, keepdims=True, reduction="pairwise")
    scalar.sum(X.reshape(2, 1), axis=-1)
    scalar.exp(X, flags=flags)
    scalar.matmul(*ARGUMENTS["matmul"], contraction="fma")
    assert [options for _, _, options in scalar.seen] == [
        {"axis": 0, "keepdims": True, "reduction": "pairwise"},
        {"axis": -1},
        {"flags": flags},
        {"contraction": "fma"},
    ]
    assert flags.inexact == 2


def test_copies_that_a_run_makes_of_a_wrapper_are_wrapped_copies_of_the_inner_scalar():
    scalar = RecordingWrapper(
        DoublingScalar(get_scalar("bfloat16@round=stochastic,seed=4", "python"), "mul")
    )
    fresh = scalar.with_reset_stream()
    kinds = [type(s).__name__ for s in (fresh, fresh.inner, fresh.inner.inner)]
    assert kinds == ["RecordingWrapper", "DoublingScalar", "StochasticScalar"]
    assert fresh.inner.inner is not scalar.inner.inner
    assert fresh.inner.operation == "mul"
    assert fresh.seen is scalar.seen
    recorder = RecordingWrapper(INNER).with_recorder([])
    assert (type(recorder), recorder.inner) == (RecordingWrapper, INNER)
    assert recorder.inner is not INNER


def test_a_wrapper_describes_its_inner_scalar():
    stochastic = get_scalar("bfloat16@round=stochastic", "python")
    for inner in (INNER, stochastic):
        scalar = WrappedScalar(inner)
        for name in (
            *("name", "format", "storage_dtype", "rounding", "is_deterministic"),
            *("reference_dtype", "device"),
        ):
            assert getattr(scalar, name) == getattr(inner, name), name
        assert scalar.describe() == inner.describe()
    assert WrappedScalar(INNER).is_deterministic
    assert not WrappedScalar(stochastic).is_deterministic


def test_a_step_starts_in_the_inner_scalar_too():
    scalar = WrappedScalar(get_scalar("bfloat16@round=stochastic", "python"))
    draws = []
    for step in (5, 6, 5):
        scalar.start_step(step)
        draws.append(scalar.to_bytes(scalar.mul(*[scalar.from_float(np.full(100, 1.1))] * 2)))
    assert draws[0] == draws[2] != draws[1]


def test_wrappers_are_equal_if_their_public_attributes_are():
    assert DoublingScalar(INNER) == DoublingScalar(get_scalar("ieee32exec", "python"))
    assert hash(DoublingScalar(INNER)) == hash(DoublingScalar(INNER))
    assert DoublingScalar(INNER) != DoublingScalar(INNER, "mul")
    assert DoublingScalar(INNER) != DoublingScalar(get_scalar("bfloat16"))
    assert DoublingScalar(INNER) != INNER
    assert not INNER == DoublingScalar(INNER)  # noqa: SIM201, SIM300 (reflected)
    assert WrappedScalar(INNER) != RecordingWrapper(INNER)


def test_a_wrapper_that_is_not_replayable_is_refused_by_the_compiled_engine():
    with pytest.raises(
        UnavailableError, match="ieee32exec in a DoublingScalar runs in eager execution"
    ):
        DoublingScalar(INNER).with_recorder([])


def test_a_replayable_wrapper_runs_on_both_engines_with_the_same_bits():
    task = Task.regression(nn.Sequential(nn.Linear(2, 1)))
    data = Dataset.of_arrays([[1.0, 2.0], [3.0, 4.0]], [[1.0], [2.0]])
    seen, digests = [], []
    for backend in ("eager", "compiled"):
        runner = instantiate(task, RecordingWrapper(INNER), Options(backend=backend))
        run_steps(runner, TrainConfig(3, 2, sgd(0.1)), data)
        seen.append(sum(name == "matmul" for name, *_ in runner.scalar.seen))
        digests.append([INNER.to_bytes(p.data) for p in runner.params])
    assert digests[0] == digests[1]
    assert 0 < seen[1] < seen[0]


def test_flags_given_by_a_caller_and_those_counted_are_the_same():
    counting, flags = CountingScalar(INNER), Flags()
    counting.add(X, INNER.from_float([1e-30, 1.0]), flags=flags)
    assert flags == counting.counts["add"] == Flags(inexact=1)


def test_wrappers_nest():
    trace = Trace()
    scalar = TracingScalar(CountingScalar(DoublingScalar(INNER)), trace)
    z = scalar.add(X, X)
    assert INNER.to_float(z).tolist() == [1.0, 2.0]
    assert [each.operation for each in trace.operations] == ["add"]
    assert "add" in scalar.inner.counts


def test_counting_calls_a_wrapper_s_own_product():
    inner = DoublingScalar(INNER, "matmul")
    counting, operands = CountingScalar(inner), ARGUMENTS["matmul"]
    z = counting.matmul(*operands)
    assert np.array_equal(z, inner.matmul(*operands))
    assert not np.array_equal(z, INNER.matmul(*operands))
    assert not counting.counts
    counting.add(X, X)
    assert [*counting.counts] == ["add"]


def test_counting_asks_no_wrapper_for_its_flags():
    inner = RecordingWrapper(INNER)
    counting = CountingScalar(inner)
    counting.exp(X)
    assert [name for name, *_ in inner.seen] == ["exp"]


@pytest.mark.parametrize("name", ["matmul", "sum", "scatter_add"])
def test_counting_draws_the_random_bits_of_the_inner_scalar(name):
    inner = get_scalar("bfloat16@round=stochastic,seed=3", "python")
    x = inner.from_float(np.random.default_rng(5).standard_normal((8, 8)))
    operands = {
        "matmul": (x, x),
        "sum": (x, 0),
        "scatter_add": (x.reshape(-1), np.arange(64) % 3, (3,)),
    }[name]
    results = []
    for scalar in (inner.with_reset_stream(), CountingScalar(inner).with_reset_stream()):
        scalar.start_step(2)
        results.append(scalar.to_bits(getattr(scalar, name)(*operands)).tolist())
    assert results[0] == results[1]


def test_wrappers_with_arrays_are_compared_by_their_elements():
    assert DoublingScalar(INNER, np.ones(2)) == DoublingScalar(INNER, np.ones(2))
    assert DoublingScalar(INNER, np.ones(2)) != DoublingScalar(INNER, np.zeros(2))
    assert DoublingScalar(INNER, np.ones(2)) != DoublingScalar(INNER, "add")


def test_what_a_wrapper_has_counted_makes_it_no_other_arithmetic():
    fault = Fault("flip", operation="add")
    for make in (CountingScalar, lambda inner: FaultyScalar(inner, fault)):
        used, fresh = make(INNER), make(get_scalar("ieee32exec", "python"))
        used.add(X, INNER.from_float([1e-30, 1.0]))
        assert used == fresh
        assert hash(used) == hash(fresh)
        assert used != make(get_scalar("bfloat16", "python")) != INNER
    assert FaultyScalar(INNER, fault) != FaultyScalar(INNER, Fault("flip", operation="mul"))


@pytest.mark.parametrize("scalar", [INNER, WrappedScalar(INNER)])
def test_an_unknown_elementary_function_is_refused_with_the_known_ones(scalar):
    for name in ("nope", "add"):
        with pytest.raises(UnknownNameError, match=f"{name}.*exp10"):
            scalar.elementary(name, X)


def test_counting_leaves_out_what_a_wrapper_keeps_no_flags_of():
    class Flagless(WrappedScalar):
        def around(self, operation, call, operands, options):
            if operation == "add" and "flags" in options:
                raise UnavailableError("no flags")
            return call(*operands, **options)

    counting = CountingScalar(Flagless(INNER))
    assert INNER.to_float(counting.add(X, X)).tolist() == [0.5, 1.0]
    counting.mul(X, X)
    assert [*counting.counts] == ["mul"]
    with pytest.raises(UnavailableError, match="no flags"):
        counting.add(X, X, flags=Flags())
