"""Functions in several arithmetics, compared with numpy's binary32, mpmath and fractions."""

import functools
import re
from fractions import Fraction

import mpmath
import numpy as np
import pytest

import numlean as nl
from numlean import compare_function, functional, ops
from numlean.autograd.indices import INDEX
from numlean.errors import NumleanError, ShapeError, UnknownNameError

RNG = np.random.default_rng(11)
TERMS = RNG.standard_normal(60).astype(np.float32).astype(np.float64)
F = np.float32


def nearest(value):
    """Round a fraction to binary32, ties to even."""
    near = F(float(value))
    around = [np.nextafter(near, F(-np.inf)), near, np.nextafter(near, F(np.inf))]
    return min(around, key=lambda x: (abs(Fraction(float(x)) - value), int(x.view("u4")) % 2))


def ulp(value):
    """Return binary32's unit in the last place at a fraction."""
    near = abs(F(float(value)))
    near = near if Fraction(float(near)) <= abs(value) else np.nextafter(near, F(0))
    return Fraction(float(np.spacing(near)))


def kahan(x):
    total = lost = ops.constant(x, 0)
    for term in x:
        y = term - lost
        t = total + y
        lost = (t - total) - y
        total = t
    return total


def kahan_in_numpy(x):
    total = lost = F(0)
    for term in x.astype(F):
        y = term - lost
        t = F(total + y)
        lost = F(F(t - total) - y)
        total = t
    return total


@pytest.mark.parametrize("dtype", ["float32", "ieee32exec", "mp:24"])
def test_a_kahan_sum_has_the_bits_of_numpy_and_the_error_of_fractions(dtype):
    found = compare_function(kahan, TERMS, [dtype])[dtype]
    exact = sum(map(Fraction, TERMS))
    result = kahan_in_numpy(TERMS)
    assert found.result.item() == result
    error = Fraction(float(result)) - exact
    assert found.ulps.item() == float(error / ulp(exact))
    assert found.relative.item() == pytest.approx(float(error / abs(exact)), rel=1e-15)
    assert found.is_correctly_rounded == (result == nearest(exact))


def dots_in_numpy(x, y):
    products = (x.astype(F) * y.astype(F)).astype(F)
    ordered = functools.reduce(lambda a, b: F(a + b), products, F(0))
    backwards = functools.reduce(lambda a, b: F(a + b), products[::-1], F(0))
    fused = F(0)
    for a, b in zip(x, y, strict=True):
        fused = nearest(Fraction(a) * Fraction(b) + Fraction(float(fused)))
    level = list(products)
    while len(level) > 1:
        pairs = [F(a + b) for a, b in zip(level[::2], level[1::2], strict=False)]
        level = pairs + level[2 * len(pairs) :]
    return ordered, backwards, level[0], fused


def dots(x, y):
    row, column, products = x.reshape(1, -1), y.reshape(-1, 1), x * y
    return (
        row @ column,
        ops.sum(products[::-1]),
        ops.sum(products, reduction="pairwise"),
        ops.matmul(row, column, contraction="fma"),
    )


def test_a_dot_product_in_several_orders_has_the_bits_and_errors_of_each():
    x, y = TERMS[:30], TERMS[30:]
    comparison = compare_function(dots, (x, y), ["float32", "ieee32exec"])
    exact = sum(Fraction(a) * Fraction(b) for a, b in zip(x, y, strict=True))
    results = dots_in_numpy(x, y)
    assert comparison.places == ("0[0, 0]", "1", "2", "3[0, 0]")
    for found in comparison.results:
        assert [t.item() for t in found.result] == list(map(float, results))
        errors = [float((Fraction(float(z)) - exact) / ulp(exact)) for z in results]
        assert found.ulps.tolist() == pytest.approx(errors, rel=1e-12)
        assert found.is_correctly_rounded.tolist() == [z == nearest(exact) for z in results]
    assert comparison.divergence("ieee32exec", "float32").identical


def test_errors_at_test_points_are_mpmath_s():
    points = 10.0 ** -np.arange(1, 13)
    comparison = compare_function(lambda x: ops.log(1 + x), points, ["float32"])
    with mpmath.workprec(300):
        truth = [mpmath.log1p(mpmath.mpf(x)) for x in points]
        results = np.log((F(1) + points.astype(F)).astype(np.float64)).astype(F)
        spacings = [np.spacing(F(float(t))) for t in truth]
        errors = [
            float((mpmath.mpf(float(z)) - t) / float(u))
            for z, t, u in zip(results, truth, spacings, strict=True)
        ]
    (found,) = comparison.results
    assert found.ulps.tolist() == pytest.approx(errors, rel=1e-9)
    assert comparison.points.tolist() == points.tolist()
    assert found.worst_place == int(np.argmax(np.abs(errors)))
    assert compare_function(ops.log1p, points, ["float64"], inputs_in="float32")[
        "float64"
    ].is_correctly_rounded.all()


def newton(a):
    x = a
    for _ in range(6):
        x = (x + a / x) * 0.5
    return x


def test_newton_s_iteration_has_the_bits_of_numpy():
    a = np.array([2.0, 3.0, 10.0])
    x = a.astype(F)
    for _ in range(6):
        x = (x + a.astype(F) / x) * F(0.5)
    comparison = compare_function(newton, a, ["float32", "float64"])
    assert comparison["float32"].result.to_float().tolist() == x.astype(float).tolist()
    with mpmath.workprec(300):  # by then the iteration is the root, to 50 bits at least
        roots = [
            float((mpmath.mpf(float(z)) - mpmath.sqrt(v)) / float(np.spacing(z)))
            for z, v in zip(x, a, strict=True)
        ]
    assert comparison["float32"].ulps.tolist() == pytest.approx(roots, abs=1e-6)
    divergence = comparison.divergence("float32", "float64")
    assert divergence.programs is None
    # Of the first turn's four operations, with its literal, none rounds for a = 2.
    assert divergence.operation == 5
    assert divergence.divergence.operation == "div"
    assert divergence.divergence.where.endswith(", a / x")
    assert divergence.divergence.element == (0,)


def until_it_stands(a):
    x, before = a, None
    while before is None or before.item() != x.item():
        before, x = x, (x + a / x) * 0.5
    return x


def test_control_flow_that_depends_on_values_is_reported():
    comparison = compare_function(until_it_stands, 2.0, ["float32", "float64"], truth="mp:80")
    divergence = comparison.divergence("float64", "float32")
    assert divergence.programs == ("it ends", divergence.programs[1])
    assert divergence.programs[1].startswith("div, line ")
    assert not comparison["float32"].is_whole_program
    assert "control flow depends on values" in str(comparison)
    assert "control flow depends on values" in str(divergence)
    assert abs(comparison["float64"].ulps.item()) < 1


def test_programs_that_differ_from_the_start_are_reported():
    def chosen(x):
        return x + x if x.scalar.name == "float32" else x * x

    comparison = compare_function(chosen, 2.0, ["float32", "float64"], truth="float64")
    divergence = comparison.divergence("float32", "float64")
    assert (divergence.count, divergence.operation) == (1, None)
    assert re.fullmatch(r"add, line \d+, x \+ x", divergence.programs[0])
    assert "do not diverge in 1 operations" in str(divergence)


def oscillate(x, v):
    """Make three steps of Euler's method for x'' = -x."""
    h = 0.125
    for _ in range(3):
        x, v = x + h * v, v - h * x
    return x, v


def test_steps_of_an_equation_of_motion_equal_fractions():
    x, v, h = F(1.1), F(-0.3), F(0.125)
    exact = Fraction(float(x)), Fraction(float(v))
    inputs = {"v": float(v), "x": float(x)}
    for _ in range(3):
        x, v = F(x + h * v), F(v - h * x)
        exact = exact[0] + exact[1] / 8, exact[1] - exact[0] / 8
    found = compare_function(oscillate, inputs, ["float32"])["float32"]
    assert [t.item() for t in found.result] == [float(x), float(v)]
    errors = [(Fraction(float(z)) - e) / ulp(e) for z, e in zip((x, v), exact, strict=True)]
    assert found.ulps.tolist() == list(map(float, errors))


def test_the_origin_and_the_growth_of_an_error_are_reported():
    x = Fraction(3, 2**25)  # 1 + x is in the middle of two binary32 numbers
    comparison = compare_function(lambda x: (1 + x) - 1, x, ["float32"])
    entering, one, sum_, one_again, difference = comparison["float32"].operations
    assert {each.operation for each in (entering, one, one_again)} == {"from_float", "from_string"}
    assert {each.accumulated for each in (entering, one, one_again)} == {0.0}
    assert (sum_.local, sum_.inherited, sum_.accumulated) == (0.25, 0.0, 0.25)
    # Of 3 * 2**-25, 2**-23 is too much by 2**-25, and an ulp there is 2**-47.
    assert (difference.local, difference.inherited) == (0.0, 0.25)
    assert difference.accumulated == 2.0**22
    assert comparison["float32"].largest_growth == difference
    assert difference.where.endswith(", (1 + x) - 1")


def test_an_operation_in_a_loop_is_listed_once_with_its_worst_errors():
    found = compare_function(kahan, TERMS, ["float32"])["float32"]
    by_text = {line.where.split(", ", 1)[1]: line for line in found.lines}
    assert by_text["total + y"].calls == len(TERMS)
    own = [each for each in found.operations if each.where.endswith("total + y")]
    assert by_text["total + y"].local == max(each.local for each in own)
    assert by_text["total + y"].accumulated == max(each.accumulated for each in own)
    assert 0 < by_text["total + y"].local <= 0.5


def test_the_first_divergence_is_described_in_full():
    comparison = compare_function(lambda x: x + 2.0**-30, 1.0, ["float32", "float64"])
    calls = comparison.divergence("float32", "float64")
    divergence = calls.divergence
    assert (divergence.operation, divergence.exact) == ("add", "1.000000000931322574615479")
    assert [j.is_right for j in divergence.assessments] == [True, True]
    assert [n.text for n in divergence.results] == ["1.0", "1.0000000009313226"]
    assert divergence.where in str(comparison)
    assert "step" not in str(calls)


def test_inputs_diverge_where_they_are_converted():
    comparison = compare_function(lambda x: x, ["0.5", "1/3"], ["float32", "float64"])
    divergence = comparison.divergence("float32", "float64").divergence
    assert (divergence.where, divergence.element) == ("inputs, argument 0", (1,))
    assert divergence.operands["a"][0].text == "1/3"
    alike = compare_function(
        lambda x: x, ["0.5", "1/3"], ["float32", "float64"], inputs_in="float32"
    )
    assert alike.divergence("float32", "float64").identical
    assert "same results in all 1 operations" in str(alike)


@pytest.mark.parametrize(
    "inputs", [(1.0, [2.0, 3.0]), [1.0, [2.0, 3.0]], [np.array(1.0), np.array([2.0, 3.0])]]
)
def test_arguments_come_as_a_tuple_or_a_list(inputs):
    found = compare_function(lambda x, y: x + y, inputs, ["float32"])["float32"]
    assert found.result.to_float().tolist() == [3.0, 4.0]


def test_indices_are_not_converted():
    places = nl.Tensor(INDEX, np.array([2, 0]))

    def taken(x, index):
        return nl.autograd.primitives.take(x, index) + 1

    found = compare_function(taken, ([1.0, 2.0, 3.0], places), ["float32"])["float32"]
    assert found.result.to_float().tolist() == [4.0, 2.0]


def test_functions_of_numlean_itself_can_be_compared():
    found = compare_function(functional.softmax, [0.5, 1.5, -2.0], ["float32"])["float32"]
    assert found.worst_ulps < 3
    assert found.lines


def test_flags_are_reported_where_they_are_counted():
    comparison = compare_function(lambda x: x * x / x, 1e30, ["ieee32exec", "float32"])
    assert comparison["ieee32exec"].flags == {
        "invalid": 0,
        "divide_by_zero": 0,
        "overflow": 1,
        "underflow": 0,
        "inexact": 1,
    }
    assert comparison["float32"].flags is None
    assert comparison["float32"].ulps.item() == np.inf


def test_a_nan_or_an_infinity_is_right_where_the_reference_is_one():
    comparison = compare_function(
        lambda x: (ops.sqrt(x), 1 / (x - x)), -1.0, ["float32", "ieee32exec"]
    )
    for found in comparison.results:
        assert found.is_correctly_rounded.all()
        assert found.ulps.tolist() == [0.0, 0.0]
    assert "nan" not in str(comparison["float32"].worst_ulps)


def test_an_uncertain_truth_is_reported():
    def doubled(x):
        for _ in range(60):
            x = 4 * x * (1 - x)
        return x

    short, long = (
        compare_function(doubled, "0.1", ["float64"], truth=f"mp:{p}") for p in (70, 300)
    )
    assert short.truth_bits < 57
    assert "too few to measure float64" in str(short)
    assert 57 < long.truth_bits < 300
    assert "too few" not in str(long)


def test_stochastic_rounding_draws_the_same_bits_each_time():
    dtype = "bfloat16@round=stochastic,seed=5"
    first, second = (compare_function(ops.sum, TERMS, [dtype])[dtype] for _ in range(2))
    assert first.result.item() == second.result.item()
    assert first.flags == second.flags


def test_text_and_html_are_tables_of_the_same_cells():
    comparison = compare_function(ops.log1p, [0.1, 0.2], ["float32", "bfloat16"])
    lines = str(comparison).splitlines()
    start = lines.index("Errors of the result")
    header, *rows = lines[start + 1 : start + 4]
    assert len({len(line) for line in (header, *rows)}) == 1
    html = comparison._repr_html_()
    for row in rows:
        for cell in re.split(r"  +", row):
            assert f">{cell}</td>" in html
    escaped = compare_function(lambda x: ops.where(x, "lt", 1, 1) * (x - 1), 0.5, ["float32"])
    assert "&lt;lambda&gt;" in escaped._repr_html_()


def test_long_programs_show_the_lines_of_the_greatest_errors():
    source = "def f(x):\n" + "".join(f"    x = x * {k}.1 \n" for k in range(30)) + "    return x"
    names = {}
    exec(source, names)
    text = str(compare_function(names["f"], 1.5, ["float32"]))
    table = text[text.index("The worst error") :].split("\n\n")[0]
    assert len(table.splitlines()) == 22
    assert "line 31" in table


@pytest.mark.parametrize("suffix", ["png", "svg"])
def test_plots_of_the_same_numbers_are_the_same_file(tmp_path, suffix):
    comparison = compare_function(ops.log1p, [1e-9, 0.1, 0.2], ["float32", "bfloat16"])
    paths = [tmp_path / f"{k}.{suffix}" for k in "ab"]
    for path in paths:
        comparison.plot(str(path))
    assert paths[0].read_bytes() == paths[1].read_bytes()
    single = tmp_path / f"single.{suffix}"
    compare_function(kahan, TERMS, ["float32"]).plot(str(single))
    assert single.stat().st_size > 1000


def test_plots_that_cannot_be_written_are_refused(tmp_path):
    comparison = compare_function(ops.log1p, 0.1, ["float32"])
    with pytest.raises(NumleanError, match=r"got errors\.pdf"):
        comparison.plot("errors.pdf")
    with pytest.raises(NumleanError, match="No such file"):
        comparison.plot(str(tmp_path / "none" / "errors.png"))


@pytest.mark.parametrize(
    ("f", "inputs", "dtypes", "message"),
    [
        (ops.exp, 1.0, "float32", "dtypes must be a sequence, .*, got 'float32'"),
        (ops.exp, 1.0, [], r"got \[\]"),
        (ops.exp, 1.0, ["float32", "float32"], "compared once"),
        (ops.exp, 1.0, ["float33"], "unknown dtype 'float33'"),
        (ops.exp, "one", ["float32"], "'one' is not a number"),
        (ops.exp, (1.0, 2.0), ["float32"], "2 inputs are given"),
        (lambda x, y: x + y, 1.0, ["float32"], "1 inputs are given.*several inputs as a tuple"),
        (lambda x: x.item(), 1.0, ["float32"], "return a Tensor .* got 1.0"),
        (lambda x: (), 1.0, ["float32"], "returned no tensors"),
        (lambda x: x.detach(), 1.0, ["float32"], None),
        (
            lambda x: nl.Tensor.of(nl.get_scalar("float32"), 1.0),
            1.0,
            ["float32"],
            "do not depend on its arguments",
        ),
    ],
)
def test_functions_that_cannot_be_compared_are_refused(f, inputs, dtypes, message):
    if message is None:
        assert compare_function(f, inputs, dtypes)["float32"].ulps.item() == 0
        return
    with pytest.raises(NumleanError, match=message):
        compare_function(f, inputs, dtypes)


def test_a_comparison_of_a_primitive_has_its_name():
    assert compare_function(ops.exp, 1.0, ["float32"]).name == "exp"
    assert compare_function(ops.matmul, ([[1.0]], [[2.0]]), ["float32"]).name == "matmul"


def test_results_of_other_shapes_are_refused():
    def some(x):
        return x[: 1 + (x.scalar.format is None)]

    with pytest.raises(ShapeError, match=r"\[\(1,\)\] in float32 but \[\(2,\)\] in mp:200"):
        compare_function(some, [1.0, 2.0], ["float32"])


def test_an_arithmetic_that_was_not_compared_is_refused():
    comparison = compare_function(ops.exp, 1.0, ["float32", "float64"])
    with pytest.raises(UnknownNameError, match="known: float32, float64"):
        comparison["bfloat16"]
    with pytest.raises(UnknownNameError, match="float32 and float64"):
        comparison.divergence("float32", "bfloat16")
