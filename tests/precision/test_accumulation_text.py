"""Accumulations by their texts."""

import re

import pytest

import numlean as nl
from numlean.errors import NumleanError, UnavailableError, UnknownNameError
from numlean.precision import Blocked, Exact, Fused, Ordered, Pairwise, accumulation_named


def resolve(text):
    return nl.get_scalar(text, "python")


S, L = resolve("float32"), resolve("bfloat16")
ODD = resolve("bfloat16@round=toward_zero,overflow=saturate")
ALL = (
    "exact, quire, ordered(DTYPE), fma(DTYPE), pairwise(DTYPE), blocked(DTYPE, BLOCK, DTYPE),"
    " unit(NAME)"
)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("exact", Exact()),
        ("ordered(float32)", Ordered(S)),
        (" fma( fp32 ) ", Fused(S)),
        ("pairwise(bf16)", Pairwise(L)),
        ("blocked(float32, 128, float32)", Blocked(S, 128, S)),
        ("blocked(bf16,4,float32)", Blocked(L, 4, S)),
        ("ordered(bfloat16@round=toward_zero,overflow=saturate)", Ordered(ODD)),
        ("ordered(bfloat16@round=toward_zero, overflow=saturate)", Ordered(ODD)),
        ("blocked(bf16@overflow=saturate,round=RZ, 8, bf16@round=RZ,overflow=saturate)",
         Blocked(ODD, 8, ODD)),
        ("fma(ieee:e5m10)", Fused(resolve("ieee:e5m10"))),
        ("pairwise(mp:50)", Pairwise(resolve("mp:50"))),
        ("float32", Ordered(S)),
        ("bf16@overflow=saturate,round=RZ", Ordered(ODD)),
        ("ieee:e5m10", Ordered(resolve("ieee:e5m10"))),
    ],
)  # fmt: skip
def test_a_text_names_a_rule_whose_own_text_names_it_again(text, rule):
    assert accumulation_named(text, resolve) == rule
    assert accumulation_named(str(rule), resolve) == rule


@pytest.mark.parametrize("text", ["", "orderd(float32)", "(float32)", "sum", "flaot32", "a\nb(c)"])
def test_an_unknown_rule_is_refused_with_the_known_ones(text):
    with pytest.raises(UnknownNameError, match=re.escape(ALL)) as caught:
        accumulation_named(text, resolve)
    assert "\n" not in str(caught.value)
    assert ("did you mean 'ordered'" in str(caught.value)) == text.startswith("orderd")


@pytest.mark.parametrize(
    ("text", "allowed"),
    [
        ("ordered", "ordered(DTYPE)"),
        ("ordered()", "ordered(DTYPE)"),
        ("ordered(float32", "ordered(DTYPE)"),
        ("ordered(float32)x", "ordered(DTYPE)"),
        ("fma(float32, float32)", "fma(DTYPE)"),
        ("exact()", "exact"),
        ("exact(float32)", "exact"),
        ("blocked(float32, 128)", "blocked(DTYPE, BLOCK, DTYPE)"),
        ("blocked(float32, , float32)", "blocked(DTYPE, BLOCK, DTYPE)"),
        ("blocked(float32, 0, float32)", "1 or more"),
        ("blocked(float32, -1, float32)", "1 or more"),
        ("blocked(float32, 1.5, float32)", "1 or more"),
        ("blocked(float32, " + "9" * 5000 + ", float32)", "1 or more"),
        ("blocked(float32, ²; rm, float32)", "1 or more"),
    ],
)
def test_arguments_that_a_rule_does_not_take_are_refused_with_its_form(text, allowed):
    with pytest.raises(NumleanError, match=re.escape(allowed)) as caught:
        accumulation_named(text, resolve)
    assert "\n" not in str(caught.value)


def test_an_unknown_dtype_is_refused_by_who_resolves_it():
    with pytest.raises(UnknownNameError, match="unknown dtype 'flaot32'"):
        accumulation_named("ordered(flaot32)", resolve)


def test_matrix_units_are_not_available_yet():
    with pytest.raises(UnavailableError, match=r"unit\(V100:fp16\) needs a matrix unit"):
        accumulation_named("unit(V100:fp16)", resolve)
    with pytest.raises(NumleanError, match=r"unit\(NAME\)"):
        accumulation_named("unit()", resolve)
