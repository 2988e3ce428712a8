"""The equality of numbers in two arithmetics."""

import numpy as np
import pytest
from mpmath import mp, mpf

from numlean import Tensor, get_scalar
from numlean.analysis.lockstep.comparison import comparison_of, differing_values, first_difference
from numlean.autograd.indices import INDEX

F32, F64, EXEC, BF16 = map(get_scalar, ("float32", "float64", "ieee32exec", "bfloat16"))
MP24, MP60, MP200 = map(get_scalar, ("mp:24", "mp:60", "mp:200"))
SPECIAL = [0.0, -0.0, 1.0, np.inf, -np.inf, np.nan, 1.5, -2.0]


def differ(a, x, b, y):
    return differing_values(a, a.from_float(x), b, b.from_float(y)).tolist()


@pytest.mark.parametrize("a", [F32, F64, EXEC, BF16, MP24, MP60], ids=lambda s: s.name)
@pytest.mark.parametrize("b", [F64, EXEC, MP24, MP200], ids=lambda s: s.name)
def test_special_values_are_equal_across_arithmetics(a, b):
    assert differ(a, SPECIAL, b, SPECIAL) == [False] * len(SPECIAL)
    assert differ(a, SPECIAL, b, [1.0, 0.5, 0.0, 1.0, np.inf, 0.0, np.nan, 2.0]) == [True] * 8


def test_different_numbers_may_round_to_the_same_binary64_number():
    two = mpf(2)
    with mp.workprec(200):
        x = MP200.from_exact([1, 1 + two**-80, 1, two**3000, two**-3000])
        y = MP60.from_exact([1, 1, 1 + two**-59, two**3001, 0])
    assert differing_values(MP200, x, MP60, y).tolist() == [False, True, True, True, True]
    z = F64.from_float([1.0, 1.0, 1.0, np.inf, 0.0])
    assert differing_values(MP200, x, F64, z).tolist() == [False, True, False, True, True]


def test_within_a_format_encodings_are_compared():
    compare = comparison_of(F32, EXEC)
    x, y = F32.from_float([0.0, np.nan]), EXEC.from_bits([0x80000000, 0x7FC00001])
    assert compare(F32, x, EXEC, y).tolist() == [True, True]
    assert comparison_of(F32, F64) is differing_values


def test_the_first_difference_is_the_first_in_c_order():
    values = np.zeros((3, 4))
    a = Tensor.of(F32, values)
    values[1, 2] = values[2, 0] = 1.0
    assert first_difference(a, Tensor.of(EXEC, values)) == (1, 2)
    assert first_difference(a, Tensor.of(F64, values)) == (1, 2)
    assert first_difference(a, a) is None
    one, two = Tensor(INDEX, np.array([1, 2])), Tensor(INDEX, np.array([1, 3]))
    assert first_difference(one, two) == (1,)
    scalar = Tensor.of(F32, 1.0)
    assert first_difference(scalar, Tensor.of(F64, 1.5)) == ()
