"""Rules of matrix units side by side, the shipped vectors, and the search for further ones."""

from dataclasses import fields, replace
from itertools import pairwise

import numpy as np
import pytest

import numlean as nl
from numlean.analysis.matrix_units.rules import FIELDS, KINDS, rule_parts
from numlean.analysis.matrix_units.search import search
from numlean.analysis.matrix_units.shipped import CONTRADICTIONS, SHIPPED
from numlean.analysis.matrix_units.steps import bit_picture
from numlean.analysis.matrix_units.trials import structured_trials
from numlean.errors import NumleanError
from numlean_kernels.formats import BINARY32
from numlean_kernels.matrix_units.chips import OPERANDS


def dot(unit, product):
    return int(unit.dot(product.a, product.b, product.c, device="python"))


@pytest.mark.parametrize("vector", SHIPPED, ids=lambda vector: vector.name)
def test_units_give_the_answers_of_shipped_vectors_which_tell_them_apart(vector):
    assert len(set(vector.answers.values())) > 1
    for name, answer in vector.answers.items():
        unit = nl.get_matrix_unit(name)
        assert (unit.name, unit.operands, unit.output) == (name, vector.operands, vector.output)
        assert dot(unit, vector.product) == answer
        p = vector.product
        assert unit.steps(p.a, p.b, p.c)[-1].result == answer


def test_the_contradictions_of_the_published_models_are_the_documented_ones():
    answers = [list(each.answers.values())[:2] for each in CONTRADICTIONS]
    assert answers == [[1, 0], [0x30800000, 0], [0x3F800000, 0]]


def neighbours():
    """Yield pairs of units of the same formats, in the order of the list of chips."""
    every = [nl.get_matrix_unit(name) for name in nl.matrix_units()]
    units = [unit for unit in every if unit.unit.scales is None]
    for formats in dict.fromkeys((unit.operands, unit.output) for unit in units):
        group = [unit for unit in units if (unit.operands, unit.output) == formats]
        yield from pairwise(group)


def test_neighbours_in_the_list_of_units_have_equal_rules_or_a_vector_that_tells_them_apart():
    compared = [nl.compare_units(*pair) for pair in neighbours()]
    assert len(compared) > 40
    assert [r.first.name for r in compared if bool(r.differences) != bool(r.shipped)] == []


STEPPED = ("V100:fp16", "A100:tf32", "Ada:e4m3", "H100:e5m2:mma->fp16", "A100:bf16,model=mma")
STEPPED += ("MI100:fp16", "MI100:bf16,model=mma", "MI250:fp16", "MI300:bf16", "MI300:e4m3fnuz")
STEPPED += ("MI100:fp32",)


@pytest.mark.parametrize("name", STEPPED)
def test_the_last_step_has_the_result_of_the_kernel(name):
    unit = nl.get_matrix_unit(name)
    rng = np.random.default_rng(5)
    for k in (1, 5, 18):
        a, b, c = structured_trials(rng, unit.unit.left, unit.unit.output, k, 4)
        results = unit.dot(a, b, c, device="python").tolist()
        made = [unit.steps(x, y, z)[-1].result for x, y, z in zip(a, b, c, strict=True)]
        assert made == results


def test_steps_show_what_alignment_cuts_off():
    unit = nl.get_matrix_unit("A100:fp16")
    (step,) = unit.steps([0x3C00], [0x3C00], 0xB3000000)
    c, one, *_ = step.terms
    assert (step.top, step.fraction_bits, one.exponent, c.exponent) == (0, 24, 0, -25)
    assert (c.value, c.aligned, c.lost) == (-(2**-25), 0, -(2**-25))
    assert (one.aligned, step.total, step.result) == (1, 1, 0x3F800000)
    with pytest.raises(NumleanError, match=r"one chain of instructions, but .* splits k"):
        nl.get_matrix_unit("A100:fp16,k_block=8").steps([0], [0], 0)


def test_every_field_of_every_rule_has_a_name():
    for kind, names in FIELDS.items():
        assert set(names) == {each.name for each in fields(kind)}
    assert set(KINDS) < set(FIELDS)
    for name in nl.matrix_units():
        parts = rule_parts(nl.get_matrix_unit(name))
        assert all(parts.values())


def test_the_rules_of_units_with_scales_are_compared_but_no_products():
    for other in ("B200:e4m3:tcgen05", "B200:e5m2:mxf8f6f4"):
        result = nl.compare_units("B200:e4m3:mxf8f6f4", other)
        assert not result.is_comparable
        assert "Operands with scales are not compared product by product." in str(result)
    result = nl.compare_units("B200:e2m1:mxf4nvf4-e8m0x16", "B200:e2m1:mxf4nvf4-e4m3x16")
    assert [(row.part, row.first, row.second) for row in result.differences] == [
        ("scales", "e8m0, one for each 16 k", "e4m3, one for each 16 k")
    ]
    with pytest.raises(NumleanError, match="the search has no scales"):
        nl.compare_units("B200:e2m1", "B200:e2m1:mxf8f6f4", find=True)


def test_rules_are_compared_part_by_part():
    result = nl.compare_units("A100:fp16", "H100:fp16")
    assert {row.part: (row.first, row.second) for row in result.differences} == {
        "products in a group": ("8", "16"),
        "fraction bits of aligned terms": ("24", "25"),
        "least e*": ("-132", "-133"),
    }
    (told,) = [each for each in result.shipped if "A100:fp16 and H100:fp16" in each.name]
    assert (told.first, told.second) == (0x3F800000, 0x3F7FFFFF)
    assert "fraction bits of aligned terms  24         25" in str(result)
    plain = result.to_plain()
    assert plain["vectors"][0]["a"][0].startswith("0x")
    assert (plain["comparable"], plain["trials"], plain["found"]) == (True, None, None)


def test_units_of_other_formats_are_compared_by_their_rules_only():
    result = nl.compare_units("A100:fp16", "A100:bf16")
    assert not result.is_comparable
    assert [row.part for row in result.differences] == ["operands"]
    assert "no dot product is for both" in str(result)
    message = r"\(fp16->fp32 and fp16->fp16\), so no dot product can tell them apart"
    with pytest.raises(NumleanError, match=message):
        nl.compare_units("A100:fp16", "A100:fp16->fp16", find=True)
    with pytest.raises(NumleanError, match="no dot product is known"):
        result.vectors()


def test_operands_of_two_names_and_one_format_can_be_compared():
    assert nl.compare_units("A100:tf32", "MI300:xf32").is_comparable


def test_units_of_equal_rules_need_no_search():
    result = nl.compare_units("A100:fp16", "L40S:fp16", find=True)
    assert result.search is None
    assert "The rules are equal, so every dot product has the same result in both." in str(result)


def test_a_search_finds_one_product_for_neighbouring_chips_and_shows_the_steps():
    result = nl.compare_units("A100:bf16", "H100:bf16", find=True, trials=20_000, device="python")
    assert result.found is not None
    product = result.found.product
    assert product.k == 1
    assert dot(result.first, product) == result.found.first != result.found.second
    assert dot(result.second, product) == result.found.second
    text = str(result)
    assert "The shortest dot product found, after" in text
    assert "(F = 24)" in text
    assert "(F = 25)" in text
    assert result.vectors().names[0] == "found by search"


def floats(words):
    return np.asarray(words, np.uint32).view(np.float32).astype(np.float64)


def plain_dot(a, b, c):
    with np.errstate(all="ignore"):
        z = ((floats(a) * floats(b)).sum(axis=1) + floats(c)).astype(np.float32)
    return z.view(np.uint32)


def blind_to_k_5(a, b, c):
    a = np.array(a)
    a[:, 5:6] = 0
    return plain_dot(a, b, c)


TF32 = replace(OPERANDS["tf32"])


def test_the_shortest_product_is_found_and_made_simple():
    found = search(plain_dot, blind_to_k_5, TF32, BINARY32, longest=9, trials=9000, seed=3)
    assert found.product is not None
    assert found.product.k == 6
    one = 0x3F800000
    assert (found.product.a, found.product.b) == ((0,) * 5 + (one,), (0,) * 5 + (one,))
    assert found.product.c == 0
    assert found.trials == 6000


def test_a_search_without_a_result_says_how_many_trials_it_made():
    calls = []
    found = search(
        plain_dot, plain_dot, TF32, BINARY32, longest=4, trials=1001, on_batch=calls.append
    )
    assert (found.product, found.trials, sum(calls)) == (None, 1001, 1001)
    result = nl.compare_units("A100:bf16", "H100:bf16")
    text = str(replace(result, search=found))
    assert "1,001 structured trials of up to 4 products found no difference." in text
    stopped = search(
        plain_dot, plain_dot, TF32, BINARY32, longest=4, trials=1001, on_batch=lambda _: True
    )
    assert (stopped.is_partial, stopped.trials) == (True, 250)


def test_two_nans_are_equal_results():
    nans = search(
        lambda a, b, c: np.full(len(c), 0x7FFFFFFF, np.uint32),
        lambda a, b, c: np.full(len(c), 0x7FC00000, np.uint32),
        *(TF32, BINARY32),
        longest=2,
        trials=50,
    )
    assert nans.product is None


@pytest.mark.parametrize("options", [{"trials": 0}, {"seed": -1}])
def test_impossible_numbers_of_trials_are_refused(options):
    with pytest.raises(NumleanError, match="must"):
        nl.compare_units("A100:fp16", "H100:fp16", find=True, **options)


def test_a_search_over_fp64_is_refused():
    with pytest.raises(NumleanError, match="at most 32 bits, but those of A100:fp64 have 64"):
        nl.compare_units("A100:fp64", "A100:fp64,k_block=4", find=True)


def test_a_picture_of_bits_has_a_point_and_a_sign():
    assert bit_picture(-5, 2, 1) == "-1.01"
    assert bit_picture(0, 2, 3) == " 000.00"
