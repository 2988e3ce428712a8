import re

import pytest

from numlean import Flags, NumleanError, Tensor, evaluate, get_scalar, inspect
from numlean.cli.main import main
from numlean.errors import ShapeError


def test_an_expression_is_the_scalar_s_own_operations():
    seen = evaluate("0.1 + 0.2", "ieee32exec")
    assert seen.value == "0.3"
    assert seen.exact == "0.300000011920928955078125"
    assert seen.hexadecimal == "0x1.333334p-2"
    assert seen.encoding == "0x3e99999a   0 01111101 00110011001100110011010"
    assert (seen.below, seen.above) == ("0.29999998", "0.30000004")
    assert seen.kind == "positive normal"
    assert seen.flags == Flags(inexact=3)  # both literals and the sum
    assert abs(seen.error_ulp - 0.4) < 1e-6
    assert evaluate("0.1 + 0.2", "float64").value == "0.30000000000000004"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1 + 2 * 3 - -4 / 2", "9.0"),
        ("fma(3, 1/3, -1)", "2.9802322e-08"),
        ("sqrt(2) * sqrt(2)", "1.9999999"),
        ("0x1.8p-3", "0.1875"),
        ("0x10 + 1_000", "1016.0"),
        ("bits(0x3f800001)", "1.0000001"),
        ("abs(-2.5)", "2.5"),
        ("rem(7, 4)", "-1.0"),
        ("minimum(nan, 1)", "nan"),
        ("max_num(nan, 1)", "1.0"),
        ("next_up(0)", "1e-45"),
        ("exp(1)", "2.7182817"),
        ("-inf", "-inf"),
        ("0 * inf", "nan"),
    ],
)
def test_values(text, value):
    assert evaluate(text, "ieee32exec").value == value


def test_comparisons_answer():
    assert evaluate("0.1 + 0.2 == 0.3", "float64") is False
    assert evaluate("0.1 + 0.2 == 0.3", "float32") is True
    assert evaluate("1 > 2", "float32") is False
    assert evaluate("2 >= 2", "mp:10") is True
    assert evaluate("nan == nan", "float32") is False


def test_flags_and_neighbours_are_left_out_where_there_are_none():
    seen = evaluate("1 / 3", "mp:24")
    assert (seen.flags, seen.above, seen.encoding) == (None, None, None)
    assert evaluate("1 / 3", "float32").flags is None
    assert evaluate("1 / 0", "ieee32exec").flags == Flags(divide_by_zero=1)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("import os", "not an expression"),
        ("", "not an expression"),
        ("1 +", "not an expression"),
        ("__import__('os')", "unknown function '__import__'"),
        ("x", "'x' is not supported"),
        ("2 ^ 3", "not supported"),
        ("2 // 3", "not supported"),
        ("'1'", "not supported"),
        ("sqrt(x=2)", "not supported"),
        ("1 if 2 else 3", "not supported"),
        ("2x", "not an expression"),
        ("1e", "not an expression"),
        ("sqr(2)", "did you mean 'sqrt'"),
        ("Pie", "did you mean 'pi'"),
        ("min(1)", "min takes 2 or more operands, not 1"),
        ("bits(x)", "bits takes one integer"),
        ("bits(1.5)", "takes an integer, not '1.5'"),
        ("snan(0)", "payloads from 1 to"),
        ("round_to_integral(1, up)", "unknown rounding 'up'"),
        ("round_to_integral(1, 2 + 3)", "not a rounding direction"),
        ("_literal_0 + 1", "not an expression"),
        ("(" * 500 + "1" + ")" * 500, "not an expression"),
        ("- " * 50_000 + "x", "expression"),
        ("1" + "+1" * 20_000, "nested too deeply"),
        ("True", "not supported"),
        ("sqrt(1, 2)", "sqrt takes 1 operands, not 2"),
        ("(1 < 2) + 1", "result of a comparison"),
        ("1 < 2 < 3", "not supported"),
        ("bits(0x1ffffffff)", "32 bits"),
    ],
)
def test_an_invalid_expression_is_refused_in_one_line(text, words, capsys):
    with pytest.raises(NumleanError, match=re.escape(words)):
        evaluate(text, "ieee32exec")
    assert main(["eval", text]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_the_command_prints_a_block_for_each_dtype(capsys):
    assert main(["eval", "0.1", "--dtype", "float32", "--dtype", "mp:100"]) == 0
    printed = capsys.readouterr().out
    assert printed.index("float32\n") < printed.index("mp:100\n")
    assert "0.100000001490116119384765625" in printed
    assert main(["eval", "1 < 2"]) == 0
    assert "True" in capsys.readouterr().out


def test_a_number_is_shown_in_a_notebook_as_a_table():
    seen = inspect(Tensor.of(get_scalar("e4m3"), 448))
    assert seen.encoding == "0x7e   0 1111 110"
    assert seen._repr_html_().count("<tr>") == len(seen.rows())
    assert str(seen).startswith("e4m3\n")
    with pytest.raises(ShapeError, match=r"\(2,\)"):
        inspect(Tensor.of(get_scalar("e4m3"), [1, 2]))


def test_a_value_is_converted_with_a_rounding_and_an_overflow_of_its_own(capsys):
    seen = evaluate("464 + 36", "float64", to="e4m3", rounding="RZ", overflow="saturate")
    assert (seen.scalar, seen.value, seen.encoding) == ("e4m3", "448.0", "0x7e   0 1111 110")
    assert seen.flags == Flags(overflow=1, inexact=1)
    assert seen.uncounted == ("operations of float64",)
    assert seen.error_ulp == -52 / 32
    assert evaluate("464 + 36", "float64", to="e4m3").value == "nan"
    assert evaluate("bits(0x3f800001)", "ieee32exec", to="binary16").error_ulp < 0
    arguments = ["eval", "1/3", "--dtype", "mp:60", "--to", "binary16", "--round", "RU"]
    assert main([*arguments, "--overflow", "saturate"]) == 0
    assert "0.33349609375" in capsys.readouterr().out
    for wrong, words in (
        (["eval", "1", "--round", "RU"], "give its dtype"),
        (["eval", "1 < 2", "--to", "e4m3"], "not a number"),
        (["eval", "1", "--to", "e2m1", "--overflow", "nan"], "e2m1 has no NaN"),
    ):
        assert main(wrong) == 2
        assert words in capsys.readouterr().err
