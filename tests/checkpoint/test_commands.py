"""Checkpoints on the command line."""

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from numlean.checkpoint import load
from numlean.checkpoint.container import dumps, loads
from numlean.cli.main import main

OPTIONS = ("--dtype", "float32", "--lr", "0.05", "--seed", "0", "--batch-size", "3")


def train(capsys, *argv):
    status = main(["train", "xor", *argv, "--json"])
    captured = capsys.readouterr()
    assert (status, captured.err) == (0, "")
    return json.loads(captured.out)


@pytest.fixture
def file(tmp_path):
    return str(tmp_path / "run.ckpt")


def test_a_resumed_command_needs_no_other_options_and_ends_with_the_same_file(capsys, file):
    whole = train(capsys, *OPTIONS, "--steps", "9", "--save", file)
    expected = Path(file).read_bytes()
    train(capsys, *OPTIONS, "--steps", "5", "--save", file)
    resumed = train(capsys, "--resume", file, "--save", file, "--steps", "9")
    for key in ("dtype", "lr", "batch_size", "seed", "state_digest", "loss_after", "steps"):
        assert resumed[key] == whole[key]
    assert Path(file).read_bytes() == expected


def test_a_checkpoint_of_version_1_is_resumed_by_its_options(capsys, file):
    whole = train(capsys, *OPTIONS, "--steps", "9")
    train(capsys, *OPTIONS, "--steps", "5", "--save", file)
    document, arrays = loads(Path(file).read_bytes())
    recipe = load(file).recipe
    del document["recipe"]
    options = {"task": "xor", "dtype": "float32", "lr": 0.05, "seed": 0, "batch_size": 3}
    document |= {"version": 1, "arguments": {**options, "steps": 5, "nesterov": False}}
    document["further"] = document.pop("extra_state")
    Path(file).write_bytes(dumps(document, arrays))
    assert load(file).recipe == recipe
    resumed = train(capsys, "--resume", file, "--steps", "9")
    assert resumed["state_digest"] == whole["state_digest"]
    document["arguments"]["save"] = "elsewhere"
    Path(file).write_bytes(dumps(document, arrays))
    assert main(["train", "--resume", file]) == 2
    assert "unknown field 'save'" in capsys.readouterr().err


def test_steps_are_the_file_s_if_none_are_requested(capsys, file):
    train(capsys, *OPTIONS, "--steps", "4", "--save", file)
    assert train(capsys, "--resume", file)["steps"] == 4
    assert train(capsys, "--resume", file, *OPTIONS)["steps"] == 4


def test_a_checkpoint_is_written_every_so_many_steps_and_at_the_end(capsys, file, monkeypatch):
    from numlean import checkpoint

    real, steps = checkpoint.save, []

    def save(path, stepper, *rest, **options):
        steps.append(stepper.step_count)
        real(path, stepper, *rest, **options)

    monkeypatch.setattr(checkpoint, "save", save)
    train(capsys, *OPTIONS, "--steps", "8", "--save", file, "--checkpoint-every", "3")
    train(capsys, *OPTIONS, "--steps", "6", "--save", file, "--checkpoint-every", "3")
    train(capsys, *OPTIONS, "--steps", "2", "--save", file)
    assert steps == [3, 6, 8, 3, 6, 2]
    assert load(file).step == 2


def test_export_lists_its_tensors_and_weights_reads_them(capsys, file, tmp_path):
    whole = train(capsys, *OPTIONS, "--dtype", "mp:100", "--steps", "3", "--save", file)
    out = str(tmp_path / "weights.safetensors")
    assert main(["export", file, out]) == 0
    line = capsys.readouterr().out
    for word in ("4 tensors of mp:100 after 3 steps", "float64", "rounded once", out):
        assert word in line
    assert load_file(out)["0.weight"].shape == (8, 2)
    assert main(["export", file, str(tmp_path / "w.npz")]) == 0
    with np.load(tmp_path / "w.npz", allow_pickle=False) as archive:
        assert np.array_equal(archive["0.weight"], load_file(out)["0.weight"])
    capsys.readouterr()
    started = train(capsys, "--weights", out, "--steps", "0", "--dtype", "float64")
    assert started["loss_before"] == pytest.approx(whole["loss_after"], rel=1e-12)


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["--resume", "FILE", "--dtype", "ieee32exec"], ["dtype", "'float32'", "'ieee32exec'"]),
        (["--resume", "FILE", "--seed", "1"], ["seed is 0", "1 here"]),
        (["--resume", "FILE", "--momentum", "0"], ["momentum is 0.9", "0.0 here"]),
        (["--resume", "FILE", "--steps", "2"], ["FILE: ", "3 steps", "2"]),
        (["--resume", "FILE", "--weights", "FILE"], ["--weights"]),
        (["--weights", "FILE"], ["FILE", "export"]),
        (["--trust-paths"], ["--trust-paths", "--resume"]),
        (["--resume", "nowhere"], ["nowhere", "No such file"]),
        (["--checkpoint-every", "2"], ["--save"]),
        (["--save", "FILE", "--checkpoint-every", "0"], ["0"]),
        (["--save", "nowhere/run.ckpt"], ["nowhere/run.ckpt", "folder"]),
        (["--save", "."], ["folder"]),
    ],
    ids=" ".join,
)
def test_wrong_use_is_one_line_that_shows_the_value(capsys, file, argv, words):
    train(capsys, *OPTIONS, "--steps", "3", "--save", file)
    argv = [file if word == "FILE" else word for word in argv]
    assert main(["train", "xor", *argv]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("numlean: error: ")
    assert captured.err.count("\n") == 1
    assert all(word.replace("FILE", file) in captured.err for word in words), captured.err


def test_a_checkpoint_of_another_task_is_refused_by_name(capsys, file):
    train(capsys, "--steps", "1", "--save", file)
    assert main(["train", "sine", "--resume", file]) == 2
    assert "task is 'xor' in the file and 'sine' here" in capsys.readouterr().err


def test_checkpoints_are_put_to_the_test_by_a_command(capsys):
    assert main(["verify", "checkpoints", "--mutations", "26", "--dtypes", "float32,mp:9"]) == 0
    assert capsys.readouterr().out.splitlines()[-1].split() == ["all", "26", "26"]
    policies = ["--policy", "fp8-delayed,scaling=delayed(history=2)", "--policy", "bf16-mixed"]
    assert main(["verify", "checkpoints", "--mutations", "10", *policies]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].endswith("scaling=delayed(history=2), bf16-mixed")
    assert lines[-1].split() == ["all", "10", "10"]
    assert main(["verify", "checkpoints", "--kills", "1", "--policy", "fp9"]) == 2
    assert "unknown policy 'fp9'" in capsys.readouterr().err
    assert main(["verify", "checkpoints"]) == 2
    assert "--kills" in capsys.readouterr().err


def test_the_task_too_is_the_file_s(capsys, file):
    whole = train(capsys, *OPTIONS, "--steps", "3", "--save", file)
    assert main(["train", "--resume", file, "--json"]) == 0
    resumed = json.loads(capsys.readouterr().out)
    assert (resumed["task"], resumed["state_digest"]) == ("xor", whole["state_digest"])


def test_a_run_with_a_table_an_optimizer_and_a_schedule_resumes(capsys, file, tmp_path):
    table = tmp_path / "table.csv"
    rows = [f"{k},{k * k % 7},{k % 5}" for k in range(40)]
    table.write_text("\n".join(["a,b,y", *rows]))
    options = ["--data", str(table), "--target", "y", "--kind", "regression", "--optim", "adamw"]
    options += ["--schedule", "cosine", "--warmup", "3", "--clip-norm", "1", "--steps", "12"]
    options += ["--standardise", "scalar", "--hidden", "8", "--dtype", "bfloat16", "--json"]
    assert main(["train", *options, "--save", file]) == 0
    whole = json.loads(capsys.readouterr().out)
    interrupt_after(7, file, ["train", *options, "--save", file, "--checkpoint-every", "1"])
    capsys.readouterr()
    assert main(["train", "--resume", file, "--json"]) == 2
    assert f"{file}: the recipe in this file names {str(table)!r} for --data" in (
        capsys.readouterr().err
    )
    assert main(["train", "--resume", file, "--json", "--trust-paths"]) == 0
    trusted = json.loads(capsys.readouterr().out)
    assert main(["train", "--resume", file, "--json", "--data", str(table)]) == 0
    resumed = json.loads(capsys.readouterr().out)
    assert trusted["state_digest"] == resumed["state_digest"]
    for key in ("task", "optimizer", "schedule", "state_digest", "test_loss"):
        assert resumed[key] == whole[key]


def interrupt_after(step, file, argv):
    """Run a command and raise where step's checkpoint has been written."""
    from numlean import checkpoint

    real = checkpoint.save

    def save(path, stepper, *rest, **options):
        real(path, stepper, *rest, **options)
        if stepper.step_count == step:
            raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(checkpoint, "save", save)
        assert main(argv) == 130
    assert load(file).step == step


def test_ctrl_c_writes_the_checkpoint_after_the_step(capsys, file, monkeypatch):
    import os
    import signal

    from numlean.cli.train.monitor import TrainingMonitor

    real = TrainingMonitor.__call__

    def pressed(self, stepper, loss):
        if stepper.step_count == 4:
            os.kill(os.getpid(), signal.SIGINT)
        return real(self, stepper, loss)

    whole = train(capsys, *OPTIONS, "--steps", "9")
    with monkeypatch.context() as patched:
        patched.setattr(TrainingMonitor, "__call__", pressed)
        each_step = ["--log", os.devnull]  # makes the steps one by one
        assert main(["train", "xor", *OPTIONS, "--steps", "9", "--save", file, *each_step]) == 130
    capsys.readouterr()
    assert load(file).step == 4
    assert train(capsys, "--resume", file)["state_digest"] == whole["state_digest"]


def test_patience_is_remembered(capsys, file):
    options = ["--dtype", "float32", "--lr", "1.0", "--momentum", "0", "--eval-every", "2"]
    options += ["--patience", "3", "--steps", "60"]
    whole = train(capsys, *options)
    assert whole["stopped_by"] == "patience"
    for step in (whole["steps"] - 1, whole["steps"] - 3, whole["steps"]):
        command = ["train", "xor", *options, "--save", file, "--checkpoint-every", "1"]
        interrupt_after(step, file, command)
        capsys.readouterr()
        resumed = train(capsys, "--resume", file)
        for key in ("steps", "stopped_by", "state_digest"):
            assert resumed[key] == whole[key]


def test_the_log_of_a_resumed_run_is_appended(capsys, file, tmp_path):
    log = tmp_path / "log.jsonl"
    train(capsys, *OPTIONS, "--steps", "3", "--save", file, "--log", str(log))
    train(capsys, "--resume", file, "--steps", "5", "--log", str(log))
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert [line["step"] for line in lines if "step" in line] == [0, 1, 2, 3, 4]


def test_fast_kernels_and_another_backend_can_resume_a_run(capsys, file):
    whole = train(capsys, *OPTIONS, "--steps", "8")
    train(capsys, *OPTIONS, "--steps", "4", "--save", file)
    resumed = train(
        capsys, "--resume", file, "--steps", "8", "--fast-kernels", "--backend", "compiled"
    )
    assert resumed["state_digest"] == whole["state_digest"]


@pytest.mark.parametrize("given", ["--data", "--trust-paths"])
def test_data_that_changed_are_refused_however_they_are_named(capsys, file, tmp_path, given):
    table = tmp_path / "table.csv"
    rows = [f"{k},{k * k / 7}" for k in range(20)]
    table.write_text("\n".join(["a,y", *rows]))
    options = ["--data", str(table), "--target", "y", "--dtype", "float32", "--steps", "2"]
    assert main(["train", *options, "--save", file]) == 0
    table.write_text("\n".join(["a,y", *rows[1:], rows[0]]))
    capsys.readouterr()
    consent = [given] if given == "--trust-paths" else [given, str(table)]
    assert main(["train", "--resume", file, *consent]) == 2
    assert "a checkpoint of another run: data.sha256 is" in capsys.readouterr().err


def test_a_checkpoint_whose_steps_do_not_fit_is_named(capsys, file):
    train(capsys, *OPTIONS, "--steps", "3", "--save", file)
    document, arrays = loads(Path(file).read_bytes())
    for change in ({"schedule": 5}, {"recipe": document["recipe"] | {"steps": 2}}):
        Path(file).write_bytes(dumps(document | change, arrays))
        assert main(["train", "--resume", file]) == 2
        assert capsys.readouterr().err.startswith(f"numlean: error: {file}: ")


def test_weights_of_another_model_are_refused_by_the_name_of_their_file(capsys, file):
    train(capsys, *OPTIONS, "--steps", "1", "--save", file)
    runs = ["--dtypes", "float32,float64", "--steps", "1", "--weights", file]
    assert main(["crosscheck", "sine", *runs]) == 2
    assert capsys.readouterr().err.splitlines()[-1].startswith(f"numlean: error: {file}: ")
