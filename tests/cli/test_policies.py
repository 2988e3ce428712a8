"""Policies on the command line: train, checkpoints, certificates, replay and the list."""

import json
import re

import numpy as np
import pytest

from numlean.certificate import Certificate
from numlean.checkpoint import load
from numlean.checkpoint.raw_numbers import from_raw
from numlean.cli.main import main
from numlean.precision import policies, policy_digest
from numlean.precision.policy_text import policy_to_plain
from numlean.scalar.registry import get_scalar
from numlean.tasks.arithmetic import arithmetic_options

TOML = """
base = "bf16-mixed"
optimizer = "bfloat16"
[forward]
accumulate = "pairwise(float32)"
[except.last]
base = "uniform(float32)"
"""
TRAIN = ("train", "xor", "--device", "python", "--json")


def run(capsys, *words):
    """Return the status of a command, and its report or its error."""
    status = main([str(word) for word in words])
    out, err = capsys.readouterr()
    return status, json.loads(out) if status == 0 else err.splitlines()[-1]


UNIT = "fp16-amp,accumulate=unit(V100:fp16, k_block=4)"


@pytest.mark.parametrize("policy", ["bf16-mixed", "bf16-sr", "tf32", TOML, UNIT])
def test_a_resumed_run_and_its_replay_have_the_bits_of_the_whole_run(policy, capsys, tmp_path):
    if policy is TOML:
        policy = tmp_path / "policy.toml"
        policy.write_text(TOML)
    save, certificate = tmp_path / "run.ckpt", tmp_path / "run.json"
    _, whole = run(capsys, *TRAIN, "--policy", policy, "--steps", 5)
    files = ("--save", save, "--certificate", certificate)
    assert run(capsys, *TRAIN, "--policy", policy, "--steps", 3, *files)[0] == 0
    status, resumed = run(
        capsys, *TRAIN[:1], *TRAIN[2:], "--resume", save, "--steps", 5, *files[2:]
    )
    assert (status, resumed["state_digest"]) == (0, whole["state_digest"])
    assert resumed["policy_digest"] == whole["policy_digest"]
    for words in ((), ("--backend", "compiled")):
        status, replayed = run(capsys, "replay", certificate, "--json", *words)
        assert (status, replayed["identical_steps"], replayed["compared"]) == (0, 5, "state")


def test_files_keep_every_field_of_a_policy_and_never_only_its_name(capsys, tmp_path):
    save, certificate = tmp_path / "run.ckpt", tmp_path / "run.json"
    words = ("--steps", 1, "--policy", "bf16-mixed", "--save", save, "--certificate", certificate)
    assert run(capsys, *TRAIN, *words)[0] == 0
    policy = policies.get("bf16-mixed")
    for plain in (load(save).run["policy"], Certificate.load(certificate).run["policy"]):
        assert plain == policy_to_plain(policy)
    assert load(save).recipe.policy == Certificate.load(certificate).policy == policy
    assert "bf16-mixed" not in certificate.read_text().replace("policy.toml", "")


def test_a_uniform_policy_is_the_run_of_its_dtype(capsys, tmp_path):
    reports, contents = [], []
    for words in (("--dtype", "bfloat16"), ("--policy", "uniform(bf16)")):
        path = tmp_path / "run.json"
        _, report = run(capsys, *TRAIN, *words, "--steps", 2, "--certificate", path)
        reports.append({**report, "seconds": None})
        contents.append(path.read_bytes())
    assert reports[0] == reports[1]
    assert contents[0] == contents[1]


def test_the_short_options_are_fields_of_a_policy(capsys):
    short = ("--dtype", "bfloat16", "--accumulate", "float32", "--master", "float32")
    fields = "parameters=float32,weight_gradients=float32,optimizer=float32,accumulate=float32"
    _, one = run(capsys, *TRAIN, "--steps", 2, *short)
    _, other = run(capsys, *TRAIN, "--steps", 2, "--policy", f"uniform(bfloat16),{fields}")
    assert one["policy_digest"] == other["policy_digest"]
    assert one["state_digest"] == other["state_digest"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--dtype", "bfloat16", "--policy", "bf16-mixed"), "not both"),
        (("--policy", "bf16-mixed,accumulate=unit(V100:fp16)"), "field forward.accumulate: unit"),
        (("--policy", "fp8-current,accumulate=unit(A100)"), "fp16, bf16, tf32 or fp64, not e4m3"),
        (("--policy", "fp16-amp,accumulate=unit(V100)", "--flags"), "forward.accumulate is unit(V"),
        (("--policy", "bf16-mixed,forward.operands=float64"), "accumulate in a wider dtype"),
        (("--policy", "bf16-mixed,weight_gradient.output=float32"), "give weights=float32"),
        (("--policy", "bf16-mixed,except.foo=tf32"), "layers are 0 Linear, 1 Elementwise"),
        (("--policy", "bf16-mixed,master=float32"), "unknown policy field 'master'"),
        (("--policy", "tf32,operands=float32,reductions=float64", "--flags"), "keep none"),
        (("--policy", "no-such.toml"), "no-such.toml: No such file"),
        (("--accumulate", "exactly"), "unknown accumulation 'exactly'"),
        (("--dtype", "bf16-mixed"), "'bf16-mixed' is a policy, not a dtype: give it as --policy"),
        (("--master", "flaot32"), "unknown dtype 'flaot32'"),
    ],
)
def test_a_wrong_policy_is_one_line_and_status_2(words, message, capsys):
    status, error = run(capsys, *TRAIN, "--steps", 1, *words)
    assert status == 2
    assert error.startswith("numlean: error: ")
    assert message in error


def test_a_file_of_a_policy_may_not_be_an_output_and_must_be_toml(capsys, tmp_path):
    path = tmp_path / "policy.toml"
    path.write_text(TOML)
    status, error = run(capsys, *TRAIN, "--steps", 1, "--policy", path, "--log", path)
    assert (status, "would be overwritten" in error) == (2, True)
    for content, message in (
        ("base = ", "not a file in TOML"),
        ('base = "bf16"', "policy.toml: unknown policy 'bf16'"),
        ("base = 3", "base must be a text"),
        ('[except.last.except.x]\nbase="tf32"\n', "is missing, and no base"),
    ):
        path.write_text(content)
        status, error = run(capsys, "policies", path)
        assert (status, message in error) == (2, True), error


def test_the_policies_and_their_fields_are_listed(capsys):
    _, listed = run(capsys, "policies", "--json")
    assert {"bf16-mixed", "fp16-amp", "bf16-sr", "tf32"} <= listed.keys()
    _, shown = run(capsys, "policies", "fp16-amp", "--json")
    policy = policies.get("fp16-amp")
    assert shown == {"policy": policy_to_plain(policy), "digest": policy_digest(policy)}
    _, units = run(capsys, "policies", "fp8-current,accumulate=unit(H100)", "--json")
    assert [text.splitlines()[0] for text in units["units"]] == [
        "H100:e4m3:wgmma",
        "H100:e5m2:wgmma,promote_every=128",
        "H100:e4m3:wgmma,promote_every=128",
    ]
    assert main(["policies", "fp16-amp,accumulate=unit(T4:fp16)"]) == 0
    assert "evidence: unverified" in capsys.readouterr().out
    assert main(["policies", "bf16-mixed"]) == 0
    assert "weight_gradient.output" in capsys.readouterr().out


@pytest.mark.parametrize("policy", ["bf16-sr", "bf16-mixed"])
def test_parameters_are_exported_from_the_dtype_in_which_they_are(policy, capsys, tmp_path):
    save, out = tmp_path / "run.ckpt", tmp_path / "run.npz"
    assert run(capsys, *TRAIN, "--steps", 2, "--policy", policy, "--save", save)[0] == 0
    assert main(["export", str(save), str(out)]) == 0
    assert f"tensors of the policy {policy} after 2 steps as float32" in capsys.readouterr().out
    kept = load(save).parameters
    dtype = {"bf16-sr": "bfloat16", "bf16-mixed": "float32"}[policy]
    with np.load(out) as found:
        for name, numbers in kept.items():
            assert np.array_equal(found[name], from_raw(numbers, get_scalar(dtype)).to_float())


def test_the_operation_that_stops_being_finite_is_named(capsys):
    assert main([*TRAIN[:-1], "--steps", "3", "--lr", "1e30", "--policy", "bf16-mixed"]) in (0, 3)
    message = capsys.readouterr().err
    assert re.search(r"first forward, MeanSquaredError: mul\(.*\) in float32: overflow", message)


def test_a_certificate_is_replayed_by_another_policy_which_is_named_as_the_cause(capsys, tmp_path):
    certificate = tmp_path / "run.json"
    words = ("--steps", 2, "--certificate", certificate)
    assert run(capsys, *TRAIN, "--policy", "bf16-mixed", *words)[0] == 0
    policy = tmp_path / "policy.toml"
    policy.write_text('base = "bf16-mixed"\naccumulate = "float32"\n')  # spelled otherwise
    status, same = run(capsys, "replay", certificate, "--json", "--policy", policy)
    assert (status, same["identical_steps"], same["compared"]) == (0, 2, "state")
    assert main(["replay", str(certificate), "--json", "--policy", "uniform(float32)"]) == 1
    other = json.loads(capsys.readouterr().out)
    assert (other["identical"], other["compared"], other["side"][:7]) == (False, "value", "policy:")
    assert other["reproducible"] is not False


def test_a_replay_takes_a_dtype_or_a_policy_and_not_both(capsys, tmp_path):
    certificate = tmp_path / "run.json"
    assert run(capsys, *TRAIN, "--steps", 1, "--certificate", certificate)[0] == 0
    both = ("--dtype", "float32", "--policy", "bf16-mixed")
    status, message = run(capsys, "replay", certificate, *both)
    assert (status, "not both" in message) == (2, True)


def test_a_step_by_a_policy_is_measured(capsys):
    assert main(["bench", "step", "--dtypes", "policy:bf16-mixed", "--rounds", "1"]) == 0
    assert "policy:bf16-mixed" in capsys.readouterr().out
    status, message = run(capsys, "bench", "ops", "--dtypes", "policy:bf16-mixed")
    assert (status, "only for `numlean bench step`" in message) == (2, True)


def test_steps_by_policies_are_compared_with_one_in_float32(capsys, monkeypatch):
    monkeypatch.setattr("numlean.cli.bench.policies.STEPS", 2)
    words = ("bench", "policies", "--dtypes", "policy:bf16-mixed", "--rounds", "1")
    assert main([*words]) == 0
    _, head, *rows = (line.split() for line in capsys.readouterr().out.splitlines())
    assert head[:3] == ["us", "x", "float32"]
    assert [row[0] for row in rows] == ["float32", "policy:bf16-mixed"]
    assert rows[0][2] == "1.00"
    assert all(float(row[1]) > 0 and float(row[2]) > 0 for row in rows)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("crosscheck", "xor", "--dtypes", "bf16-mixed,float32"), "runs as policy:bf16-mixed"),
        (("verify", "certificates", "no.json", "--dtypes", "bf16-mixed"), "is a policy, not a"),
        (("verify", "certificates", "no.json", "--dtypes", "policy:bf16"), "unknown policy 'bf16'"),
        (("verify", "certificates", "no.json", "--dtypes", "float31"), "unknown dtype 'float31'"),
    ],
)
def test_a_policy_among_dtypes_is_written_with_a_prefix(words, message, capsys):
    status, error = run(capsys, *words)
    assert (status, message in error) == (2, True), error


def test_the_option_of_an_arithmetic_is_that_of_train():
    assert arithmetic_options("mp:24") == ("--dtype", "mp:24")
    assert arithmetic_options("policy:uniform(mp:24)") == ("--policy", "uniform(mp:24)")
