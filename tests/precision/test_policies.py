"""Policies as data: fields, texts, plain data and digests."""

import copy
import json
import pickle

import pytest

from numlean.errors import DocumentError, NumleanError, UnknownNameError
from numlean.precision import (
    ContractionRule,
    Policy,
    PolicyError,
    format_policy,
    parse_policy,
    policies,
    policy_digest,
)
from numlean.precision.policy_text import policy_from_plain, policy_to_plain

TEXTS = [
    "bf16-mixed",
    "fp16-amp",
    "bf16-sr",
    "tf32",
    "uniform(float32)",
    "uniform(bfloat16@round=stochastic,seed=3)",
    "bf16-mixed,accumulate=blocked(float32, 128, float32)",
    "bf16-mixed,forward.accumulate=pairwise(float32)",
    "bf16-mixed,activations=float32",
    "bf16-mixed,parameters=bfloat16@round=stochastic,seed=3,reductions=bfloat16",
    "fp16-amp,loss_scaling=none,optimizer.v=bfloat16",
    "fp8-current,scaling=none",
    "fp8-current,forward.scaling=row(power_of_two),weight_gradient.gradient_scaling=none",
    "int8,forward.scaling=tensor(int8)",
    "deepseek-v3,weight_scaling=block(64x128, amax_epsilon=1e-12)",
    "bf16-mixed,scaling=tensor(delayed(history=4, algo=most_recent, margin=0))",
    "bf16-mixed,except.last=uniform(float32),except.0 Linear=(bf16-mixed,reductions=bfloat16)",
]


@pytest.mark.parametrize("text", TEXTS)
def test_a_policy_is_its_text_its_plain_data_and_its_pickle(text):
    policy = parse_policy(text)
    assert parse_policy(format_policy(policy)) == policy
    assert len(format_policy(policy)) <= len(text) + 20
    plain = json.loads(json.dumps(policy_to_plain(policy)))
    for other in (policy_from_plain(plain), pickle.loads(pickle.dumps(policy)), copy.copy(policy)):
        assert other == policy
        assert (hash(other), policy_digest(other)) == (hash(policy), policy_digest(policy))
    digests = [policy_digest(parse_policy(each)) for each in TEXTS]
    assert digests.count(policy_digest(policy)) == 1


def test_a_field_of_a_product_alone_sets_it_in_all_products():
    policy = parse_policy("bf16-mixed,accumulate=fma(float32),operands=float8_e4m3fn")
    for product in ("forward", "input_gradient", "weight_gradient"):
        rule = policy.contraction(product)
        assert (rule.operands, rule.accumulate) == ("e4m3", "fma(float32)")
    policy = policies.get("bf16-mixed", input_gradient__gradient_operands="e5m2")
    assert policy.contraction("input_gradient").gradient_operands == "e5m2"
    assert policy.contraction("weight_gradient").gradient_operands == "bfloat16"


def test_scales_of_all_operands_have_one_name():
    policy = parse_policy("bf16-mixed,scaling=channel,weight_gradient.scaling=none")
    scales = {name: text for name, text in policy.to_fields().items() if "_scaling" in name}
    assert scales.pop("loss_scaling") == "none"
    assert scales == {
        "forward.input_scaling": "row",
        "forward.weight_scaling": "row",
        "input_gradient.weight_scaling": "row",
        "input_gradient.gradient_scaling": "row",
    }
    assert policy.to_fields(with_none=True)["weight_gradient.input_scaling"] == "none"
    assert policy.with_fields({"scaling": "none"}) == policies.get("bf16-mixed")
    table = {"base": "bf16-mixed", "forward": {"scaling": "row"}}
    assert policy_from_plain(table) == parse_policy("bf16-mixed,forward.scaling=row")
    in_all = policy.with_fields({"weight_scaling": "tensor"})
    assert in_all.input_gradient.weight_scaling == in_all.forward.weight_scaling == "tensor"


DIGESTS = {
    "bf16-mixed": "2fb3b038619b6527",
    "fp16-amp": "7baeaf6af3bef7ab",
    "uniform(float32)": "dcb4270b15648acf",
}


@pytest.mark.parametrize("name", DIGESTS)
def test_digests_of_policies_without_scales_stay(name):
    assert policy_digest(policies.get(name)).startswith(DIGESTS[name])


def test_results_of_products_follow_their_roles_unless_they_are_given():
    policy = policies.get("bf16-mixed", activations="float32", gradients="float64")
    outputs = [policy.contraction(k).output for k in ("forward", "input_gradient")]
    assert outputs == ["float32", "float64"]
    assert policy.contraction("weight_gradient").output == "bfloat16"
    assert policies.get("uniform(bf16)", weights="float32").contraction("weight_gradient") == (
        ContractionRule("bfloat16", "ordered(bfloat16)", "float32", "bfloat16")
    )
    assert policies.get("bf16-mixed", forward__output="float32").activations == "bfloat16"


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("bf16", UnknownNameError, "did you mean 'bf16-"),
        ("", UnknownNameError, "unknown policy ''"),
        ("uniform(flaot32)", PolicyError, "unknown dtype 'flaot32'"),
        ("bf16-mixed,weights=flaot32", PolicyError, "policy field weights: unknown dtype"),
        ("bf16-mixed,acumulate=exact", UnknownNameError, "did you mean 'accumulate'"),
        ("bf16-mixed,reductions", PolicyError, "write 'reductions' as field=value"),
        ("bf16-mixed,reductions=", PolicyError, "write 'reductions' as field=value"),
        ("bf16-mixed,weights=float32,weights=float32", PolicyError, "given twice"),
        ("bf16-mixed,forward.gradient_operands=e5m2", PolicyError, "has no cotangents"),
        ("fp8-current,forward.gradient_scaling=row", PolicyError, "has no cotangents; set it for"),
        ("fp8-current,input_gradient.input_scaling=row", PolicyError, "has no inputs; set it for"),
        ("tf32,weight_gradient.weight_scaling=row", PolicyError, "has no weights; set it for"),
        ("tf32,scaling=rows", PolicyError, "forward.input_scaling: .* did you mean 'row'"),
        ("tf32,scaling=tensor(delayed", PolicyError, "does not close"),
        ("tf32,forward.scalings=row", UnknownNameError, "did you mean 'forward.scaling'"),
        ("bf16-mixed,accumulate=ordered(bf16", PolicyError, "does not close"),
        ("uniform(float32))", PolicyError, "does not open"),
        ("bf16-mixed,except.last=(tf32,except.first=tf32)", PolicyError, "have exceptions itself"),
        ("tf32,except.a=(" * 2000 + "tf32" + ")" * 2000, PolicyError, "have exceptions itself"),
        ("mxfp9", UnknownNameError, "did you mean 'mxfp8'"),
        ("int8,scaling=row(int8,power_of_two)", PolicyError, "exclude each other"),
    ],
)
def test_what_is_unknown_or_contradictory_is_one_line_that_names_it(text, error, message):
    with pytest.raises(error, match=message) as caught:
        parse_policy(text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("plain", "message"),
    [
        ([], "expected fields by name"),
        ({"weights": "float32"}, "is missing, and no base is named"),
        ({"base": "bf16-mixed", "weights": 3}, "weights must be a text, got 3"),
        ({"base": "bf16-mixed", "forward": {"sums": "x"}}, "unknown policy field 'forward.sums'"),
        ({"base": "bf16-mixed", "except": "last"}, "holds policies by layer"),
    ],
)
def test_plain_data_of_other_forms_is_refused(plain, message):
    with pytest.raises(NumleanError, match=message):
        policy_from_plain(plain)
    assert issubclass(DocumentError, NumleanError)


def test_tables_of_plain_data_change_a_base():
    plain = {
        "base": "bf16-mixed",
        "forward": {"accumulate": "exact"},
        "except": {"last": {"base": "uniform(float32)"}},
    }
    policy = policy_from_plain(plain)
    assert policy.forward.accumulate == "exact"
    assert policy.exceptions == {"last": Policy.uniform("float32")}
    assert policy.weight_gradient == policies.get("bf16-mixed").weight_gradient


def test_a_uniform_policy_is_one_dtype_with_the_plain_rule():
    assert Policy.uniform("bf16").is_uniform
    assert Policy.uniform("bf16").forward == ContractionRule("bfloat16", "ordered(bfloat16)")
    assert not policies.get("uniform(bfloat16)", accumulate="fma(bfloat16)").is_uniform
    assert not any(each.make().is_uniform for each in policies.named())
