"""The conformance suite finds no fault in correct Scalars, and finds those of faulty ones.

``numlean verify scalars`` runs it on every format, rounding and option.
"""

from fractions import Fraction

import numpy as np
import pytest

from faulty_scalar import Faulty
from numlean import get_scalar
from numlean.cli.main import main
from numlean.scalar.registry import scalars
from numlean.testing import CHECKS, check_scalar, reference_of
from numlean.testing.conformance import Subject
from numlean.testing.rounding import ROUNDINGS
from numlean.verification.scalars import base_dtypes, variants


def scalar_of(dtype):
    """Return a Scalar that compiles nothing."""
    return get_scalar(dtype, "python")


CORRECT = (
    *("ieee:e2m1", "ieee:e2m52", "ieee:e11m1", "mp:1"),
    *("ieee:e2m1@round=toward_negative", "ieee:e2m3@round=toward_positive"),
    *("ieee:e3m1@round=to_odd", "ieee:e3m2@round=stochastic", "ieee:e2m2@subnormal=flush"),
    "ieee:e3m1@round=toward_negative,subnormal=flush",
    *("bfloat16@nan=x86,overflow=saturate", "e4m3@overflow=saturate,round=toward_negative"),
    *("binary16@round=toward_positive,subnormal=flush", "ieee32exec@math=torchlean"),
    "binary16@nan=cuda,overflow=saturate,subnormal=flush,tininess=before",
)


@pytest.mark.parametrize("dtype", CORRECT)
def test_a_correct_scalar_breaks_no_promise(dtype):
    report = check_scalar(scalar_of(dtype))
    assert report.failures == (), str(report)


@pytest.mark.parametrize("rounding", [r for r in ROUNDINGS if r != "ties_to_even"])
def test_every_direction_has_a_reference_of_exact_rationals(rounding):
    reference = reference_of(scalar_of(f"binary16@round={rounding}"))
    third = reference.rounded(Fraction(1, 3))
    below, above = Fraction(1365, 4096), Fraction(683, 2048)  # of 11 bits, around 1/3
    assert below < Fraction(1, 3) < above
    up = rounding in ("ties_to_away", "toward_positive", "away_from_zero")
    # 1/3 lies a third of the way from below to above; the last bit of 1365 is odd.
    nearest = rounding == "ties_to_away"
    assert third == (above if up and not nearest else below)
    assert reference.sign_of_zero_sum == (-1 if rounding == "toward_negative" else 1)


DOWN, UP = "ieee:e3m2@round=toward_negative", "binary16@round=toward_positive"
PLAIN, SATURATING, FLUSHING = "ieee:e2m3", "e5m2@overflow=saturate", "binary16@subnormal=flush"


def without_minus_zero(scalar, x, y):
    """Return a sum in which every zero is +0."""
    z = scalar.add(x, y)
    zero = scalar.from_float(0.0)
    return np.where(scalar.eq(z, zero), zero, z)


def rounded_by_mpmath(values):
    return np.vectorize(lambda value: +value, otypes=[object])(values)


FAULTS = {
    "a direction that is not the one stated": (
        DOWN,
        lambda s: {"mul": lambda x, y: scalar_of("ieee:e3m2").mul(x, y)},
        "every operation is the exact result rounded once: mul",
    ),
    "a zero sum with the sign of another direction": (
        DOWN,
        lambda s: {"add": lambda x, y: without_minus_zero(s, x, y)},
        "every operation is the exact result rounded once: add",
    ),
    "a sum that begins with -0": (
        PLAIN,
        lambda s: {"sum": lambda x, *a, **k: s.neg(s.sum(s.neg(x), *a, **k))},
        "an empty sum is plus zero",
    ),
    "an odd function that is not odd": (
        PLAIN,
        lambda s: {"tanh": lambda x: s.abs(s.tanh(x))},
        "an odd function of minus x",
    ),
    "an odd function off by two ulps when rounded up": (
        UP,
        lambda s: {"sin": lambda x: s.next_up(s.next_up(s.sin(x)))},
        "an odd function of minus x",
    ),
    "an odd function rounded to nearest when rounded up, with a wrong sign of zero": (
        UP,
        lambda s: {"sinh": lambda x: s.abs(s.sinh(x))},
        "an odd function of minus x",
    ),
    "a quotient that does not saturate": (
        SATURATING,
        lambda s: {"div": lambda x, y: scalar_of("e5m2").div(x, y)},
        "every operation is the exact result rounded once: div",
    ),
    "a conversion that does not saturate": (
        SATURATING,
        lambda s: {"from_float": lambda x: scalar_of("e5m2").from_float(x)},
        "floats are rounded once on entry",
    ),
    "subnormal operands that are not flushed": (
        FLUSHING,
        lambda s: {"mul": lambda x, y: scalar_of("binary16").mul(x, y)},
        "every operation is the exact result rounded once: mul",
    ),
    "a difference whose NaN has another sign": (
        "bfloat16@nan=x86",
        lambda s: {"sub": lambda x, y: s.add(x, s.neg(y))},
        "a difference is the sum with the negated",
    ),
    "a conversion that reads mpmath's global precision": (
        "mp:30",
        lambda s: {
            "to_exact": lambda x: np.vectorize(lambda v: +v, otypes=[object])(s.to_exact(x))
        },
        "a global precision of mpmath changes no conversion",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_found(fault):
    dtype, make, promise = FAULTS[fault]
    scalar = Faulty(dtype, **make(scalar_of(dtype)))
    subject = Subject(scalar, reference_of(scalar))
    concerned = [check for check in CHECKS if check.name.startswith(promise)]
    assert concerned
    assert any(is_broken(check, subject) for check in concerned)


def is_broken(check, subject):
    try:
        check.run(subject)
    except AssertionError:
        return True
    return False


def test_subnormal_numbers_of_an_arithmetic_that_flushes_them_are_written_with_all_digits():
    scalar = scalar_of("bfloat16@subnormal=flush")
    least, least_normal = scalar.to_string(scalar.from_bits([1, 128]))
    assert Fraction(least) == Fraction(2) ** -133
    assert least_normal == "1.18e-38"


def test_the_command_covers_every_format_rounding_and_option():
    names = {dtype.partition(":")[0] for dtype in base_dtypes()}
    assert names == set(scalars())
    single = list(variants("e5m2"))
    assert len(single) == len(set(single)) == 11 * (1 + 5 + 1 + 1 + 3)
    every = list(variants("e5m2", every=True))
    assert len(every) == len(set(every)) == 11 * 6 * 2 * 2 * 4
    assert "e5m2@nan=cuda,overflow=saturate,round=to_odd,subnormal=flush,tininess=before" in every
    assert list(variants("e5m2@round=to_odd")) == ["e5m2@round=to_odd"]
    assert list(variants("mp:7")) == ["mp:7"]
    assert "e5m2@round=stochastic_b:4" in single
    assert len(list(variants("fixed:4.4"))) == 8 * 2
    assert "e2m1@nan=max" in list(variants("e2m1"))
    assert not {"e2m1@overflow=nan", "e5m2@nan=max"} & {*variants("e2m1"), *single}


def test_the_command_reports_kept_promises_and_ends_with_1_if_one_is_broken(capsys, monkeypatch):
    assert main(["verify", "scalars", "--dtype", "ieee:e2m1@round=stochastic"]) == 0
    assert "1 dtype " in capsys.readouterr().out

    def faulty(dtype, device=None):
        s = scalar_of(dtype)
        return Faulty(dtype, mul=lambda x, y: s.next_up(s.mul(x, y)))

    monkeypatch.setattr("numlean.verification.scalars.get_scalar", faulty)
    assert main(["verify", "scalars", "--dtype", "ieee:e2m1@round=to_odd"]) == 1
    out = capsys.readouterr().out
    assert "every operation is the exact result rounded once: mul" in out
