"""The command line of ablations: files, JSON, wrong use, signals."""

import json
import signal

import pytest

from numlean.cli.main import main
from numlean.training import Stepper

XOR = ("ablate", "xor", "--steps", "1", "--seeds", "1")
ONE_ROW = (*XOR, "--dtype", "float32")


def test_an_ablation_prints_what_it_found_and_writes_a_page_and_records(capsys, tmp_path):
    folder = tmp_path / "new"
    assert main([*ONE_ROW, "--low", "binary16", "--device", "python", "--out", str(folder)]) == 0
    out = capsys.readouterr().out
    assert out.startswith("xor, uniform(float32), 1 steps\n")
    assert "parameters demoted" in out
    assert "each part demoted alone to binary16" in out
    records = [json.loads(line) for line in (folder / "records.jsonl").read_text().splitlines()]
    assert (records[0]["record"], records[-1]["record"]) == ("ablation", "result")
    assert records[-1]["headline"][0] in out
    assert records[-1]["headline"][0] in (folder / "report.html").read_text()


def test_json_is_one_object_a_line(capsys):
    assert main([*ONE_ROW, "--json"]) == 0
    records = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [each["record"] for each in records] == ["ablation", "run", "run", "row", "result"]
    assert records[0]["backend"] == "compiled"


def test_wrong_use_is_one_line_and_leaves_no_file(capsys, tmp_path):
    page = tmp_path / "page.html"
    for options, message in (
        ((), "ablate needs --policy P"),
        (("--policy", "bf16-mixed", "--dtype", "float32"), "not both"),
        (("--policy", "bf16-mixed", "--low", "mp:60"), "low must be narrower than high"),
        (("--policy", "bf16-mixed", "--seeds", "0"), "seeds must be from 1"),
        (("--policy", "bf16-mixed,weights=e4m3"), "policy field weight_gradient.output"),
    ):
        assert main([*XOR, *options, "--out", str(page)]) == 2
        error = capsys.readouterr().err
        assert error.startswith("numlean: error: ")
        assert message in error
        assert error.count("\n") == 1
    assert not page.exists()
    assert main([*ONE_ROW, "--out", str(tmp_path / "no" / "page.html")]) == 2
    assert "no" in capsys.readouterr().err


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_it_after_the_step_and_keeps_complete_runs(
    capsys, tmp_path, monkeypatch, number, status
):
    lines, made = tmp_path / "lines.jsonl", 0
    step = Stepper.step

    def stopping(self, sample):
        nonlocal made
        made += 1
        if made == 5:
            signal.raise_signal(number)
        return step(self, sample)

    monkeypatch.setattr(Stepper, "step", stopping)
    argv = ["ablate", "xor", "--steps", "2", "--seeds", "2", "--dtype", "float32"]
    assert main([*argv, "--jsonl", str(lines)]) == status
    captured = capsys.readouterr()
    assert captured.out.startswith("xor, uniform(float32), 2 steps (interrupted)\n")
    assert "stopped after 1 of 2 steps of float64, seed 1" in captured.out
    records = [json.loads(line) for line in lines.read_text().splitlines()]
    assert [each["seed"] for each in records if each["record"] == "run"] == [0, 0]
    assert records[-1]["stopped"] == {"row": "float64", "seed": 1, "steps": 1}
