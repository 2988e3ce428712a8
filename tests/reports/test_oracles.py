"""``numlean.testing.oracle``: no call of it waits, whatever has been compiled before."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import DeadlineExceeded, Flaky

from numlean import get_scalar
from numlean.errors import NumleanError
from numlean.scalar.operations import OPERATIONS
from numlean.testing import arrays, operand_pairs, oracle, scalars
from numlean_kernels.formats import BINARY16
from numlean_kernels.targets.cpu import CPU

HASTY = settings(deadline=200, suppress_health_check=[HealthCheck.too_slow], max_examples=30)
EVERY_TRY = 3
"""A busy machine may stop a process for longer than a deadline, but not each time."""


def passes(test):
    for _ in range(EVERY_TRY):
        try:
            test()
        except (DeadlineExceeded, Flaky):
            continue
        return True
    return False


@pytest.mark.parametrize("dtype", ["binary16", "ieee32exec", "float32", "e4m3", "mp:24"])
def test_an_oracle_runs_in_the_interpreter_and_has_the_bits_of_the_dtype(dtype):
    reference = oracle(dtype, operations=["add"])
    assert reference.device == "python"
    assert reference == get_scalar(dtype, "python")


def test_an_oracle_compiles_nothing(monkeypatch):
    def kernel(*_):
        raise AssertionError("a kernel is compiled")

    monkeypatch.setattr(type(CPU), "kernel", kernel)
    reference = oracle("binary16")
    x = reference.from_float([1.0, 2.0])
    assert reference.to_float(reference.exp(x)).shape == (2,)


def test_every_operation_of_an_oracle_has_been_called(monkeypatch):
    called = set()
    cls = type(get_scalar("binary16", "python"))
    for name in OPERATIONS:
        method = getattr(cls, name)

        def counted(self, *operands, _name=name, _method=method, **options):
            called.add(_name)
            return _method(self, *operands, **options)

        monkeypatch.setattr(cls, name, counted)
    oracle("binary16")
    assert called == set(OPERATIONS) - {"from_host_callback"}


def test_a_correct_adder_passes_within_hypothesis_s_deadline():
    reference = oracle("binary16", operations=["add"])

    @HASTY
    @given(operand_pairs(BINARY16))
    def adder(pair):
        a, b = np.array(pair, np.uint16).reshape(2, 1)
        with np.errstate(all="ignore"):
            z = (a.view("f2") + b.view("f2")).view("u2")
        assert z == reference.add(a, b) or np.isnan(z.view("f2"))

    assert passes(adder)


def test_a_wrong_adder_fails():
    reference = oracle("binary16", operations=["add"])

    @HASTY
    @given(operand_pairs(BINARY16))
    def adder(pair):
        a, b = np.array(pair, np.uint16).reshape(2, 1)
        with np.errstate(all="ignore"):
            z = (a.view("f2") - b.view("f2")).view("u2")
        assert z == reference.add(a, b) or np.isnan(z.view("f2"))

    with pytest.raises(AssertionError):
        adder()


def test_functions_and_sums_keep_the_deadline():
    reference = oracle("binary16")

    @HASTY
    @given(arrays(reference, (2, 3)))
    def functions(x):
        y = reference.matmul(reference.tanh(x), reference.exp(x).T.copy())
        assert y.shape == (2, 2)

    assert passes(functions)


def test_scalars_drawn_by_the_strategy_keep_the_deadline():
    @settings(deadline=200, max_examples=30)
    @given(scalars())
    def functions(scalar):
        x = scalar.from_float([0.5, 1.5])
        assert scalar.to_float(scalar.add(scalar.exp(x), scalar.atan2(x, x))).shape == (2,)

    assert passes(functions)


def test_wrong_names_are_one_line():
    with pytest.raises(NumleanError, match="'frob'"):
        oracle("binary16", operations=["frob"])
    with pytest.raises(NumleanError, match="float31"):
        oracle("float31")
    with pytest.raises(NumleanError, match="abacus"):
        oracle("binary16", "abacus")
