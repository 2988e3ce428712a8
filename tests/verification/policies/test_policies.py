"""Runs by policies in every way, random policies, and what is printed of a difference."""

from importlib.util import find_spec

import pytest

from numlean import Options
from numlean.cli.main import main
from numlean.precision import Policy, policies
from numlean.verification.policies import ENVIRONMENTS, equality, judge, outcomes, random_policies
from numlean.verification.policies.cases import Case
from numlean.verification.policies.equality import difference

*_, SIMULATOR = ENVIRONMENTS
WAYS = [Options("eager", "python"), Options("compiled", "python")]


def lines(capsys, *words):
    """Return the status of a command, and what it prints."""
    status = main(["verify", "policies", *words])
    return status, capsys.readouterr().out.splitlines()


def test_a_policy_has_one_result_on_each_engine_with_plain_and_fast_kernels(capsys):
    words = ("bf16-mixed", "--tasks", "xor", "--environments", "one-thread")
    status, (row, end) = lines(capsys, *words)
    assert (status, end) == (0, "all are equal")
    assert row.startswith("bf16-mixed  xor  one-thread   4 samples, 8 steps ")
    assert "  5 of 5 equal  " in row


@pytest.mark.skipif(find_spec("numba_cuda") is None, reason="the cuda extra is not installed")
def test_a_policy_has_the_same_result_in_the_simulator():
    policy = policies.get("fp16-amp")
    ((environment, found),) = outcomes(policy, [SIMULATOR], ["xor"])
    assert (environment, found.ways, found.differences) == (SIMULATOR, 2, ())


@pytest.mark.parametrize("policy", [each.name for each in policies.named()])
def test_named_policies_train_alike_on_both_engines(policy):
    case = Case("xor", 3, 2)
    one, other = (case.states(policies.get(policy), way) for way in WAYS)
    assert difference(one, other) is None
    assert len(one) == 2
    assert one[0].keys() >= {"loss", "prediction"}
    assert one[0] != one[1]


def test_a_difference_is_found_and_named(capsys, monkeypatch):
    def of_another_policy(environment, policy, tasks):
        for case, ways in environment.runs_of(tasks).items():
            states = case.states(policies.get("bf16-mixed", parameters="bfloat16"), WAYS[1])
            yield from [states for _ in ways]

    monkeypatch.setattr(equality, "_states", of_another_policy)
    status, (row, *found, end) = lines(
        capsys, "bf16-mixed", "--tasks", "xor", "--environments", "one-thread"
    )
    assert (status, end) == (1, "5 differ")
    assert "  0 of 5 equal  " in row
    assert found[0] == "    compiled python: step 0: 0.weight differs"


@pytest.mark.parametrize(
    ("found", "where"),
    [
        ([{"a": "0", "b": "1"}, {"a": "2", "b": "3"}], None),
        ([{"a": "0", "b": "1"}, {"a": "2", "b": "4"}], "step 1: b differs"),
        ([{"a": "0"}, {"a": "2", "b": "3"}], "step 0: other tensors: b"),
        ([{"a": "0", "b": "1"}], "2 steps were expected, got [{'a': '0', 'b': '1'}]"),
        (None, "2 steps were expected, got None"),
        ("no such device", "no such device"),
    ],
)
def test_the_first_difference_of_two_runs_is_named(found, where):
    assert difference([{"a": "0", "b": "1"}, {"a": "2", "b": "3"}], found) == where


def test_random_policies_are_determined_by_their_seed_and_differ():
    def first(seed, count=30):
        drawn = random_policies(seed)
        return [next(drawn) for _ in range(count)]

    assert first(3) == first(3) != first(4)
    assert len(set(first(3))) > 20
    assert any(each.exceptions for each in first(3))
    assert any(each.loss_scaling != "none" for each in first(3))


def test_random_policies_keep_their_bits_in_all_ways_and_files(capsys):
    status, found = lines(capsys, "--random", "3", "--device", "python", "--seed", "1")
    assert (status, found[-1].rpartition(", ")[2]) == (0, "0 failed")


def test_a_policy_that_cannot_be_read_back_fails(monkeypatch, tmp_path):
    monkeypatch.setattr(Policy, "__eq__", lambda a, b: a is b)
    found = judge(policies.get("tf32"), tmp_path, "python")
    assert "another policy is read from its text" in found.failures


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("bf16",), "did you mean 'bf16-"),
        (("--tasks", "xor,foo"), "unknown task 'foo'"),
        (("--environments", "two"), "unknown environment 'two'"),
        (("--seed", "3"), "--seed is for --random N"),
        (("--device", "cpu"), "--device is for --random N"),
        (("--random", "0"), "--random must be between 1 and"),
        (("--random", "1", "--seed", "-1"), "--seed must be between 0 and"),
        (("tf32", "--random", "1"), "give no POLICY"),
        (("--random", "1", "--tasks", "xor"), "give no --tasks"),
    ],
)
def test_misuse_is_one_line_and_status_2(words, message, capsys):
    assert main(["verify", "policies", *words]) == 2
    *_, line = capsys.readouterr().err.splitlines()
    assert line.startswith("numlean: error: ")
    assert message in line
