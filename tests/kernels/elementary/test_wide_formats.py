"""Functions of formats wider than binary32, in integers, against enclosures by mpmath."""

import numpy as np
import pytest

from numlean import Flags, get_scalar
from numlean.scalar.correct_rounding import compute
from numlean.scalar.elementary import ARITIES
from numlean.verification.elementary import FUNCTIONS
from numlean.verification.elementary.operands import elementary_operands
from operand_batches import batches_of

DTYPES = (
    "binary64exec@round=toward_positive",
    "binary64exec@round=toward_zero",
    "ieee:e9m30",
    "ieee:e11m40@round=to_odd",
)


@pytest.mark.parametrize("name", ARITIES)
def test_results_in_every_direction_are_those_of_enclosures(name):
    for k, dtype in enumerate(DTYPES):
        scalar = get_scalar(dtype, device="python")
        with batches_of(40):
            codes = elementary_operands(scalar, FUNCTIONS[name], 0, 7 + k)
        rng = np.random.default_rng(k)
        x = [
            np.concatenate([scalar.from_bits(row[::4]), scalar.from_float(rng.lognormal(size=4))])
            for row in codes
        ]
        z = scalar.elementary(name, *x)
        expected = compute(scalar, scalar.codec, name, tuple(x), by_enclosures=True)
        assert scalar.to_bits(z).tolist() == scalar.to_bits(expected).tolist(), (name, dtype)


def test_flags_tell_exact_values_poles_and_tiny_results():
    scalar = get_scalar("binary64exec", device="python")
    cases = {
        "exp": ([0.0, 1.0, -745.0, 710.0], "inexact=3 underflow=1 overflow=1"),
        "log2": ([8.0, 3.0, 0.0, -1.0], "inexact=1 divide_by_zero=1 invalid=1"),
        "sin": ([0.0, 1.0, np.inf, 1e-310], "inexact=2 underflow=1 invalid=1"),
    }
    for name, (values, expected) in cases.items():
        flags = Flags()
        scalar.elementary(name, scalar.from_float(values), flags=flags)
        counts = dict(pair.split("=") for pair in expected.split())
        assert flags == Flags(**{flag: int(count) for flag, count in counts.items()}), name
    few = Flags()
    scalar.pow(scalar.from_float([3.0, 3.0, 2.0]), scalar.from_float([2.0, 0.5, -3.0]), flags=few)
    assert few == Flags(inexact=1)
