"""A run computes with the Scalar it was given, or refuses it."""

import re

import numpy as np
import pytest

import numlean as nl
from numlean import (
    NumleanError,
    Options,
    RunSpec,
    Task,
    TrainConfig,
    crosscheck,
    get_scalar,
    instantiate,
    nn,
    sgd,
)
from numlean.data import Dataset
from numlean.errors import UnavailableError
from numlean.session import Session
from numlean.training import run_steps

OURS = get_scalar("float32", "python")
TASK = Task.regression(nn.Sequential(nn.Linear(2, 1)))
RNG = np.random.default_rng(3)
DATA = Dataset.of_arrays(RNG.standard_normal((8, 2)), RNG.standard_normal((8, 1)))
CONFIG = TrainConfig(2, 4, sgd(0.1))


class Delegating:
    """A naive plug-in: all operations except one are the inner Scalar's."""

    def __init__(self, inner):
        self.inner = inner
        self.products = 0

    def __getattr__(self, name):
        return getattr(self.inner, name)

    def matmul(self, a, b, *, contraction="separate"):
        self.products += 1
        return self.inner.next_up(self.inner.matmul(a, b, contraction=contraction))


class KeepingItself(Delegating):
    """The same, but a run keeps it, and its recorder is the inner Scalar's."""

    def with_reset_stream(self):
        return self


class ClaimingEquality(Delegating):
    """The same, but it claims to equal its inner Scalar."""

    def __eq__(self, other):
        return other in (self.inner, self)

    def __hash__(self):
        return hash(self.inner)


class Rounding(nl.WrappedScalar):
    """The same as a subclass of WrappedScalar."""

    products = 0

    def around(self, operation, call, operands, options):
        z = call(*operands, **options)
        if operation != "matmul":
            return z
        type(self).products += 1
        return self.inner.next_up(z)


REFUSAL = re.escape("with_reset_stream() returned a KernelScalar") + ".*numlean.WrappedScalar"


@pytest.mark.parametrize("kind", [Delegating, ClaimingEquality])
def test_a_run_refuses_a_scalar_whose_reset_copy_is_the_inner_one(kind):
    scalar = kind(OURS)
    with pytest.raises(NumleanError, match=kind.__name__ + "." + REFUSAL):
        instantiate(TASK, scalar)
    with pytest.raises(NumleanError, match=REFUSAL):
        Session(scalar)
    with pytest.raises(NumleanError, match=REFUSAL):
        nl.compare_function(lambda x: x, [1.0], dtypes=(scalar,))
    sides = RunSpec("ours", OURS, Options()), RunSpec("delegating", scalar, Options())
    with pytest.raises(NumleanError, match=REFUSAL):
        crosscheck(TASK, *sides, config=CONFIG, data=DATA)
    with pytest.raises(NumleanError, match=REFUSAL):
        Rounding(scalar).with_reset_stream()
    assert scalar.products == 0


def test_the_compiled_engine_refuses_a_scalar_whose_recorder_is_the_inner_one():
    scalar = KeepingItself(OURS)
    match = r"KeepingItself\.with_recorder\(\) returned a KernelScalar"
    runner = instantiate(TASK, scalar, Options(backend="compiled"))
    with pytest.raises(NumleanError, match=match):
        run_steps(runner, CONFIG, DATA)
    with pytest.raises(NumleanError, match=match):
        Session(scalar, "compiled")


def test_a_hand_written_scalar_that_keeps_itself_is_called():
    scalar = KeepingItself(OURS)
    run_steps(instantiate(TASK, scalar), CONFIG, DATA)
    assert scalar.products > 0


def test_a_crosscheck_with_a_wrapper_calls_it_and_finds_its_difference():
    Rounding.products = 0
    sides = RunSpec("ours", OURS, Options()), RunSpec("rounding", Rounding(OURS), Options())
    result = crosscheck(TASK, *sides, config=CONFIG, data=DATA)
    assert Rounding.products > 0
    divergence = result.pairs[0].divergence
    assert divergence is not None
    assert divergence.operation == "matmul"


def test_an_incomplete_scalar_is_refused_and_the_missing_names_are_listed():
    class Incomplete:
        name = "mine"

        def add(self, x, y):
            return x + y

    with pytest.raises(NumleanError, match=r"Incomplete\), which lacks .*, device_copy"):
        instantiate(TASK, Incomplete())


def test_a_backend_that_makes_an_incomplete_scalar_is_named(monkeypatch):
    from numlean.scalar import registry

    backend = nl.ScalarBackend("mine", "not a Scalar", ("cpu",), lambda dtype, device: object())
    monkeypatch.setattr(registry, "scalars", lambda: ("mine",))
    monkeypatch.setattr(registry, "_load", lambda name: backend)
    with pytest.raises(UnavailableError, match=r"'mine': object is not a Scalar: it lacks "):
        get_scalar("mine")


@pytest.mark.parametrize("flags", [True, False])
def test_a_comparison_with_a_wrapper_calls_it_whether_or_not_it_counts_flags(flags):
    inner, last = get_scalar("ieee32exec", "python"), {}
    for name, scalar in (("ours", inner), ("rounding", Rounding(inner))):
        runner = instantiate(TASK, scalar)
        run_steps(runner, CONFIG, DATA)
        last[name] = nl.state_digest(runner.named_parameters)
    Rounding.products = 0
    side = RunSpec("rounding", Rounding(inner), Options())
    result = nl.compare(
        TASK, side, truth="mp:60", config=CONFIG, data=DATA, flags=flags, every=1, tests=0
    )
    assert Rounding.products > 0
    assert last["ours"] != last["rounding"]
    digests = {record["dtype"]: record["state_digest"] for record in result.runs}
    assert digests["rounding"] == last["rounding"]


def test_a_function_is_compared_with_a_wrapper_s_own_product():
    Rounding.products = 0
    inner = get_scalar("ieee32exec", "python")
    nl.compare_function(lambda x: x @ x, [[1.0]], dtypes=(Rounding(inner),), truth="mp:60")
    assert Rounding.products > 0


def test_a_comparison_refuses_a_wrapper_that_is_called_like_the_truth():
    with pytest.raises(NumleanError, match="another arithmetic are both called float32"):
        nl.compare(TASK, Rounding(OURS), "mp:60", truth=OURS, config=CONFIG, data=DATA)
