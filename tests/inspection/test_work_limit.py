"""An evaluation that would take much work is refused, unless its limit is raised."""

import pytest

import numlean as nl
from numlean.cli.main import main
from numlean.errors import NumleanError


@pytest.mark.parametrize(
    ("expression", "dtype"),
    [
        ("1/3", "mp:100000"),
        ("pi", "mp:1000000"),
        ("exp(exp(exp(10)))", "mp:53"),
        ("exp2(exp2(99999))", "mp:53"),
        ("9**9**9**9", "mp:53"),
        ("exp(1e300)", "mp:60000"),
        ("1e" + "9" * 900, "mp:60000"),
        ("+".join("1" * 300), "mp:60000"),
        ("sinh(1e700)", "mp:53"),
    ],
)
def test_more_work_than_the_limit_is_refused_with_the_option_that_raises_it(expression, dtype):
    with pytest.raises(NumleanError, match=r"; to allow it, pass --max-bits \d+"):
        nl.evaluate(expression, dtype)


@pytest.mark.parametrize(
    ("expression", "dtype", "value"),
    [
        ("exp2(99999)", "mp:53", "4.995010465071923e+30102"),
        ("sigmoid(1e300)", "mp:53", "1.0"),
        ("1e999999999", "float64", "inf"),
        ("-1e-999999999", "float64", "-0.0"),
        ("1/3", "mp:24", "0.33333334"),
    ],
)
def test_results_within_the_limit_are_as_before(expression, dtype, value):
    assert nl.evaluate(expression, dtype).value == value


def test_a_greater_limit_allows_more_and_a_smaller_one_less():
    assert nl.evaluate("exp(exp(1500))", "mp:20", max_bits=80_000).value.count("e+")
    with pytest.raises(NumleanError, match="the limit of 100 bits"):
        nl.evaluate("1/3", "mp:101", max_bits=100)
    assert nl.evaluate("1/3", "mp:100", max_bits=100)


@pytest.mark.parametrize("expression", ["exp(exp(exp(9)))", "2 ** exp(exp(9))"])
def test_the_error_is_unknown_where_an_exponential_is_beyond_the_limit(expression):
    result = nl.evaluate(expression, "float64")
    assert (result.value, result.error_ulp) == ("inf", None)
    assert nl.evaluate("exp(exp(7))", "float64").error_ulp == float("inf")


def test_an_inspection_has_the_same_limit():
    scalar = nl.get_scalar("mp:70000")
    x = nl.Tensor(scalar, scalar.from_string(["1/3"]))
    with pytest.raises(NumleanError, match="pass --max-bits 70000"):
        nl.inspect(x)
    with pytest.raises(NumleanError, match="max_bits must be at least 1"):
        nl.inspect(x, max_bits=0)


@pytest.mark.parametrize("count", [600, 3000, 200_000])
@pytest.mark.parametrize("parts", [("(1+", ")"), ("-", ""), ("exp(", ")"), ("2**", "")])
def test_an_expression_that_is_nested_too_deeply_is_refused(parts, count):
    before, after = parts
    with pytest.raises(NumleanError):
        nl.evaluate(before * count + "1" + after * count, "mp:24")


def test_the_command_has_the_option(capsys):
    assert main(["eval", "1/3", "--dtype", "mp:65", "--max-bits", "64"]) == 2
    assert "pass --max-bits 65" in capsys.readouterr().err
    assert main(["eval", "1/3", "--dtype", "mp:65", "--max-bits", "65"]) == 0
