"""The table of special values: complete for both widths, and as clause 9.2.1 lists them."""

import math

import numpy as np
import pytest

from numlean_kernels.elementary import binary64
from numlean_kernels.elementary.special_cases import UNARY_CASES, binary_functions, unary_functions
from numlean_kernels.formats import BINARY32, BINARY64
from numlean_kernels.ieee import Arithmetic
from numlean_kernels.ieee.routine_builder import RoutineBuilder
from numlean_kernels.tables.elementary import BINARY, UNARY
from numlean_kernels.targets import get_target

BUILDERS = {
    "binary32": (UNARY, RoutineBuilder(Arithmetic(BINARY32), get_target("python"), word_bits=64)),
    "binary64": (
        unary_functions(binary64.CORES),
        RoutineBuilder(Arithmetic(BINARY64), get_target("python")),
    ),
}
AT_INFINITY = {"exp": (math.inf, 0.0), "tanh": (1.0, -1.0), "log": (math.inf, math.nan)}
AT_INFINITY |= {
    "rsqrt": (0.0, math.nan),
    "softplus": (math.inf, 0.0),
    "cbrt": (math.inf, -math.inf),
}
AT_ZERO = {"exp": 1.0, "sin": 0.0, "cos": 1.0, "log": -math.inf, "softplus": math.log(2)}
AT_ZERO |= {"acosh": math.nan, "acos": math.pi / 2, "sigmoid": 0.5}


def test_both_widths_have_the_same_functions_and_all_have_special_cases():
    assert set(unary_functions(binary64.CORES)) == set(UNARY) == set(UNARY_CASES)
    assert set(binary_functions(binary64.CORES)) == set(BINARY) == {"pow", "hypot", "atan2"}
    assert set(binary64.CORES) == {*UNARY, *BINARY}


def value(functions, builder, name, x):
    format = builder.format
    float_type, bits = np.dtype(f"float{format.width}").type, np.dtype(f"uint{format.width}")
    z, _ = builder.routine(functions[name])(int(float_type(x).view(bits)))
    return float(bits.type(z).view(float_type)), float_type


@pytest.mark.parametrize("width", BUILDERS)
def test_special_values_are_those_of_the_standard(width):
    functions, builder = BUILDERS[width]
    for name, values in AT_INFINITY.items():
        for x, expected in zip((math.inf, -math.inf), values, strict=True):
            actual, _ = value(functions, builder, name, x)
            assert actual == expected or (math.isnan(actual) and math.isnan(expected)), (name, x)
    for name, expected in AT_ZERO.items():
        actual, float_type = value(functions, builder, name, 0.0)
        same = actual == float(float_type(expected))
        assert same or (math.isnan(actual) and math.isnan(expected)), name


@pytest.mark.parametrize("width", BUILDERS)
def test_odd_functions_keep_the_sign_of_zero(width):
    functions, builder = BUILDERS[width]
    for name in ("sin", "tan", "asin", "atan", "sinh", "tanh", "asinh", "atanh", "expm1", "erf"):
        for zero in (0.0, -0.0):
            actual, _ = value(functions, builder, name, zero)
            assert (actual, math.copysign(1, actual)) == (0, math.copysign(1, zero)), name
