"""NaNs, zeros and comparisons: all combinations of special operands, by the written rules."""

import itertools

import numpy as np
import pytest

from numlean_kernels.formats import BINARY32
from numlean_kernels.ieee import Arithmetic, NanRule
from numlean_kernels.loops.elementwise import binary, ternary, unary
from numlean_kernels.protocol import kernel_for
from numlean_kernels.tables.hardware import hardware_table
from numlean_kernels.tables.ieee import ieee_table
from numlean_kernels.targets import get_target

ZERO, ONE, INF = 0x00000000, 0x3F800000, 0x7F800000
SIGN, QUIET = 1 << 31, 1 << 22
NUMBERS = [ZERO, ONE, INF, 0x00000001, 0x7F7FFFFF]
NANS = [0x7FC00000, 0x7FC12345, 0x7F800001, 0x7FA00000]
OPERANDS = [bits | sign for bits in NUMBERS + NANS for sign in (0, SIGN)]


def is_nan(a):
    return (a & 0x7FFFFFFF) > INF


def quiet(a):
    return a | QUIET if is_nan(a) else a


def prescribed(*operands, default=0x7FC00000):
    """Return the first signalling NaN, made quiet; else the first quiet one; else the default."""
    nans = [a for a in operands if is_nan(a)]
    signalling = [a for a in nans if not a & QUIET]
    return quiet((signalling + nans)[0]) if nans else default


@pytest.fixture(params=["ieee cpu", "ieee python", "hardware cpu", "hardware python"])
def compute(request):
    kind, device = request.param.split()
    target = get_target(device)
    table = (
        ieee_table(Arithmetic(BINARY32), target)
        if kind == "ieee"
        else hardware_table(BINARY32, target)
    )

    def call(name, *columns, result=np.uint32):
        storage = np.uint32 if kind == "ieee" else np.float32
        x = [np.array(column, np.uint32).view(storage) for column in columns]
        z = np.empty(len(x[0]), storage if result is np.uint32 else result)
        loop = {1: unary, 2: binary, 3: ternary}[len(x)](name)
        kernel_for(target, loop, table)((len(z),), *x, z)
        return (z.view(np.uint32) if result is np.uint32 else z).tolist()

    return call


def pairs():
    return zip(*itertools.product(OPERANDS, OPERANDS), strict=True)


@pytest.mark.parametrize("name", ["add", "mul", "div"])
def test_nan_operands_propagate_in_order(compute, name):
    a, b = pairs()
    for x, y, z in zip(a, b, compute(name, a, b), strict=True):
        if is_nan(x) or is_nan(y):
            assert z == prescribed(x, y), (name, hex(x), hex(y))


def test_sub_is_add_of_the_negative(compute):
    a, b = pairs()
    assert compute("sub", a, b) == compute("add", a, compute("neg", b))


def test_fma_propagates_in_order_and_a_nan_wins_over_an_invalid_product(compute):
    a, b, c = zip(*itertools.product(OPERANDS, OPERANDS, OPERANDS), strict=True)
    for x, y, w, z in zip(a, b, c, compute("fma", a, b, c), strict=True):
        if any(map(is_nan, (x, y, w))):
            assert z == prescribed(x, y, w), (hex(x), hex(y), hex(w))


def test_invalid_operations_give_the_default_nan(compute):
    inf, minus = INF, INF | SIGN
    assert compute("add", [inf, minus], [minus, inf]) == [0x7FC00000] * 2
    assert compute("sub", [inf, minus], [inf, minus]) == [0x7FC00000] * 2
    assert compute("mul", [inf, SIGN], [ZERO, minus]) == [0x7FC00000] * 2
    assert compute("div", [inf, SIGN], [minus, ZERO]) == [0x7FC00000] * 2
    assert compute("sqrt", [ONE | SIGN, minus]) == [0x7FC00000] * 2
    assert compute("fma", [inf, inf], [ZERO, ONE], [ONE, minus]) == [0x7FC00000] * 2


def test_neg_and_abs_change_the_sign_and_make_nans_quiet(compute):
    assert compute("neg", OPERANDS) == [quiet(a) ^ SIGN for a in OPERANDS]
    assert compute("abs", OPERANDS) == [quiet(a) & ~SIGN for a in OPERANDS]


def test_exact_zeros_have_the_sign_the_standard_gives_them(compute):
    plus, minus, one = ZERO, SIGN, ONE
    assert compute("add", [plus, plus, minus, one], [plus, minus, minus, one | SIGN]) == [
        plus,
        plus,
        minus,
        plus,
    ]
    assert compute("mul", [minus, minus], [one, one | SIGN]) == [minus, plus]
    assert compute("sqrt", [plus, minus]) == [plus, minus]
    assert compute("fma", [one, one], [one, minus], [one | SIGN, minus]) == [plus, minus]


def order(a):
    """Return a key that orders numbers as reals, with -0 below +0."""
    value = float(np.uint32(a).view(np.float32))
    return value, not a & SIGN


@pytest.mark.parametrize(("name", "choose"), [("minimum", min), ("maximum", max)])
def test_minimum_and_maximum_propagate_nans_and_order_zeros(compute, name, choose):
    a, b = pairs()
    for x, y, z in zip(a, b, compute(name, a, b), strict=True):
        nan = is_nan(x) or is_nan(y)
        assert z == (prescribed(x, y) if nan else choose(x, y, key=order))


@pytest.mark.parametrize(("name", "choose"), [("min_num", min), ("max_num", max)])
def test_min_num_and_max_num_prefer_a_number_to_a_quiet_nan(compute, name, choose):
    a, b = pairs()
    for x, y, z in zip(a, b, compute(name, a, b), strict=True):
        signalling = any(is_nan(v) and not v & QUIET for v in (x, y))
        if signalling or (is_nan(x) and is_nan(y)):
            expected = prescribed(x, y)
        elif is_nan(x) or is_nan(y):
            expected = y if is_nan(x) else x
        else:
            expected = choose(x, y, key=order)
        assert z == expected, (hex(x), hex(y))


def test_comparisons_treat_nans_as_unordered_and_zeros_as_equal(compute):
    a, b = pairs()
    x, y = (np.array(c, np.uint32).view(np.float32) for c in (a, b))
    with np.errstate(invalid="ignore"):
        eq, lt, le, gt = x == y, x < y, x <= y, x > y
    assert compute("eq", a, b, result=np.bool_) == eq.tolist()
    assert compute("lt", a, b, result=np.bool_) == lt.tolist()
    assert compute("le", a, b, result=np.bool_) == le.tolist()
    expected = np.select([lt, eq, gt], [-1, 0, 1], 2)
    assert compute("compare", a, b, result=np.int8) == expected.tolist()


RULES = {
    NanRule.CANONICAL: (lambda a, b: 0x7FC00000, 0x7FC00000),
    NanRule.RISCV: (lambda a, b: 0x7FC00000, 0x7FC00000),
    NanRule.CUDA: (lambda a, b: 0x7FFFFFFF, 0x7FFFFFFF),
    NanRule.X86: (lambda a, b: quiet(a if is_nan(a) else b), 0xFFC00000),
    NanRule.ARM: (prescribed, 0x7FC00000),
    NanRule.TORCHLEAN: (prescribed, 0x7FC00000),
}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.value)
def test_each_nan_rule_is_that_of_its_machine(rule):
    propagate, default = RULES[rule]
    table = ieee_table(Arithmetic(BINARY32, nan=rule), get_target("python"))
    for a, b in itertools.product(OPERANDS, OPERANDS):
        if is_nan(a) or is_nan(b):
            assert table["add"](a, b) == propagate(a, b)
    assert table["mul"](INF, ZERO) == default
    assert table["sqrt"](ONE | SIGN) == default


def test_arm_takes_the_addend_of_fma_first_and_an_invalid_product_wins():
    table = ieee_table(Arithmetic(BINARY32, nan=NanRule.ARM), get_target("python"))
    assert table["fma"](0x7FC00001, ONE, 0x7FC00002) == 0x7FC00002
    assert table["fma"](0x7F800001, ONE, 0x7FC00002) == 0x7FC00001
    assert table["flagged fma"](INF, ZERO, 0x7FC00002) == (0x7FC00000, 16)
    assert table["fma"](INF, ZERO, 0x7F800002) == 0x7FC00002
