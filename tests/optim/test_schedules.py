"""Schedules: every learning rate is the exact value, rounded once to binary64."""

from fractions import Fraction

import mpmath
import pytest

from numlean import NumleanError
from numlean.optim import schedules
from numlean.training import LoaderTrainConfig, TrainConfig, epochs, steps

BITS = 3000
TWICE_RATIONAL_COSINES = {Fraction(1, 3): 1, Fraction(1, 2): 0, Fraction(2, 3): -1}


def nearest(value):
    """Round a high-precision value to the nearest binary64."""
    sign, significand, exponent, _ = value._mpf_
    return float((-1) ** sign * Fraction(int(significand)) * Fraction(2) ** exponent)


@pytest.mark.parametrize("t", [0, 1, 2, 3, 9, 10, 63, 64, 65, 66, 100, 1000, 12345])
@pytest.mark.parametrize(("base", "gamma"), [(0.1, 0.97), (0.003, 0.5), (1.0, 0.999), (0.7, 1.0)])
def test_exponential_and_step_are_rounded_once(base, gamma, t):
    with mpmath.workprec(BITS):
        exact = mpmath.mpf(base) * mpmath.mpf(gamma) ** t
        stairs = mpmath.mpf(base) * mpmath.mpf(gamma) ** (t // 7)
    assert schedules.exponential(base, gamma)(t) == nearest(exact)
    assert schedules.step(base, 7, gamma)(t) == nearest(stairs)


def test_powers_end_in_subnormals_rounded_once_and_in_zero():
    assert schedules.exponential(3.0, 0.5)(1075) == 2 * 2.0**-1074  # a tie, to even
    assert schedules.exponential(5.0, 0.5)(1076) == 2.0**-1074
    assert schedules.exponential(1.0, 0.9)(7000) == nearest(mpmath.mpf(0.9) ** 7000) > 0
    assert schedules.exponential(1.0, 0.9)(10**9) == 0.0
    assert schedules.exponential(1.0, 0.0)(0) == 1.0
    assert schedules.exponential(1.0, 0.0)(1000) == 0.0


def test_a_stair_of_no_length_never_ends():
    assert {schedules.step(0.3, 0)(t) for t in (0, 1, 100)} == {0.3}
    assert schedules.step(0.3, 10) == schedules.step(0.3, 10, 0.1)
    assert [schedules.step(1.0, 2, 0.5)(t) for t in range(5)] == [1, 1, 0.5, 0.5, 0.25]


@pytest.mark.parametrize("length", [1, 2, 3, 12, 1000, 10**9])
@pytest.mark.parametrize(("base", "final"), [(0.1, 0.0), (0.1, 0.001), (0.001, 0.1), (0.0, 0.3)])
def test_a_cosine_is_rounded_once(base, final, length):
    found = schedules.cosine(base, length, final=final)
    for t in {0, 1, length // 3, length // 2, 2 * length // 3, length - 1, length, length + 5}:
        with mpmath.workprec(BITS):
            angle = mpmath.pi * min(t, length) / length
            height = mpmath.mpf(base) - mpmath.mpf(final)
            exact = mpmath.mpf(final) + height * (1 + mpmath.cos(angle)) / 2
            if (turn := Fraction(t, length)) in TWICE_RATIONAL_COSINES:
                exact = mpmath.mpf(final) + height * (2 + TWICE_RATIONAL_COSINES[turn]) / 4
        assert found(t) == nearest(exact), t


def test_a_cosine_between_equals_is_constant():
    assert {schedules.cosine(0.2, 10, final=0.2)(t) for t in range(15)} == {0.2}


def test_a_warm_up_rises_to_the_start_of_the_next_schedule():
    then = schedules.exponential(0.3, 0.5)
    warm = schedules.linear_warmup(4, then)
    rising = [float(Fraction(0.3) * Fraction(k, 4)) for k in (1, 2, 3, 4)]
    assert [warm(t) for t in range(6)] == [*rising, 0.3, 0.15]
    assert schedules.linear_warmup(0, then)(0) == 0.3


@pytest.mark.parametrize(
    ("make", "word"),
    [
        (lambda: schedules.constant(-1.0), "-1"),
        (lambda: schedules.step(0.1, -2), "-2"),
        (lambda: schedules.exponential(0.1, float("nan")), "nan"),
        (lambda: schedules.cosine(0.1, 0), "0"),
        (lambda: schedules.linear_warmup(-1, schedules.constant(0.1)), "-1"),
        (lambda: schedules.exponential(1.0, 2.0)(5000), "beyond binary64"),
        (lambda: schedules.exponential(1e300, 1e10)(2), "is not finite"),
    ],
)
def test_invalid_schedules_are_refused(make, word):
    with pytest.raises(NumleanError, match=word):
        make()


def test_configurations_have_the_stated_defaults():
    config = TrainConfig(7)
    assert (config.batch_size, config.scheduler, config.log_every) == (1, None, 1)
    assert config.optimizer_lr == config.lr_at(3) == 0.01
    assert steps(7) == config
    assert epochs(3) == LoaderTrainConfig(3)
    assert LoaderTrainConfig(3).lr_at(2) == 0.01
    assert steps(7, batch_size=2, log_every=0, seed=4) == TrainConfig(7, 2, log_every=0, seed=4)


def test_configurations_make_schedules_by_step():
    config = TrainConfig(100)
    assert config.constant_lr(0.5).scheduler == schedules.constant(0.5)
    assert config.step_lr(0.5, 10).scheduler == schedules.step(0.5, 10, 0.1)
    assert config.exponential_lr(0.5, 0.9).scheduler == schedules.exponential(0.5, 0.9)
    assert config.cosine_lr(0.5, final=0.1).scheduler == schedules.cosine(0.5, 100, final=0.1)
    assert config.warmup(5).lr_at(0) == 0.002
    assert config.cosine_lr(0.5).warmup(5).lr_at(5) == 0.5
    assert config.with_scheduler(lambda t: t / 10).lr_at(3) == 0.3
    assert config.constant_lr(0.5).with_scheduler(None) == config


def test_configurations_make_schedules_by_epoch():
    config = LoaderTrainConfig(20)
    assert config.constant_epoch_lr(0.5).scheduler == schedules.constant(0.5)
    assert config.step_epoch_lr(0.5, 10).scheduler == schedules.step(0.5, 10, 0.1)
    assert config.exponential_epoch_lr(0.5, 0.9).scheduler == schedules.exponential(0.5, 0.9)
    assert config.cosine_epoch_lr(0.5).scheduler == schedules.cosine(0.5, 20)
    assert config.epoch_warmup(4).lr_at(3) == 0.01
    assert config.with_epoch_scheduler(lambda t: t / 10).lr_at(3) == 0.3


def test_logging_follows_log_every():
    for make in (TrainConfig, LoaderTrainConfig):
        logged = {
            every: [t for t in range(7) if make(7, log_every=every).logs(t)] for every in (0, 1, 3)
        }
        assert logged == {0: [], 1: list(range(7)), 3: [0, 3, 6]}


@pytest.mark.parametrize(
    "make",
    [
        lambda: TrainConfig(-1),
        lambda: TrainConfig(1, -1),
        lambda: TrainConfig(1, log_every=-1),
        lambda: LoaderTrainConfig(-1),
        lambda: LoaderTrainConfig(1, log_every=-1),
    ],
)
def test_negative_counts_are_refused(make):
    with pytest.raises(NumleanError, match="-1"):
        make()
