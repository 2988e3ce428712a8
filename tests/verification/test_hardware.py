import numpy as np
import pytest

from numlean import get_scalar
from numlean.cli import main
from numlean.verification import OPERATIONS, verify_operation
from numlean.verification.hardware import compare, prescribed_nan
from numlean.verification.operands import operands


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_million_operands_give_the_bits_of_the_hardware(name):
    outcome = verify_operation(name, 1_000_000, seed=1)
    assert outcome.cases >= 1_000_000
    assert outcome.first is None
    assert outcome.mismatches == 0


def test_a_flipped_bit_is_found_and_shown(monkeypatch, capsys):
    scalar = type(get_scalar("ieee32exec"))
    right = scalar.mul

    def wrong(self, x, y):
        z = right(self, x, y)
        z[12345] ^= np.uint32(1)
        return z

    monkeypatch.setattr(scalar, "mul", wrong)
    x = operands(1 << 14, 2, batch=0)
    outcome = compare("mul", x)
    given, expected, actual = outcome.first
    assert outcome.mismatches == 1
    assert given == (int(x[0][12345]), int(x[1][12345]))
    assert expected ^ actual == 1
    assert main(["verify", "arithmetic", "--operation", "mul", "--count", "1"]) == 1
    printed = capsys.readouterr().out
    assert "1 mismatches" in printed
    assert "expected" in printed


def test_operands_are_the_same_for_the_same_seed_and_others_for_another_batch():
    a, again = operands(1000, 2, batch=3, seed=5), operands(1000, 2, batch=3, seed=5)
    other = operands(1000, 2, batch=4, seed=5)
    assert all(np.array_equal(x, y) for x, y in zip(a, again, strict=True))
    assert not np.array_equal(a[0], other[0])


def test_operands_reach_every_class_of_number_and_pairs_that_cancel():
    x, y = operands(1 << 16, 2, batch=0)
    magnitude = x & 0x7FFFFFFF
    classes = {
        "zero": magnitude == 0,
        "subnormal": (magnitude > 0) & (magnitude < 0x00800000),
        "infinity": magnitude == 0x7F800000,
        "quiet NaN": magnitude >= 0x7FC00000,
        "signalling NaN": (magnitude > 0x7F800000) & (magnitude < 0x7FC00000),
        "negative": x >> 31 == 1,
        "cancelling": ((x ^ y) >> 31 == 1) & (np.abs(magnitude.astype(int) - (y & 0x7FFFFFFF)) < 5),
    }
    assert {name: bool(found.sum() > 5) for name, found in classes.items()} == dict.fromkeys(
        classes, True
    )


def test_the_prescribed_nan_is_the_first_signalling_else_the_first_quiet_one():
    quiet, signalling, one = 0xFFC00005, 0x7F800003, 0x3F800000
    cases = [
        ((one, one), 0x7FC00000),
        ((one, quiet), quiet),
        ((quiet, signalling), signalling | 1 << 22),
        ((signalling, quiet), signalling | 1 << 22),
        ((quiet, 0x7FC00001), quiet),
    ]
    for given, expected in cases:
        arrays = [np.array([bits], np.uint32) for bits in given]
        assert prescribed_nan(arrays).tolist() == [expected]
