"""The tool that compares all operands of small formats, on one that is as small as can be.

``tools/verify_small_formats.py`` runs it on formats of 4 and 6 bits.
"""

import numpy as np
import pytest

import verify_small_formats as tool
from array_target import ARRAYS
from numlean import get_scalar
from numlean_kernels.ieee import Arithmetic, Rounding
from numlean_kernels.tables.ieee import ieee_table
from numlean_kernels.targets import get_target

PYTHON = get_target("python")
NAMES = {"add": 2, "div": 2, "rem": 2, "fma": 3, "sqrt": 1, "minimum": 2, "to_uint8 to_odd wrap": 1}


def format_of(dtype):
    return get_scalar(dtype, "python").format


@pytest.mark.parametrize("dtype", ["e4m3fnuz", "ieee:e3m2", "p3109:8.3u", "e8m0"])
def test_routines_on_arrays_give_the_results_of_the_interpreter(dtype):
    arithmetic = Arithmetic(format_of(dtype), Rounding.TOWARD_POSITIVE)
    codes = np.random.default_rng(3).integers(0, 1 << arithmetic.format.width, (3, 40))
    for name, arity in NAMES.items():
        tables = (ieee_table(arithmetic, target)[f"flagged {name}"] for target in (ARRAYS, PYTHON))
        on_arrays, on_numbers = tables
        with np.errstate(all="ignore"):
            found = [np.broadcast_to(x, 40).tolist() for x in on_arrays(*codes[:arity])]
        expected = [on_numbers(*given) for given in zip(*codes[:arity].tolist(), strict=True)]
        assert list(zip(*found, strict=True)) == expected, name


def test_a_branch_is_refused():
    def branches(a):
        if a:
            return a
        return 1

    with pytest.raises(NotImplementedError, match="a routine has a branch"):
        ARRAYS.routine(branches)


@pytest.mark.parametrize("dtype", ["p3109:3.2", "p3109:3.2uf", "ieee:e2m1@subnormal=flush"])
def test_operands_with_one_result_are_grouped(dtype):
    name, _, flush = dtype.partition("@")
    arithmetic = next(
        each
        for each in tool.arithmetics(format_of(name))
        if (each.subnormal.value == "flush") == bool(flush)
    )
    model = tool.model_of(arithmetic)
    for cases in tool.all_cases(model):
        if cases.name not in ("add", "mul", "div", "rem", "fma"):
            continue
        single = [tool.outcome(model, cases.name, cases.operands_at(k)) for k in cases.chosen]
        for place in range(0, len(cases.group), 7):
            own = tool.outcome(model, cases.name, cases.operands_at(place))
            assert own == single[cases.group[place]], cases.operands_at(place)


@pytest.fixture
def one_arithmetic(monkeypatch):
    chosen = Arithmetic(format_of("p3109:3.2"), Rounding.TOWARD_NEGATIVE)
    monkeypatch.setattr(tool, "arithmetics", lambda format: [chosen])
    return chosen


def test_every_operation_on_all_operands_has_the_result_of_rationals(one_arithmetic):
    _, cases, wrong, _ = tool.verified("p3109:3.2")
    assert cases > 3800
    assert wrong == 0


def test_a_wrong_direction_is_found(one_arithmetic, monkeypatch, capsys):
    other = tool.model_of(Arithmetic(one_arithmetic.format, Rounding.TOWARD_POSITIVE))
    monkeypatch.setattr(tool, "model_of", lambda arithmetic: other)
    assert tool.verified("p3109:3.2")[2] > 100
    assert "is (" in capsys.readouterr().out
