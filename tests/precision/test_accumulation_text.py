"""Accumulations by their texts."""

import re

import pytest

import numlean as nl
from numlean.errors import NumleanError, UnknownNameError
from numlean.precision import Blocked, Exact, Fused, Ordered, Pairwise, accumulation_named
from numlean.precision.accumulation_text import canonical_accumulation


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


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("unit(V100:fp16)", "unit(V100:fp16)"),
        ("unit( A100:fp16->fp16,promote_every=128 )", "unit(A100:fp16->fp16, promote_every=128)"),
        (
            "unit(A100:bf16, order=pairwise, split_k=2)",
            "unit(A100:bf16, split_k=2, order=pairwise)",
        ),
        ("unit(H100:e4m3:mma, k_block=64)", "unit(H100:e4m3:mma, k_block=64)"),
        ("unit(blockfma:group=8,fraction_bits=24)", "unit(blockfma:group=8, fraction_bits=24)"),
    ],
)
def test_a_matrix_unit_is_named_with_the_options_of_its_chain(text, canonical):
    rule = accumulation_named(text, resolve)
    assert str(rule) == canonical_accumulation(text) == canonical
    assert accumulation_named(canonical, resolve) == rule


@pytest.mark.parametrize(
    ("text", "canonical", "operands", "name"),
    [
        ("unit(H100)", "unit(H100)", "binary16", "H100:fp16"),
        ("unit(H100)", "unit(H100)", "e5m2", "H100:e5m2:wgmma"),
        ("unit(A100)", "unit(A100)", "ieee:e8m10@round=toward_zero", "A100:tf32"),
        ("unit(A100)", "unit(A100)", "float64", "A100:fp64"),
        ("unit(B200:mma->fp16)", "unit(B200:mma->fp16)", "e4m3", "B200:e4m3:mma->fp16"),
        ("unit(H100,k_block=8)", "unit(H100, k_block=8)", "bfloat16", "H100:bf16,k_block=8"),
    ],
)
def test_a_chip_alone_takes_the_format_from_the_operands(text, canonical, operands, name):
    operand = resolve(operands)
    rule = accumulation_named(text, resolve, (operand, operand))
    assert str(rule) == canonical_accumulation(text) == canonical
    unit = nl.get_matrix_unit(name)
    assert rule.choice.name_of(operand.format, operand.format) == unit.name
    assert rule.choice.unit_of(operand.format, operand.format) == unit.unit
    assert rule.scalar.format == unit.unit.output
    with pytest.raises(NumleanError, match="takes the format from the operands"):
        accumulation_named(text, resolve)


@pytest.mark.parametrize(
    ("text", "operands", "message"),
    [
        ("unit(V100)", "bfloat16", "unit(V100) multiplies operands in fp16, not bfloat16"),
        ("unit(A100)", "float32", "tf32 or fp64, not binary32; unit(A100:tf32) takes these too"),
        ("unit(A100)", "e4m3", "or fp64, not e4m3; unit(A100:fp16) takes these too"),
        ("unit(MI300)", "e4m3", "e4m3fnuz, e5m2fnuz, fp32 or fp64, not e4m3"),
        ("unit(B200)", "e4m3", "write unit(B200:mma) or unit(B200:tcgen05)"),
        ("unit(A100:bf16)", "binary16", "that bf16 has exactly, and it lacks numbers of binary16"),
        ("unit(A100:tf32)", "mp:50", "and it lacks numbers of a dtype without"),
        ("unit(V10:fp16)", "binary16", "unknown chip 'V10'"),
        ("unit(H100->fp8)", "binary16", "unknown output of a matrix unit 'fp8'; known: fp16, fp32"),
        ("unit(A100:wgmma)", "binary16", "A100 has no unit A100:wgmma; write unit(A100)"),
        ("unit(A100, k_block=0)", "binary16", "k_block is an integer from 1"),
        ("unit(A100, k_blok=8)", "binary16", "did you mean 'k_block'"),
        ("unit(A100, k_block=8, k_block=9)", "binary16", "given twice"),
    ],
)
def test_a_unit_that_does_not_fit_is_refused_with_what_is_allowed(text, operands, message):
    operand = resolve(operands)
    with pytest.raises(NumleanError, match=re.escape(message)) as caught:
        accumulation_named(text, resolve, (operand, operand))
    assert "\n" not in str(caught.value)


def test_two_formats_of_8_bits_are_multiplied_and_no_others():
    e4m3, e5m2, half, bf16 = (resolve(each) for each in ("e4m3", "e5m2", "binary16", "bfloat16"))
    unit = accumulation_named("unit(H100)", resolve, (e5m2, e4m3)).choice.unit_of(
        e5m2.format, e4m3.format
    )
    assert (unit.left.name, unit.right.name) == ("e5m2", "e4m3")
    assert unit.rule == nl.get_matrix_unit("H100:e4m3:wgmma").unit.rule
    for pair in ((half, bf16), (half, e4m3)):
        with pytest.raises(NumleanError, match=r"not binary16 by (bfloat16|e4m3)"):
            accumulation_named("unit(H100)", resolve, pair)


def test_a_unit_needs_a_name():
    with pytest.raises(NumleanError, match=r"unit\(NAME\)"):
        accumulation_named("unit()", resolve)
