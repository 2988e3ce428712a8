"""Certificates of runs, made and replayed from Python and at the command line."""

import json
import os
import signal
from pathlib import Path

import numpy as np
import pytest

import numlean as nl
from numlean.certificate import CertificateError
from numlean.cli.main import main
from numlean.data import Dataset
from numlean.nn import Linear, Sequential, Tanh

XOR = ("train", "xor", "--dtype", "float32", "--json")
RNG = np.random.default_rng(137)
DATA = Dataset.of_arrays(RNG.standard_normal((9, 3)), RNG.standard_normal((9, 2)))
TASK = nl.Task.regression(Sequential(Linear(3, 4), Tanh(), Linear(4, 2)))
CONFIG = nl.TrainConfig(steps=5, batch_size=2, optimizer=nl.adam(0.01), seed=3)


@pytest.fixture
def file(tmp_path):
    return str(tmp_path / "run.json")


def report(capsys, *argv, status=0):
    assert main([*argv]) == status
    captured = capsys.readouterr()
    return json.loads(captured.out)


def test_a_certificate_contains_the_losses_and_digests_of_the_run(capsys, file, tmp_path):
    log = tmp_path / "log.jsonl"
    run = report(capsys, *XOR, "--steps", "5", "--certificate", file, "--log", str(log))
    certificate = nl.Certificate.load(file)
    losses = [json.loads(line)["loss_bits"] for line in log.read_text().splitlines()[1:]]
    assert [step.loss for step in certificate.steps] == losses
    assert certificate.final == {k: run[k] for k in ("state_digest", "value_digest")}
    assert certificate.steps[-1].state == run["state_digest"]
    assert (certificate.steps_asked, certificate.stopped_by) == (5, None)
    assert certificate.side == "float32:cpu:compiled"


def test_the_same_run_has_the_same_file_from_python_and_the_command_line(capsys, file, tmp_path):
    other = tmp_path / "other.json"
    report(capsys, *XOR, "--steps", "3", "--certificate", file)
    report(capsys, *XOR, "--steps", "3", "--certificate", str(other))
    assert other.read_bytes() == Path(file).read_bytes()
    made = nl.certify("xor", "float32", config=nl.get_task("xor").config(steps=3))
    read = nl.Certificate.load(file)
    assert (made.steps, made.run, made.chain) == (read.steps, read.run, read.chain)


def test_a_certificate_of_python_replays_at_the_command_line(capsys, file, certificate):
    certificate.save(file)
    found = report(capsys, "replay", file, "--json", "--dtype", "ieee32exec")
    assert (found["identical_steps"], found["steps"], found["identical"]) == (12, 12, True)
    assert (found["side"], found["compared"]) == ("ieee32exec:eager", "state")
    assert main(["replay", file, file, "--backend", "compiled", "--fast-kernels"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == lines[2]
    settings = "SGD, lr 0.1, momentum 0.9, nesterov False, weight_decay 0.0, schedule constant"
    assert lines[1] == lines[3] == f"{settings}, steps 12, batch_size 4, seed 5"
    assert "float32:cpu:compiled:fast: identical for 12 of 12 steps" in lines[0]


def test_a_loaded_certificate_is_the_one_that_was_saved(file, certificate):
    certificate.save(file)
    assert nl.Certificate.load(file) == certificate


@pytest.mark.parametrize("side", ["float64", "bfloat16", "mp:30", "e4m3"])
def test_another_arithmetic_differs_and_the_operation_is_named(certificate, side):
    verdict = nl.replay(certificate, side)
    assert (verdict.compared, verdict.identical, verdict.identical_steps) == ("value", False, 0)
    assert verdict.difference.what == "loss"
    assert verdict.divergence.divergence.operation == "from_float"
    assert not verdict.is_irreproducible
    assert str(verdict.divergence.divergence) in str(verdict)


def test_a_fault_in_one_operation_of_one_step_is_named(certificate):
    fault = nl.Fault.parse("flip:operation=matmul,step=7,call=1,element=2,bit=9")
    for side in ("float32", "ieee32exec"):
        verdict = nl.replay(certificate, nl.RunSpec.parse(side).with_fault(fault))
        divergence = verdict.divergence.divergence
        assert (verdict.identical_steps, verdict.difference.step) == (7, 7)
        assert (divergence.step, divergence.operation, divergence.call) == (7, "matmul", 1)


def test_only_the_last_parameters_may_differ_across_formats():
    config = nl.get_task("xor").config(steps=1)
    certificate = nl.certify("xor", "mp:24", config=config)
    fault = nl.Fault.parse("flip:operation=sub,step=0,call=2,element=0,bit=20")
    verdict = nl.replay(certificate, nl.RunSpec.parse("float32").with_fault(fault))
    assert verdict.difference.what == "values of the last parameters"
    assert (verdict.identical_steps, verdict.divergence.divergence.operation) == (0, "sub")


@pytest.mark.parametrize(
    "dtype", ["mp:40", "bfloat16", "bfloat16@round=stochastic,seed=2", "float64"]
)
def test_every_kind_of_arithmetic_replays(file, dtype):
    nl.certify("xor", dtype, config=nl.get_task("xor").config(steps=3)).save(file)
    assert nl.replay(file).identical
    assert nl.replay(file, f"{dtype}:compiled").identical_steps == 3


def test_a_run_that_breaks_down_to_nan_has_a_certificate(capsys, file):
    report(capsys, *XOR, "--lr", "1e30", "--steps", "6", "--certificate", file, status=3)
    assert nl.Certificate.load(file).steps[-1].loss == "0xffc00000"
    assert nl.replay(file, "ieee32exec:compiled").identical


def test_a_task_of_one_s_own_is_given_again_to_replay(file):
    options = nl.Options(seed=8, backend="compiled")
    nl.certify(TASK, "float32", config=CONFIG, data=DATA, options=options).save(file)
    assert nl.replay(file, task=TASK, config=CONFIG, data=DATA).identical_steps == 5
    assert nl.replay(file, "ieee32exec", task=TASK, config=CONFIG, data=DATA).identical
    with pytest.raises(CertificateError, match=r"run\.json: .*task="):
        nl.replay(file)
    other = nl.TrainConfig(steps=5, batch_size=3, optimizer=nl.adam(0.01), seed=3)
    with pytest.raises(CertificateError, match="batch_size is 2 in the file and 3 here"):
        nl.replay(file, task=TASK, config=other, data=DATA)
    with pytest.raises(nl.NumleanError, match="config= and data="):
        nl.certify(TASK, "float32")


def test_a_certificate_of_no_step_holds(capsys, file):
    report(capsys, *XOR, "--steps", "0", "--certificate", file)
    assert "identical for 0 of 0 steps" in str(nl.replay(file, "ieee32exec"))


def test_tables_schedules_and_early_stopping_replay(capsys, file, tmp_path):
    table = tmp_path / "table.csv"
    rows = [f"{k},{k * k % 7},{k % 5}" for k in range(40)]
    table.write_text("\n".join(["a,b,y", *rows]))
    options = ["--data", str(table), "--target", "y", "--kind", "regression", "--optim", "adamw"]
    options += ["--schedule", "cosine", "--warmup", "2", "--steps", "9", "--hidden", "8", "--json"]
    options += ["--standardise", "scalar", "--eval-every", "1", "--patience", "1", "--lr", "1"]
    run = report(capsys, "train", *options, "--certificate", file)
    assert run["stopped_by"] == "patience"
    assert main(["replay", file]) == 2
    assert f"{file}: the recipe in this file names {str(table)!r}" in capsys.readouterr().err
    found = report(capsys, "replay", file, "--dtype", "float32", "--json", "--trust-paths")
    assert found["identical_steps"] == found["steps"] == run["steps"]
    found = report(capsys, "replay", file, "--dtype", "float32", "--json", "--data", str(table))
    assert found["identical"]
    assert nl.replay(file, "float32", files={"data": table}).identical
    table.write_text("\n".join(["a,b,y", *rows[1:], rows[0]]))
    for consent in (["--trust-paths"], ["--data", str(table)]):
        assert main(["replay", file, *consent]) == 2
        assert "data.sha256" in capsys.readouterr().err


def test_a_task_brings_its_own_data(certificate):
    with pytest.raises(nl.NumleanError, match="files= is for the recipe"):
        nl.replay(certificate, task="xor", files={"data": "t.csv"})


def test_ctrl_c_leaves_the_certificate_of_the_steps_made(capsys, file, monkeypatch):
    right = nl.Stepper.step

    def interrupted(self, sample):
        loss = right(self, sample)
        if self.step_count == 4:
            os.kill(os.getpid(), signal.SIGINT)
        return loss

    monkeypatch.setattr(nl.Stepper, "step", interrupted)
    report(capsys, *XOR, "--steps", "9", "--certificate", file, status=130)
    monkeypatch.setattr(nl.Stepper, "step", right)
    certificate = nl.Certificate.load(file)
    made = (len(certificate.steps), certificate.steps_asked, certificate.stopped_by)
    assert made == (4, 9, "interrupt")
    assert "identical for 4 of 4 steps" in str(nl.replay(file))


def test_a_resumed_run_extends_its_certificate(capsys, file, tmp_path):
    checkpoint, whole = str(tmp_path / "run.ckpt"), str(tmp_path / "whole.json")
    report(capsys, *XOR, "--steps", "9", "--certificate", whole)
    report(capsys, *XOR, "--steps", "5", "--certificate", file, "--save", checkpoint)
    resume = ("train", "--json", "--resume", checkpoint, "--steps", "9", "--certificate", file)
    report(capsys, *resume)
    assert nl.Certificate.load(file) == nl.Certificate.load(whole)
    # The certificate may contain more steps than the checkpoint: they are made again.
    report(capsys, *resume)
    assert nl.Certificate.load(file) == nl.Certificate.load(whole)


def test_a_run_is_not_resumed_with_another_s_certificate(capsys, file, tmp_path):
    checkpoint, other = str(tmp_path / "run.ckpt"), str(tmp_path / "other.json")
    report(capsys, *XOR, "--steps", "3", "--certificate", file, "--save", checkpoint)
    report(capsys, *XOR, "--steps", "3", "--seed", "1", "--certificate", other)
    resume = ("train", "--resume", checkpoint, "--steps", "5", "--certificate")
    assert main([*resume, other]) == 2
    assert "other.json: a certificate of another run: seed is 1" in capsys.readouterr().err
    report(capsys, *XOR, "--steps", "2", "--certificate", other)
    assert main([*resume, other]) == 2
    assert "the certificate has 2 steps, but the run has made 3" in capsys.readouterr().err
    report(capsys, *XOR, "--steps", "3", "--certificate", other)
    nl.Certificate.load(other)


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["--certificate", "nowhere/run.json"], ["nowhere/run.json", "folder"]),
        (["--certificate", "."], ["folder"]),
        (["--certificate", "run.json", "--weights", "w.safetensors"], ["--weights"]),
        (["--certificate", "absent.json", "--resume", "run.ckpt"], ["absent.json", "--resume"]),
    ],
)
def test_wrong_use_is_one_line(capsys, argv, words):
    assert main(["train", "xor", *argv]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert all(word in error for word in words), error


def test_an_unavailable_side_is_reported(capsys, file, certificate):
    certificate.save(file)
    for option, word in [("--dtype", "float31"), ("--device", "abacus")]:
        assert main(["replay", file, option, word]) == 2
        error = capsys.readouterr().err
        assert word in error
        assert error.count("\n") == 1


def test_flags_are_counted_in_a_run_with_a_certificate(capsys, file):
    options = ("train", "xor", "--flags", "--json", "--steps", "2")
    run = report(capsys, *options, "--certificate", file)
    assert run["flags"] == report(capsys, *options)["flags"]
    assert nl.replay(file).identical


def test_a_recorder_works_in_every_loop():
    from numlean.certificate import Recorder
    from numlean.checkpoint import Run

    runner = nl.instantiate(TASK, "float32", nl.Options(seed=3))
    stepper = nl.stepper(runner, CONFIG.optimizer)
    recorder = Recorder(stepper, Run(CONFIG, DATA), fast_kernels=False)
    for k in range(3):
        recorder(stepper, stepper.step(DATA.batch([k])))
    certificate = recorder.certificate(steps_asked=3)
    assert certificate.steps[-1].state == nl.state_digest(runner.named_parameters)
