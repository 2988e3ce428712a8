"""``numlean bench limits``: the loops compute what they say, and every figure has its unit."""

import numpy as np
import pytest

from numlean.benchmarks import limits
from numlean.cli.main import main


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(limits, "_PASSES", 3)


def test_every_loop_is_measured_once(capsys, monkeypatch):
    monkeypatch.setattr(limits.measure, "__defaults__", (3 << 20,))
    assert main(["bench", "limits", "--rounds", "1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    works = [line[:36] for line in lines[2:]]
    assert len(set(works)) == len(works)
    for work in ("clock", "mul + add, float32", "chain of add, float64", "loads", "x + 3y"):
        assert any(each.split("  ")[1] == work for each in works)


def test_the_triad_adds_three_times_y():
    x, y, z = (limits._aligned(4 * 64, np.float32) for _ in range(3))
    x[:], y[:] = np.arange(64), np.arange(64)[::-1]
    passes = 64 // (limits.machine().bits // 32)
    limits._function(limits._triad())(passes, *(each.ctypes.data for each in (x, y, z)))
    assert np.array_equal(z, x + 3 * y)


@pytest.mark.parametrize("step", limits._STEPS)
def test_steps_stay_normal_numbers(step):
    """Neither zeros nor subnormal or infinite numbers, for which a processor may take longer."""
    a, b, x = (np.float32(value) for value in (0.99609375, 1.33203125, 1.7265625))
    following = {
        "fma": lambda x: x * a + b,
        "mul + add": lambda x: x * a + b,
        "add": lambda x: x + b,
        "mul": lambda x: x * a,
        "div": lambda x: b / x,
        "sqrt": lambda x: np.sqrt(x * b),
    }[step]
    for _ in range(20_000):
        x = following(x)
    assert 1e-37 < abs(x) < 1e37
