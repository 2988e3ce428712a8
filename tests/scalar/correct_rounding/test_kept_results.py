"""Results of functions of codes: kept by operand, or decided by binary64, against enclosures."""

from functools import partial

import numpy as np
import pytest

from numlean import get_scalar
from numlean.errors import NumleanError
from numlean.scalar.correct_rounding import compute, kept_results
from numlean.scalar.correct_rounding.kept_results import by_binary64
from numlean.scalar.elementary import ARITIES
from numlean.scalar.work_limit import max_bits

RNG = np.random.default_rng(64)
UNARY = [name for name, arity in ARITIES.items() if arity == 1]


def by_enclosures(scalar, name, x):
    return compute(scalar, scalar.codec, name, (x,), by_enclosures=True)


@pytest.mark.parametrize(
    "dtype", ["posit8", "takum:9", "fixed:4.4@round=toward_positive", "lns:4.3"]
)
def test_kept_results_of_every_operand_are_those_of_enclosures(dtype):
    scalar = get_scalar(dtype, "python")
    codes = np.arange(1 << scalar.codec.code_width).astype(scalar.storage_dtype)
    for name in ("exp", "log", "tanh", "rsqrt"):
        expected = by_enclosures(scalar, name, codes)
        for x in (codes[::3], RNG.permutation(codes)):  # the second time, a third is known
            z = getattr(scalar, name)(x)
            assert z[np.argsort(x)].tolist() == expected[np.sort(x)].tolist()
    assert scalar.exp(codes[:0]).shape == (0,)
    assert scalar.exp(codes[:4].reshape(2, 2)).shape == (2, 2)


@pytest.mark.parametrize("dtype", ["posit:16", "takum:32", "fixed:16.16@round=toward_zero"])
@pytest.mark.parametrize("names", [UNARY[k::4] for k in range(4)])
def test_what_binary64_decides_is_what_enclosures_decide(dtype, names, monkeypatch):
    # Its functions are interpreted here, with the same bits.
    monkeypatch.setattr(kept_results, "get_scalar", partial(get_scalar, device="python"))
    scalar, asked = get_scalar(dtype, "python"), []
    near = scalar.from_float(np.concatenate([RNG.standard_normal(8), RNG.random(8) - 0.5]))
    exact = scalar.from_float([0.25, 1.0, 2.0, -1.0, 0.5, 8.0])  # many results lie on boundaries
    width = scalar.codec.code_width
    codes = RNG.integers(0, 1 << width, 8).astype(scalar.storage_dtype)
    is_number = ~np.isnan(scalar.to_float(codes)) & (codes != 0)
    x = np.concatenate([near, exact, codes[is_number]])
    x = x[x != 0]
    for name in names:

        def enclose(a, name=name):
            asked.append(a.size)
            return by_enclosures(scalar, name, a)

        z = by_binary64(scalar, scalar.codec, name, x, enclose)
        assert z.tolist() == by_enclosures(scalar, name, x).tolist()
    assert 0 < sum(asked) < x.size * len(names) * 0.8


def test_binary64_is_asked_after_many_results_and_not_on_the_device_python(monkeypatch):
    found = []
    monkeypatch.setattr(kept_results, "FEW", 10)
    monkeypatch.setattr(kept_results, "by_binary64", lambda *given: found.append(given[3].size))
    for device, asked in (("python", []), ("cpu", [2])):
        scalar = get_scalar("posit:29", device)
        kept_results._computed.clear()
        x = RNG.integers(1, 1 << 28, 10).astype(scalar.storage_dtype)
        for part in (x[:3], x[:7], x[:2]):
            kept_results.results(scalar, scalar.codec, "exp", part, lambda a: a)
        assert found == asked


def test_a_lower_limit_for_the_work_holds_for_results_that_are_known():
    scalar = get_scalar("takum16", "python")
    x = scalar.from_float([2.0**70])
    assert scalar.to_bits(scalar.exp(x)) == 0x7FFF
    with max_bits(256), pytest.raises(NumleanError, match="exp: the operand is about"):
        scalar.exp(x)


def test_kept_results_are_those_of_the_same_rounding():
    down, up = (
        get_scalar(f"fixed:4.4@round=toward_{way}", "python") for way in ("negative", "positive")
    )
    x = down.from_float([0.5])
    assert up.to_float(up.exp(x)) - down.to_float(down.exp(x)) == 1 / 16
    assert down.to_float(down.exp(x)) < np.exp(0.5) < up.to_float(up.exp(x))
