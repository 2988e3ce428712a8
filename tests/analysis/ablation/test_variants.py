"""The policies of an ablation: what is changed, what has to change too, and what is left out."""

import pytest

import numlean as nl
from numlean.analysis.ablation.directions import DEMOTED, PROMOTED, Direction, low_format
from numlean.analysis.ablation.variants import Variants
from numlean.precision.policy import PolicyError
from numlean.precision.resolved import resolve_policy
from numlean.scalar.registry import get_scalar

ADAM = ("first_moment", "second_moment")


def variants_of(policy, high="float32", low=None, states=ADAM):
    policy = nl.precision.parse_policy(policy)
    low = low or low_format(policy, high, get_scalar)
    directions = [Direction(PROMOTED, high, get_scalar)]
    directions += [Direction(DEMOTED, low, get_scalar)] if low else []
    return Variants(policy, states, directions, lambda each: resolve_policy(each, get_scalar))


def changes(found, name):
    (row,) = (row for row in found.rows if row.name == name)
    return set(row.changes)


def omitted(found, direction):
    return {each.part: each.reason for each in found.omissions if each.direction == direction}


def test_the_first_row_is_the_policy_and_the_last_one_everything_promoted():
    found = variants_of("bf16-mixed")
    assert found.rows[0].policy == nl.policies.get("bf16-mixed")
    assert found.rows[-1].name == "everything promoted"
    assert found.rows[-1].policy.is_uniform
    assert found.rows[-1].policy == nl.Policy.uniform("float32")
    assert len({row.policy for row in found.rows}) == len(found.rows)


def test_every_role_state_product_and_accumulation_has_a_row_in_a_uniform_policy():
    found = variants_of("uniform(bfloat16)")
    names = [row.part for row in found.rows]
    roles = ("parameters", "weights", "activations", "gradients", "weight_gradients")
    sums = tuple(f"{each}.accumulate" for each in ("forward", "input_gradient", "weight_gradient"))
    products = ("forward", "input_gradient", "weight_gradient")
    states = ("optimizer", "optimizer.first_moment", "optimizer.second_moment")
    assert names == [
        *("unchanged", *roles, *states, "reductions", *sums, "accumulate", *products, "everything"),
    ]
    assert not [each for each in found.omissions if each.direction == PROMOTED]


def test_a_role_takes_the_outputs_of_products_along():
    found = variants_of("bf16-mixed")
    assert changes(found, "activations promoted") == {
        "activations: bfloat16 → float32",
        "forward.output: bfloat16 → float32",
    }
    explicit = variants_of("bf16-mixed,forward.output=bfloat16")
    assert changes(explicit, "activations promoted") == changes(found, "activations promoted")
    assert changes(found, "optimizer.first_moment demoted") == {
        "optimizer.first_moment: float32 → bfloat16"
    }


def test_a_policy_that_would_be_refused_gets_the_fewest_further_changes():
    found = variants_of("bf16-mixed")
    (row,) = (row for row in found.rows if row.part == "weight_gradient" and "pro" in row.direction)
    assert row.name == "weight_gradient promoted (and weights)"
    assert row.policy.weights == row.policy.weight_gradient.output == "float32"
    with pytest.raises(PolicyError, match=r"weight_gradient\.output"):
        resolve_policy(nl.policies.get("bf16-mixed", weight_gradient__output="float32"), get_scalar)
    fp8 = variants_of("fp8-current")
    assert "weights demoted (and weight_gradient.output)" in [row.name for row in fp8.rows]
    (row,) = (row for row in fp8.rows if row.name.startswith("input_gradient.accumulate demoted"))
    assert row.accompanying == ("input_gradient.gradient_operands",)


def test_a_policy_that_cannot_be_made_valid_is_left_out_with_the_reason():
    def refuse(policy):
        if policy.optimizer != "float32":
            raise PolicyError("the optimizer is not for sale")

    directions = [
        Direction(each, dtype, get_scalar)
        for each, dtype in ((PROMOTED, "float32"), (DEMOTED, "bfloat16"))
    ]
    found = Variants(nl.policies.get("bf16-mixed"), (), directions, refuse)
    (impossible,) = (each for each in found.omissions if each.is_impossible)
    assert str(impossible) == "optimizer demoted: not possible: the optimizer is not for sale"


def test_rows_that_equal_another_row_are_left_out_with_the_reason():
    found = variants_of("bf16-mixed", states=("momentum",))
    assert omitted(found, PROMOTED)["parameters"] == "as wide as float32 already"
    assert omitted(found, DEMOTED)["weights"] == "not wider than bfloat16"
    assert omitted(found, DEMOTED)["forward"] == "the same policy as forward.accumulate demoted"
    assert "whole state" in omitted(found, DEMOTED)["optimizer.momentum"]


def test_promoted_products_lose_their_scales_and_demoted_ones_keep_them():
    found = variants_of("fp8-current", states=())
    assert "forward.input_scaling: tensor → none" in changes(found, "forward promoted")
    assert not [each for each in changes(found, "forward demoted") if "scaling" in each]
    assert "forward.input_scaling: tensor → row" in changes(found, "scaling made finer")
    assert "forward.input_scaling: tensor → none" in changes(found, "scaling dropped")
    assert changes(variants_of("bf16-mixed,loss_scaling=static(8)"), "loss_scaling dropped") == {
        "loss_scaling: static(8) → none"
    }


def test_scales_are_made_finer_by_one_step():
    direction = Direction(PROMOTED, "float32", get_scalar)
    for text, finer in (
        ("tensor(delayed)", "tensor"),
        ("tensor(power_of_two)", "row(power_of_two)"),
        ("row(power_of_two)", "row"),
        ("block(1x128)", "block(1x128)"),
        ("tensor(int8)", "row(int8)"),
        ("row(int8)", "row(int8)"),
        ("none", "none"),
    ):
        assert direction.change("forward.input_scaling", text) == finer


def test_exceptions_of_layers_are_changed_too_where_they_count():
    found = variants_of("uniform(float32),except.last=bf16-mixed")
    assert changes(found, "activations promoted") == {
        "except.last.activations: bfloat16 → float32",
        "except.last.forward.output: bfloat16 → float32",
    }
    assert not any("gradients" in each for each in changes(found, "weights promoted"))


def test_the_low_format_is_that_of_narrow_operands_without_their_rounding():
    for text, low in (
        ("fp8-current", "e4m3"),
        ("tf32", "ieee:e8m10"),
        ("bf16-sr", "bfloat16"),
        ("uniform(float32),optimizer=binary16", "binary16"),
        ("uniform(float32)", None),
    ):
        assert low_format(nl.precision.parse_policy(text), "float32", get_scalar) == low


def test_accumulations_keep_their_rule():
    found = variants_of("bf16-mixed,accumulate=blocked(bfloat16, 4, float32)")
    assert changes(found, "forward.accumulate promoted") == {
        "forward.accumulate: blocked(bfloat16, 4, float32) → blocked(float32, 4, float32)"
    }
    exact = variants_of("bf16-mixed,accumulate=exact")
    assert "forward.accumulate: exact → ordered(bfloat16)" in changes(
        exact, "forward.accumulate demoted"
    )
