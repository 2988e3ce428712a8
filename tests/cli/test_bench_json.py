"""The JSON of ``numlean bench``: one schema for every subject, with the machine's description."""

import json
import os

import pytest

from numlean.benchmarks import machine
from numlean.cli.main import main
from numlean.json_lines import parse_json

FIELDS = {"work": str, "by": str, "seconds": float, "unit": str}
"""The fields that every measurement has."""

SUBJECTS = {
    "ops": ["--dtypes", "float32,mp:24", "--operation", "add"],
    "functions": ["--dtypes", "float32", "--operation", "exp"],
    "step": ["--dtypes", "float32"],
    "kernels": ["--dtypes", "float32", "--operation", "add", "--operation", "div"],
    "matrix-units": ["--size", "2", "--unit", "blockfma:group=8,fraction_bits=24,floor=-132"],
}


def measured(capsys, *words):
    status = main(["bench", *words, "--rounds", "1", "--json"])
    text = capsys.readouterr().out
    assert status == 0
    assert text.count("\n") == 1
    return parse_json(text, "the output")


@pytest.mark.parametrize("subject", SUBJECTS)
def test_every_subject_has_the_fields_of_the_reference(capsys, subject):
    document = measured(capsys, subject, *SUBJECTS[subject])
    assert (document["kind"], document["version"]) == ("numlean bench", 1)
    assert document["subject"] == subject
    assert document["settings"]["rounds"] == 1
    assert document["differences"] == []
    assert document["measurements"]
    for each in document["measurements"]:
        assert all(type(each[name]) is kind for name, kind in FIELDS.items())
        assert each["seconds"] > 0
        assert each["count"] >= 1
        assert set(each) <= {*FIELDS, "count", "variant", "memory_growth"}
    keys = [(each["work"], each["by"], each.get("variant")) for each in document["measurements"]]
    assert len(set(keys)) == len(keys)


def test_plain_and_fast_kernels_and_numpy_are_told_apart(capsys):
    document = measured(capsys, "kernels", "--dtypes", "ieee32exec", "--operation", "add")
    ways = [(each["by"], each.get("variant")) for each in document["measurements"]]
    assert ways == [("ieee32exec", "plain"), ("ieee32exec", "fast"), ("numpy, float32", None)]


def test_a_file_holds_the_figures_beside_the_table(capsys, tmp_path):
    path = tmp_path / "add.json"
    words = ["bench", "kernels", "--dtypes", "float32", "--operation", "add", "--rounds", "1"]
    assert main([*words, "--out", str(path)]) == 0
    assert "of numpy" in capsys.readouterr().out
    document = parse_json(path.read_text(), "the file")
    assert document["subject"] == "kernels"
    assert {each["work"] for each in document["measurements"]} == {"add"}


def test_a_file_that_cannot_be_written_is_refused_before_anything_is_measured(capsys, tmp_path):
    path = tmp_path / "missing" / "x" / ".." / ".."
    assert main(["bench", "step", "--rounds", "1", "--out", str(path)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1


def test_the_machine_is_described_by_what_decides_its_speed(monkeypatch):
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Haswell")
    found = machine.describe_machine()
    assert json.loads(json.dumps(found)) == found
    assert set(found) == {
        *("processor", "compiled_for", "threads", "system", "versions", "revision", "blas"),
        *("environment", "date", "load"),
    }
    assert set(found["processor"]) == {
        *("name", "vendor", "family", "model", "stepping", "architecture", "llvm_name", "cores"),
        *("processors", "processors_available", "caches", "instruction_sets"),
    }
    assert found["compiled_for"]["vector_bits"] in (128, 256, 512)
    assert found["environment"]["OPENBLAS_CORETYPE"] == "Haswell"
    assert {"python", "numpy", "numba", "llvmlite", "numlean"} <= set(found["versions"])
    if hasattr(os, "getloadavg"):
        assert len(found["load"]) == 3


def test_the_revision_is_the_commit_of_the_checkout(monkeypatch):
    answers = {"rev-parse": "0123456789abcdef", "status": " M numlean/version.py"}
    monkeypatch.setattr(machine, "_output", lambda command: answers[command[3]])
    found = machine._revision()
    assert found in (None, "0123456789abcdef+")
