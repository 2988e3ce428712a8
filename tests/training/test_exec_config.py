"""Flags for any program: their meaning, and the arguments that remain without them."""

import pytest

from numlean import ExecConfig, NumleanError, Task, get_scalar, nn, policies
from numlean.training import BACKENDS
from numlean.training.exec_config import run


def parsed(*argv):
    return ExecConfig.parse_and_strip(argv)


def test_without_flags_it_is_the_emulation_run_eagerly():
    config, rest = parsed("train", "--steps", "3", "-v")
    assert config == ExecConfig("ieee32exec", "eager", None, False)
    assert rest == ["train", "--steps", "3", "-v"]
    assert config.scalar == get_scalar("ieee32exec")


def test_flags_are_taken_out_and_the_rest_keeps_its_order():
    config, rest = parsed(
        "x", "--dtype", "mp:24", "y", "--backend", "eager", "--device=python", "z"
    )
    assert config == ExecConfig("mp:24", "eager", "python", False)
    assert rest == ["x", "y", "z"]
    options = config.options(seed=4)
    assert (options.backend, options.device, options.seed) == ("eager", "python", 4)
    assert options.fast_kernels is False


def test_both_spellings_mean_the_same():
    for words in (["--dtype=float32@x=1"], ["--dtype", "float32@x=1"]):
        with pytest.raises(NumleanError, match="option of float32"):
            parsed(*words)
    assert parsed("--dtype=float32") == parsed("--dtype", "float32")
    assert parsed("--dtype=ieee32exec@round=toward_zero")[0].dtype == "ieee32exec@round=toward_zero"


def test_of_several_devices_the_last_wins():
    assert parsed("--cuda", "--cpu")[0].device == "cpu"
    assert parsed("--cuda", "--device", "python")[0].device == "python"
    assert parsed("--device", "python", "--cpu")[0].device == "cpu"
    assert parsed("--cpu", "--cpu")[0].device == "cpu"


def test_a_device_that_a_dtype_does_not_have_is_refused_with_those_it_has():
    with pytest.raises(NumleanError, match=r"device of mp.*'cuda'; known: cpu, python"):
        parsed("--dtype", "mp:24", "--cuda")
    with pytest.raises(NumleanError, match=r"device of float32.*'abacus'; known: .*cpu"):
        parsed("--dtype", "float32", "--device", "abacus")


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["--dtype"], "--dtype needs a value"),
        (["--backend"], "--backend needs a value"),
        (["--device"], "--device needs a value"),
        (["--dtype", "float32", "--dtype=float64"], "--dtype is given twice: '--dtype=float64'"),
        (["--backend=eager", "--backend", "eager"], "--backend is given twice"),
        (["--device=cpu", "--device=cpu"], "--device is given twice"),
        (["--policy"], "--policy needs a value"),
        (["--policy", "bf16"], "unknown policy 'bf16'; known: .*bf16-mixed"),
        (["--policy", "bf16-mixed", "--dtype", "float32"], "either --dtype or --policy, not both"),
        (["--dtype", "float31"], "'float31'; known: .*float32.*ieee32exec"),
        (["--dtype="], "''; known: "),
        (["--backend", "magic"], f"'magic'; known: {', '.join(BACKENDS)}"),
        (["--cpu=yes"], "--cpu takes no value: '--cpu=yes'"),
        (["--cuda=1"], "--cuda takes no value"),
        (["--fast-kernels=no"], "--fast-kernels takes no value"),
    ],
)
def test_wrong_flags_are_errors_that_list_the_supported_values(argv, words):
    with pytest.raises(NumleanError, match=words):
        parsed(*argv)


def test_a_policy_takes_the_place_of_a_dtype(tmp_path):
    config, rest = parsed("--policy", "bf16-mixed,accumulate=exact", "--device=python", "x")
    assert config.policy == policies.get("bf16-mixed", accumulate="exact")
    assert (config.arithmetic, rest) == (config.policy, ["x"])
    assert (config.scalar.name, config.scalar.device) == ("float32", "python")
    lines = []
    config.log(lines.append)
    assert lines[0] == "policy: bf16-mixed,accumulate=exact"
    file = tmp_path / "policy.toml"
    file.write_text('base = "bf16-mixed"\naccumulate = "exact"\n')
    assert parsed(f"--policy={file}")[0].policy == config.policy
    assert parsed("--policy", "uniform(mp:24)")[0].scalar == get_scalar("mp:24")


def test_a_program_runs_by_the_policy_of_its_flags(capsys):
    task = Task.regression(nn.Sequential(nn.Linear(2, 1)))
    found = run(task, ["--policy", "bf16-mixed", "--device", "python"], lambda runner, rest: runner)
    assert found.precision.policy == policies.get("bf16-mixed")
    assert "policy: bf16-mixed" in capsys.readouterr().out


def test_arguments_after_two_dashes_are_left_alone():
    config, rest = parsed("a", "--", "--dtype", "float32")
    assert (config.dtype, rest) == ("ieee32exec", ["a", "--", "--dtype", "float32"])


def test_a_script_that_takes_no_other_arguments_refuses_them():
    assert ExecConfig.parse(["--dtype", "float32"]) == ExecConfig("float32")
    with pytest.raises(NumleanError, match="unknown arguments: --typo 3; known: --dtype"):
        ExecConfig.parse(["--dtype", "float32", "--typo", "3"])


def test_the_log_has_one_line_a_setting():
    lines = []
    ExecConfig("float32", "eager", "python").log(lines.append)
    assert lines == ["dtype: float32", "backend: eager", "device: python", "fast kernels: off"]
