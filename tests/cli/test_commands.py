import argparse
import json
import subprocess
import sys

import numpy as np
import pytest

from numlean.benchmarks.device import _wide
from numlean.cli.main import build_parser, main
from numlean.scalar.registry import get_scalar, scalars
from numlean.tasks import task_names

COMMANDS = [
    *((name,) for name in ("train", "crosscheck", "replay", "compare", "ablate")),
    *((name,) for name in ("export", "eval")),
    *((name,) for name in ("dtypes", "tasks", "doctor", "bench", "compare-units", "record-unit")),
    *(("verify", name) for name in ("arithmetic", "elementary", "certificates")),
    *(("verify", name) for name in ("checkpoints", "stochastic")),
]
TRAIN_KEYS = {
    "task",
    "dtype",
    "device",
    "backend",
    "steps",
    "loss_before",
    "loss_after",
    "accuracy",
    "seconds",
    "state_digest",
    "value_digest",
}


def run_json(capsys, *argv):
    status = main([*argv, "--json"])
    return status, json.loads(capsys.readouterr().out)


def test_train_prints_one_json_object_with_the_documented_keys(capsys):
    status, report = run_json(capsys, "train", "xor", "--steps", "3")
    assert status == 0
    assert set(report) >= TRAIN_KEYS
    assert (report["task"], report["dtype"], report["steps"]) == ("xor", "ieee32exec", 3)
    assert report["accuracy"] is None
    assert len(report["state_digest"]) == len(report["value_digest"]) == 64


def test_training_changes_the_loss_and_no_step_leaves_it(capsys):
    _, none = run_json(capsys, "train", "xor", "--steps", "0")
    _, some = run_json(capsys, "train", "xor", "--steps", "20")
    assert none["loss_before"] == none["loss_after"] == some["loss_before"]
    assert some["loss_after"] < some["loss_before"]


def test_digits_reach_ninety_percent_in_emulated_binary32_with_the_bits_of_hardware(capsys):
    _, emulated = run_json(capsys, "train", "digits")
    _, hardware = run_json(capsys, "train", "digits", "--dtype", "float32")
    assert emulated["accuracy"] >= 0.9
    assert emulated["state_digest"] == hardware["state_digest"]
    assert emulated["loss_after"] == hardware["loss_after"]


def test_the_reference_interpreter_gives_the_bits_of_the_cpu(capsys):
    options = ("train", "xor", "--steps", "3", "--dtype", "ieee32exec")
    _, cpu = run_json(capsys, *options, "--device", "cpu")
    _, python = run_json(capsys, *options, "--device", "python")
    assert python["device"] == "python"
    assert python["state_digest"] == cpu["state_digest"]


def test_seed_batch_size_lr_and_momentum_each_change_the_bits(capsys):
    base = ("train", "xor", "--steps", "3", "--dtype", "float32")
    variants = ((), ("--seed", "1"), ("--batch-size", "2"), ("--lr", "0.3"), ("--momentum", "0.5"))
    digests = {run_json(capsys, *base, *variant)[1]["state_digest"] for variant in variants}
    assert len(digests) == len(variants)


def test_a_loss_that_is_not_finite_is_null(capsys):
    _, report = run_json(capsys, "train", "xor", "--lr", "1e30", "--steps", "20")
    assert report["loss_after"] is None


def test_crosscheck_succeeds_when_all_agree(capsys):
    status, report = run_json(
        capsys, "crosscheck", "xor", "--dtypes", "ieee32exec,float32,mp:24", "--steps", "4"
    )
    assert status == 0
    assert report["identical"] is True
    compared = {(p["a"], p["b"]): p["compared"] for p in report["pairs"]}
    assert compared == {
        ("ieee32exec", "float32"): "state",
        ("ieee32exec", "mp:24"): "value",
        ("float32", "mp:24"): "value",
    }
    assert all(p["first_different_step"] is None for p in report["pairs"])


def test_crosscheck_fails_with_status_1_where_precisions_differ(capsys):
    status, report = run_json(
        capsys, "crosscheck", "xor", "--dtypes", "float64,float32", "--steps", "2"
    )
    assert status == 1
    assert report["identical"] is False
    assert report["pairs"][0]["first_different_step"] == 0


def test_crosscheck_names_the_operation_with_the_fault(capsys):
    argv = ("crosscheck", "xor", "--a", "float32", "--b", "ieee32exec")
    status, report = run_json(capsys, *argv, "--inject", "flip:operation=tanh,step=3,bit=4,call=0")
    (pair,) = report["pairs"]
    found = pair["divergence"]
    assert (status, pair["first_different_step"]) == (1, 3)
    assert (found["operation"], found["where"]) == ("tanh", "forward, 1 Tanh")
    bits = [int(number["bits"], 16) for number in found["results"]]
    assert bits[0] ^ bits[1] == 1 << 4
    assert [judgement["is_right"] for judgement in found["judgements"]] == [True, False]
    assert main([*argv, "--inject", "flip:operation=tanh,step=3,bit=4,call=0"]) == 1
    assert "B differs from its specification" in capsys.readouterr().out


def test_bench_crosscheck_shows_the_cost_of_lockstep(capsys, monkeypatch):
    steps = dict.fromkeys(("eager", "compiled", "compiled:fast"), 3)
    monkeypatch.setattr("numlean.benchmarks.lockstep.STEPS", steps)
    assert main(["bench", "crosscheck", "--rounds", "1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[2:]] == ["eager", "compiled", "compiled:fast"]


def test_bench_blocks_measures_every_format(capsys, monkeypatch):
    monkeypatch.setattr("numlean.cli.bench.blocks.NUMBERS", 64)
    monkeypatch.setattr("numlean.benchmarks.blocks._ROW", 64)
    monkeypatch.setattr("numlean.benchmarks.blocks._FORMATS", ("mxfp4",))
    assert main(["bench", "blocks", "--rounds", "1"]) == 0
    assert "mxfp4" in capsys.readouterr().out


def test_bench_matrix_units_compares_units_with_a_plain_product(capsys):
    unit = "blockfma:group=8,fraction_bits=24,floor=-132"
    assert main(["bench", "matrix-units", "--size", "2", "--rounds", "1", "--unit", unit]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert [line[0] for line in lines[2:]] == ["ieee32exec", unit]
    assert lines[2][-1] == "1.00"


def test_bench_device_lays_the_devices_side_by_side(capsys, monkeypatch):
    monkeypatch.setattr("numlean.benchmarks.device.DEVICES", ("cpu", "python"))
    monkeypatch.setattr("numlean.benchmarks.device._ELEMENTS", 3)
    monkeypatch.setattr("numlean.benchmarks.device._of_digits", lambda: _wide(1))
    assert main(["bench", "device", "--size", "2", "--rounds", "1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    (head,) = (k for k, line in enumerate(lines) if line.startswith("a second"))
    assert lines[head].split()[2:5] == ["cpu", "python", "torch"]
    assert len(lines[head + 1 :]) == 8


def test_pytorch_makes_the_same_steps_for_comparison():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    training = _wide(3)
    ours, theirs = training.step("float32", "cpu"), training.torch_step(torch, "cpu")
    losses = [(ours().item(), theirs()) for _ in range(3)]
    assert losses[2] < losses[0]
    assert np.allclose(*zip(*losses, strict=True))


def test_dtypes_lists_every_registered_scalar_and_tasks_every_task(capsys):
    assert main(["dtypes"]) == 0
    listed = capsys.readouterr().out
    assert all(name in listed for name in scalars())
    assert main(["tasks"]) == 0
    listed = capsys.readouterr().out
    assert all(name in listed for name in task_names())


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["train", "xor", "--dtype", "float31"], ["float31", "float32", "ieee32exec"]),
        (["train", "xor", "--dtype", "mp:0"], ["mp:0", "mp:200"]),
        (["train", "xor", "--dtype", "mp:abc"], ["mp:abc", "mp:200"]),
        (["train", "xor", "--dtype", "float32@round=up"], ["round", "float32"]),
        (["train", "xor", "--steps", "-1"], ["-1", "steps"]),
        (["train", "xor", "--steps", "many"], ["many", "--steps"]),
        (["train", "xor", "--batch-size", "0"], ["0", "batch"]),
        (["train", "xor", "--lr", "nan"], ["nan", "lr"]),
        (["train", "xor", "--momentum", "-1"], ["-1", "momentum"]),
        (["train", "xor", "--seed", "-3"], ["-3", "seed"]),
        (["train", "xor", "--device", "abacus"], ["abacus", "cpu", "python"]),
        (["train", "xor", "--dtype", "mp:24", "--device", "cuda"], ["cuda", "cpu, python"]),
        (["train", "xor", "--backend", "magic"], ["magic", "eager"]),
        (["train", "xnor"], ["xnor", "xor", "digits"]),
        (["crosscheck", "xor", "--dtypes", "float32"], ["two"]),
        (["crosscheck", "xor"], ["--dtypes"]),
        (["verify", "arithmetic", "--count", "0"], ["count"]),
        (["bench", "ops", "--rounds", "0"], ["round", "0"]),
        (["bench", "ops", "--operation", "frob"], ["frob", "add", "all"]),
        (["bench", "step", "--operation", "add"], ["--operation", "ops"]),
        (["bench", "step", "--flags"], ["--flags", "ops"]),
        (["bench", "functions", "--operation", "gamma"], ["gamma", "exp", "all"]),
        (["bench", "kernels", "--operation", "frob"], ["frob", "matmul", "all"]),
        (["bench", "kernels", "--size", "0"], ["row", "0"]),
        (["bench", "kernels", "--dtypes", "mp:24"], ["mp:24", "fast kernels", "ieee32exec"]),
        (["bench", "ops", "--size", "8"], ["--size", "kernels"]),
        (["bench", "device", "--size", "0"], ["row", "0"]),
        (["bench", "device", "--dtypes", "mp:24"], ["--dtypes", "float32"]),
        (["bench", "crosscheck", "--dtypes", "float32"], ["two dtypes, not 1"]),
        (["crosscheck", "xor", "--a", "float32"], ["--a RUN --b RUN"]),
        (
            ["crosscheck", "xor", "--a", "float32", "--dtypes", "a,b"],
            ["--a", "--dtypes", "not both"],
        ),
        (
            ["crosscheck", "xor", "--dtypes", "float32,float32", "--inject", "melt"],
            ["melt", "flip"],
        ),
        (["fly"], ["fly"]),
        ([], ["COMMAND"]),
    ],
    ids=" ".join,
)
def test_wrong_use_is_one_line_that_shows_the_value_and_the_way_out(capsys, argv, words):
    try:
        status = main(argv)
    except SystemExit as stop:
        status = stop.code
    captured = capsys.readouterr()
    assert status == 2
    assert captured.out == ""
    assert captured.err.startswith("numlean: error: ")
    assert captured.err.count("\n") == 1
    assert all(word in captured.err for word in words)


def test_operations_are_measured_with_and_without_flags_and_compared_with_softfloat(capsys):
    dtypes = "float32,ieee32exec@round=to_odd,nan=x86,mp:24"
    names = ["--operation", "add", "--operation", "next_up"]
    assert main(["bench", "ops", "--rounds", "1", "--dtypes", dtypes, "--flags", *names]) == 0
    measured = [line for line in capsys.readouterr().out.splitlines() if "  add " in line]
    exec_lines = [line for line in measured if "ieee32exec@round=to_odd,nan=x86" in line]
    assert ["flags" in line for line in exec_lines] == [False, True]
    assert any("mp:24" in line for line in measured)
    if any("SoftFloat binary32" in line for line in measured):
        assert float(exec_lines[0].split()[-1]) > 0


def test_fast_kernels_are_compared_with_plain_ones_and_numpy(capsys, monkeypatch):
    monkeypatch.setattr("numlean.benchmarks.kernels.ELEMENTS", 8)
    assert main(["bench", "kernels", "--rounds", "1", "--size", "9", "--size", "24"]) == 0
    lines = capsys.readouterr().out.splitlines()
    dtypes = ["float32", "ieee32exec", "float64", "binary64exec"]
    for size in (9, 24):
        for name in (f"matmul {size} ", f"matmul {size}, fma "):
            rows = [line.split(name)[1].split() for line in lines if name in line]
            assert [row[0] for row in rows] == dtypes
            assert all(float(figure) >= 0 for row in rows for figure in row[1:])  # 0.000 if slow
            assert {len(row) for row in rows} == {6}
    for name in ("add", "mul", "div", "sqrt", "fma", "exp", "tanh", "sum", "from_float"):
        rows = [line.split() for line in lines if line.split()[0] == name]
        assert [row[1] for row in rows] == dtypes
        assert {len(row) for row in rows} == {5 if name == "fma" else 7}
    assert "thread" in lines[0].split("BLAS: ")[1]


def test_fast_kernels_that_give_other_bits_are_shown_and_not_measured(capsys, monkeypatch):
    def rounded_down(dtype, *, fast_kernels=False):
        return get_scalar(f"{dtype}@round=toward_zero" if fast_kernels else dtype)

    monkeypatch.setattr("numlean.benchmarks.kernels.get_scalar", rounded_down)
    options = ["--operation", "mul", "--operation", "matmul", "--size", "8"]
    assert main(["bench", "kernels", "--dtypes", "ieee32exec", "--rounds", "1", *options]) == 1
    out = capsys.readouterr().out
    assert out.count("ieee32exec mul: fast differs from plain at [") == 1
    assert out.count("ieee32exec matmul 8, fma: fast differs from plain at [") == 1
    assert out.count("  expected  0x") == out.count("  actual    0x") == 3
    assert out.count("\n  b         0x") == 1


def test_an_interrupt_ends_the_command_with_status_130(capsys, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("numlean.cli.train.command.run_steps", interrupted)
    assert main(["train", "xor"]) == 130
    assert capsys.readouterr().err.splitlines()[-1] == "numlean: interrupted"


HELP = """
import sys, contextlib, io
from numlean.cli.main import build_parser, main
with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
    main([*sys.argv[2:], '--help'])
print(sorted(set(sys.argv[1].split()) & set(sys.modules)))
"""


@pytest.mark.parametrize(
    ("command", "heavy"),
    [
        ((), "numpy numba mpmath sklearn rich gmpy2 matplotlib safetensors"),
        (("train",), "numba mpmath sklearn rich gmpy2 matplotlib"),
        (("verify",), "numba sklearn rich matplotlib"),
    ],
)
def test_help_imports_nothing_that_is_slow_to_import(command, heavy):
    argv = [sys.executable, "-c", HELP, heavy, *command]
    result = subprocess.run(argv, capture_output=True, text=True, check=True)
    assert result.stdout == "[]\n"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_a_description_and_a_help_text_for_each_option(capsys, command):
    with pytest.raises(SystemExit):
        main([*command, "--help"])
    text = " ".join(capsys.readouterr().out.split())
    assert text.startswith(f"usage: numlean {' '.join(command)} [options]")
    parser = build_parser(command[0])
    for word in command:
        (commands,) = (a for a in parser._actions if isinstance(a, argparse._SubParsersAction))
        parser = commands.choices[word]
    assert parser.description
    assert all(action.help for action in parser._actions if action.option_strings)


def test_the_public_names_are_available_without_importing_them_first():
    program = (
        "import sys, numlean as nl\n"
        "assert 'numpy' not in sys.modules and 'numlean.api' not in sys.modules\n"
        "first = dir(nl)\n"
        "assert 'training' in first and 'Tensor' not in vars(nl)\n"
        "from numlean import Tensor\n"
        "from numlean.api import __all__ as names\n"
        "assert nl.Tensor is Tensor and nl.training.Runner is nl.Runner\n"
        "assert {*names} <= {*dir(nl)} and nl.__all__ == names\n"
        "assert all(hasattr(nl, name) for name in names) and not hasattr(nl, 'tenser')\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_nothing_but_the_report_is_printed_in_a_pipe():
    result = subprocess.run(
        [sys.executable, "-m", "numlean", "train", "xor", "--steps", "2", "--json"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stderr == ""
    assert json.loads(result.stdout)["steps"] == 2


def test_version_is_printed(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["--version"])
    assert stop.value.code == 0
    assert capsys.readouterr().out.startswith("numlean ")


@pytest.mark.parametrize("command", [["crosscheck"], ["compare", "--truth", "mp:30"]])
def test_the_device_counts_for_every_run_that_names_none(command, capsys):
    steps = ["xor", "--steps", "1", "--dtypes"]
    assert main([*command, *steps, "softfloat32,float64", "--device", "cpu"]) == 2
    assert "softfloat32" in capsys.readouterr().err
    assert main([*command, *steps, "float32,float32:python", "--device", "cpu"]) == 0
    assert main([*command, *steps, "float32,float64", "--device", "none-such"]) == 2
