"""Values, errors and flags of expressions, with right values from MPFR, Fraction and IEEE 754."""

import math
from fractions import Fraction

import gmpy2
import pytest

from numlean import NumleanError, evaluate, get_scalar
from numlean.cli.main import main
from numlean.inspection.digits import readable

MPFR = gmpy2.context(precision=400)


def ulp_of_binary32(exponent):
    return Fraction(2) ** (exponent - 23)


def fraction(x):
    return Fraction(*gmpy2.mpfr(x).as_integer_ratio())


@pytest.mark.parametrize(
    ("text", "dtype", "value"),
    [
        ("exp2(3)", "mp:53", "8.0"),
        ("exp2(3) * 3 + 1", "mp:53", "25.0"),
        ("exp2(-3) / 4", "mp:20", "0.03125"),
        ("exp10(2) - 1", "mp:24", "99.0"),
        ("log2(8) / 2", "mp:24", "1.5"),
        ("cbrt(-27) * 2", "mp:24", "-6.0"),
        ("rsqrt(16) + 1", "mp:24", "1.25"),
        ("4 ** 0.5 + 2 ** 10", "mp:24", "1026.0"),
        ("hypot(3, 4) + 1", "mp:24", "6.0"),
        ("logb(10) + 1", "mp:24", "4.0"),
        ("448", "e4m3@overflow=saturate", "448.0"),
        ("-448", "e4m3@overflow=saturate", "-448.0"),
        ("exp(exp(exp(20)))", "ieee32exec", "inf"),
        ("exp(-exp(exp(20)))", "ieee32exec", "0.0"),
        ("1 - exp(-exp(exp(20)))", "ieee32exec", "1.0"),
        ("0e100001", "ieee32exec", "0.0"),
        ("1e100001", "ieee32exec", "inf"),
        ("-1e100001", "ieee32exec", "-inf"),
        ("1e-100001", "ieee32exec", "0.0"),
        ("1e100001 / 1e100000", "mp:53", "10.0"),
        ("0x1p-100000 * 0x1p100001", "mp:53", "2.0"),
    ],
)
def test_the_value_does_not_depend_on_whether_the_exact_one_is_known(text, dtype, value):
    assert evaluate(text, dtype).value == value


def test_a_literal_may_have_more_digits_than_python_converts():
    sevens = "7" * 5001
    assert evaluate(f"{sevens} / {sevens}", "mp:53").value == "1.0"
    assert evaluate(f"0.{sevens}", "ieee32exec").value == "0.7777778"
    assert evaluate(f"0x{'f' * 5000} > 1", "float64") is True
    assert evaluate(f"0b{'1' * 5000}", "ieee32exec").value == "inf"
    # 0.777... differs from 7/9 by less than 10**-5000.
    error = (Fraction(0.7777777910232544) - Fraction(7, 9)) / ulp_of_binary32(-1)
    assert evaluate(f"0.{sevens}", "ieee32exec").error_ulp == pytest.approx(float(error), rel=1e-6)


@pytest.mark.parametrize(
    ("text", "dtype", "error"),
    [
        # atan2(0, -0.0) is pi (IEEE 754-2019, 9.2.1): 3.14159274 - pi, in units of 2**-22.
        ("atan2(0, -0.0)", "ieee32exec", 0.3666783),
        ("atan2(-0.0, -0.0)", "ieee32exec", -0.3666783),
        ("atan2(-0.0, 1 / -inf)", "ieee32exec", -0.3666783),
        ("atan2(0 * -1, -1)", "ieee32exec", -0.3666783),
        ("atan2(1 - 1, -1)", "ieee32exec@round=toward_negative", -0.3666783),
        ("1 / (0 * -1)", "ieee32exec", 0.0),
        ("0 * -1", "ieee32exec", 0.0),
        ("sqrt(-0.0)", "float64", 0.0),
        # 464 is a tie between 448 and 480, which is no number of e4m3: 16/32.
        ("464", "e4m3", -0.5),
        ("450", "e4m3", -2 / 32),
        ("448", "e4m3@overflow=saturate", 0.0),
        ("460", "e4m3@overflow=saturate", -12 / 32),
        ("500", "e4m3@overflow=saturate", -52 / 32),
        ("60000", "e5m2@round=toward_zero", -(60000 - 57344) / 8192),
        ("1e39", "ieee32exec@round=toward_zero", -(1e39 - 2.0**128 * (1 - 2.0**-24)) / 2.0**104),
        ("1e39", "ieee32exec", float("inf")),
        ("-1e39", "ieee32exec", float("-inf")),
        ("1e30 * 1e30", "bfloat16", float("inf")),
        ("1e-46", "ieee32exec@round=toward_positive", 1 - 1e-46 / 2.0**-149),
        ("1e-46", "ieee32exec", -1e-46 / 2.0**-149),
        ("1 / 3", "mp:24", 1 / 3),
        ("2 / 3 - 2 / 3", "mp:24", 0.0),
        # The exact value is 1e-20; the unit of a zero is that of the exact value, 2**-119.
        ("(1 + 1e-20) - 1", "float64", -1e-20 * 2.0**119),
        # Rational results are known exactly, where an enclosure decides nothing.
        ("floor(3 * (1 / 3))", "ieee32exec", 0.0),
        ("0.3 % 0.1", "float64", float(Fraction(0.3) % Fraction(0.1)) * 2.0**56),
        ("1 / (1 / 3 - 1 / 3)", "ieee32exec@round=toward_negative", 0.0),
        ("1 / trunc(-0.5)", "ieee32exec", 0.0),
        ("0x1p-9999", "ieee32exec", 0.0),
        ("exp2(5) / 3", "ieee32exec", 1 / 3),
        ("floor(2.5) + ceil(2.5) + trunc(-2.5) + fmod(-7, 4) + 7 % -4", "ieee32exec", 0.0),
        ("fmod(1e30, 0.1)", "ieee32exec", None),
        (
            "bits(0x3dcccccd) * 10",
            "ieee32exec",
            -float((Fraction(13421773, 2**27) * 10 - 1) * 2**23),
        ),
    ],
)
def test_the_error_is_the_distance_from_the_exact_value(text, dtype, error):
    if error is None:
        x, y = (
            Fraction(
                *get_scalar(dtype)
                .to_float(get_scalar(dtype).from_string([t]))[0]
                .as_integer_ratio()
            )
            for t in ("1e30", "0.1")
        )
        exact = Fraction(10) ** 30 % Fraction(1, 10)
        error = float((x % y - exact) / ulp_of_binary32(-5))
    assert evaluate(text, dtype).error_ulp == pytest.approx(error, rel=2e-6, abs=1e-9)


@pytest.mark.parametrize(
    ("text", "exact"),
    [
        ("exp(0.5) * sin(3) ** 2", lambda: gmpy2.exp(0.5) * gmpy2.sin(3) ** 2),
        ("tan(11) + cos(22) - cosh(1.5)", lambda: gmpy2.tan(11) + gmpy2.cos(22) - gmpy2.cosh(1.5)),
        ("log1p(1e-10) * acos(-1)", lambda: gmpy2.log1p(1 / gmpy2.mpfr(10**10)) * gmpy2.acos(-1)),
        (
            "hypot(pi, e) / atan2(-1, -2)",
            lambda: gmpy2.hypot(gmpy2.const_pi(), gmpy2.exp(1)) / gmpy2.atan2(-1, -2),
        ),
        ("erf(0.25) - softplus(-2)", lambda: gmpy2.erf(0.25) - gmpy2.log1p(gmpy2.exp(-2))),
        ("max(expm1(0.125), rsqrt(3), 0.5)", lambda: 1 / gmpy2.sqrt(gmpy2.mpfr(3))),
    ],
)
@pytest.mark.parametrize("dtype", ["float64", "mp:53"])
def test_the_error_of_functions_is_that_from_mpfr(text, exact, dtype):
    with gmpy2.context(MPFR):
        reference = fraction(exact())
    seen = evaluate(text, dtype)
    value = Fraction(float.fromhex(seen.hexadecimal))
    unit = Fraction(2) ** (math.frexp(value)[1] - 53)
    assert seen.error_ulp == pytest.approx(float((value - reference) / unit), rel=2e-6)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "exp(exp(exp(20)))",
            "nan",
            "0 * inf",
            "next_up(1)",
            "snan",
            "1 / (sqrt(2) * sqrt(2) - 2)",
        ),
        *("sin(exp(exp(20)))", "sin(1 / exp(-exp(20)))"),
    ],
)
def test_the_error_is_omitted_where_the_exact_value_is_unknown(text):
    seen = evaluate(text, "ieee32exec")
    assert seen.error_ulp is None
    assert "error" not in seen.rows()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("exp(1e100000)", r"exp: the operand is about 2\*\*332193; numbers up to 2\*\*2048"),
        ("exp(-1e100000)", r"about -2\*\*332193"),
        ("cosh(1e5000)", r"up to 2\*\*2048"),
        ("sigmoid(-1e100000)", r"up to 2\*\*2048"),
        ("3 ** 1e100000", r"pow: the exponent is about 2\*\*332193"),
        ("cos(1e1000000)", r"up to 2\*\*1048576"),
        ("exp2(1e500) ** exp2(2e3)", "1000 decimal digits"),
        ("1e" + "9" * 1001, "at most 1,000"),
    ],
)
def test_work_in_arbitrary_precision_is_bounded_by_a_limit_that_the_error_names(
    text, words, capsys
):
    with pytest.raises(NumleanError, match=words):
        evaluate(text, "mp:53")
    assert main(["eval", text, "--dtype", "mp:53"]) == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("sigmoid(1e100000)", "1.0"),
        ("tanh(-1e100000)", "-1.0"),
        ("trunc(1e300000)", "1e+300000"),
        ("floor(-1e-300000)", "-1.0"),
        ("logb(0x1p123456789)", "123456789.0"),
        ("exp2(1e15) / exp2(1e15 - 1)", "2.0"),
        ("0x1p1000000000000 % 7", f"{pow(2, 10**12, 7)}.0"),
        ("rem(0x1p1000000000000, 7)", f"{pow(2, 10**12, 7)}.0"),
        ("1e1000000000000 * 1e-1000000000000", "1.0"),
        ("log(exp(1e400)) / 1e400", "1.0"),
        ("log(7 ** 0x99999999999999999999) / log(7) / 0x99999999999999999999", "1.0"),
    ],
)
def test_numbers_of_any_exponent_are_computed_with_in_arbitrary_precision(text, value):
    assert evaluate(text, "mp:53").value == value


@pytest.mark.parametrize(
    ("text", "dtype", "flags"),
    [
        ("1e39", "ieee32exec", "overflow, inexact"),
        ("1e-46", "ieee32exec", "underflow, inexact"),
        ("1e-40", "ieee32exec", "underflow, inexact"),
        ("0x1p-149", "ieee32exec", "none"),
        ("0.1", "ieee32exec", "inexact"),
        ("0.5", "ieee32exec", "none"),
        ("1e39", "ieee32exec@round=toward_zero", "overflow, inexact"),
        ("3.4028235e38", "ieee32exec@round=toward_zero", "inexact"),
        ("465", "e4m3", "overflow, inexact"),
        ("464", "e4m3", "inexact"),
        ("pi", "bfloat16", "inexact"),
        ("snan", "ieee32exec", "none"),
        ("snan + 1", "ieee32exec", "invalid"),
        ("min(snan, 1)", "ieee32exec", "invalid"),  # 9.6
        ("max_num(1, snan)", "ieee32exec", "invalid"),
        ("min(nan, 1)", "ieee32exec", "none"),
        ("abs(snan)", "ieee32exec", "none"),  # 5.5.1
        ("floor(snan)", "ieee32exec", "invalid"),
        ("floor(2.5)", "ieee32exec", "none"),  # 5.9: only roundToIntegralExact is inexact
        ("fmod(inf, 2)", "ieee32exec", "invalid"),
        ("fmod(2, 0)", "ieee32exec", "invalid"),
        ("2 % 0", "ieee32exec", "invalid"),
        ("fmod(7, -4)", "ieee32exec", "none"),
        ("-0x1p-30 % 3", "ieee32exec", "inexact"),
        ("1 / 0", "ieee32exec", "divide_by_zero"),
        ("exp(1)", "binary64exec", "inexact"),
        ("exp(1)", "ieee32exec@math=torchlean", "none (not counted: exp)"),
    ],
)
def test_flags_count_literals_and_name_what_they_do_not_count(text, dtype, flags):
    assert evaluate(text, dtype).rows()["flags"] == flags


@pytest.mark.parametrize(
    ("text", "dtype", "value"),
    [
        ("17568", "binary16", "17568.0"),
        ("65504", "binary16", "65504.0"),
        ("0x1p-24", "binary16", "5.9604644775390625e-08"),
        ("0.1", "binary16", "0.0999755859375"),
        ("0.1", "e4m3", "0.1015625"),
        ("50000", "e5m2", "49152.0"),
        ("1234567", "bfloat16", "1236992.0"),
        ("0.1", "ieee32exec", "0.1"),
        ("0.1", "float64", "0.1"),
        # The greatest binary32, whose shortest decimal toward zero would be 4e+38.
        ("1e39", "ieee32exec@round=toward_zero", "3.4028235e+38"),
        ("0.1", "ieee32exec@round=toward_negative", "0.099999994"),
        ("1e-44", "ieee32exec@round=toward_positive", "1.1e-44"),
        ("16777217 * 3", "mp:60", "50331651.0"),
        ("2 ** 60", "ieee32exec", "1.1529215e+18"),
        ("1 / 3", "mp:24", "0.33333334"),
    ],
)
def test_values_are_exact_where_short_and_else_identify_the_number_to_nearest(text, dtype, value):
    assert evaluate(text, dtype).value == value


@pytest.mark.parametrize("dtype", ["e4m3", "e5m2@round=toward_zero", "ieee:e3m2@round=to_odd"])
def test_every_number_of_a_small_format_is_shown_as_its_exact_value(dtype):
    s = get_scalar(dtype, "python")
    numbers = s.from_bits(list(range(1 << s.format.width)))
    for k, value in enumerate(s.to_float(numbers).tolist()):
        shown = readable(s, numbers[k : k + 1]).replace("snan", "nan")
        assert float(shown) == value or (shown == "nan" and value != value)


def test_many_digits_are_cut_before_the_exponent():
    exact = evaluate("0x1p-149", "ieee32exec").exact
    digits = str(5**149)
    cut = evaluate("1e-200000", "mp:1000").exact
    assert cut == f"1.{'0' * 49}...e-200000 (more than 100000 digits)"
    assert exact == f"{digits[0]}.{digits[1:50]}...e-45 ({len(digits)} digits)"


@pytest.mark.parametrize(
    ("text", "dtype", "value"),
    [
        ("2 ** -1", "ieee32exec", "0.5"),
        ("-2 ** 2", "ieee32exec", "-4.0"),
        ("2 ** 3 ** 2", "ieee32exec", "512.0"),
        ("7 % 4", "ieee32exec", "3.0"),
        ("-7 % 4", "ieee32exec", "1.0"),
        ("7 % -4", "ieee32exec", "-1.0"),
        ("-7 % -4", "mp:53", "-3.0"),
        ("-8 % 4", "ieee32exec", "0.0"),
        ("8 % -4", "ieee32exec", "-0.0"),
        ("-1 % inf", "ieee32exec", "inf"),
        ("fmod(-1, inf)", "ieee32exec", "-1.0"),
        ("fmod(-7, 4)", "float64", "-3.0"),
        ("fmod(-8, 4)", "float64", "-0.0"),
        ("fmod(1e30, 7)", "float64", f"{float(int(1e30) % 7)}"),
        ("fmod(1e300, 0.1)", "float64", f"{1e300 % 0.1}"),
        ("min(3, 1, 2)", "ieee32exec", "1.0"),
        ("max(0, -0.0)", "ieee32exec", "0.0"),
        ("min(0, -0.0)", "ieee32exec", "-0.0"),
        ("trunc(-2.5)", "bfloat16", "-2.0"),
        ("floor(-2.5)", "mp:10", "-3.0"),
        ("ceil(-0.5)", "float32", "-0.0"),
        ("ceil(2.5)", "e4m3", "3.0"),
        ("round_to_integral(2.5)", "ieee32exec", "2.0"),
        ("round_to_integral(2.5, RNA)", "ieee32exec", "3.0"),
        ("round_to_integral(2.5, rmm)", "mp:53", "3.0"),
        ("round_to_integral(-2.5, toward_positive)", "mp:53", "-2.0"),
        ("round_to_integral(2.5, 'Toward_Negative')", "float64", "2.0"),
        ("round_to_integral(2.25, to_odd)", "float64", "3.0"),
        ("rem(7, 4)", "mp:53", "-1.0"),
        ("copy_sign(2, -1)", "mp:53", "-2.0"),
        ("pi", "mp:64", "3.1415926535897932385"),
        ("PI", "float64", "3.141592653589793"),
        ("e", "float32", "2.7182817"),
        ("snan", "ieee32exec", "snan"),
        ("-snan(0x12)", "float64", "snan"),
        ("nan(0x12) + 1", "float64", "nan"),
        ("Infinity", "float64", "inf"),
        ("0b101 + 0o17 + 0x10", "ieee32exec", "36.0"),
        # As written, -0.1 rounds toward positive to the lesser magnitude.
        ("-0.1", "ieee32exec@round=toward_positive", "-0.099999994"),
        ("0 - 0.1", "ieee32exec@round=toward_positive", "-0.1"),
    ],
)
def test_operators_and_functions_have_the_values_of_python_c_and_ieee_754(text, dtype, value):
    assert evaluate(text, dtype).value == value


def test_payloads_and_signs_of_nans_are_kept():
    assert evaluate("snan(0x12)", "ieee32exec").encoding.startswith("0x7f800012 ")
    assert evaluate("-snan(1)", "ieee32exec").encoding.startswith("0xff800001 ")
    assert evaluate("snan(0x12) + 0", "ieee32exec").encoding.startswith("0x7fc00012 ")
    assert evaluate("nan(5)", "float64").encoding.startswith("0x7ff8000000000005 ")
    assert evaluate("snan", "float32").kind == "signalling NaN"


def test_comparisons_with_nans_are_unequal():
    assert evaluate("nan != nan", "ieee32exec") is True
    assert evaluate("1 != 1", "mp:53") is False
    assert evaluate("-0.0 != 0", "float64") is False


def test_an_expression_may_begin_with_a_minus_sign(capsys):
    assert main(["eval", "-1/3"]) == 0
    assert main(["eval", "-sqrt(2) - 1", "--dtype", "fp16"]) == 0
    printed = capsys.readouterr().out
    assert "-0.33333334" in printed
    assert "binary16" in printed
