"""The page of benchmarks is what the files of measurements give, and the tools fill such files."""

import json

import pytest

import measure_goals
import measurements
from measurement_goals import GOALS, Goal
from measurement_pages import (
    _BLOCK,
    PAGE,
    TABLES,
    File,
    Files,
    elementwise_limit,
    read_files,
    render,
)

MACHINE = {
    "processor": {
        "name": "P",
        "vendor": "AuthenticAMD",
        "family": "25",
        "model": "1",
        "llvm_name": "znver9",
        "architecture": "x86_64",
        "processors": 2,
        "instruction_sets": ["avx2", "avx512f"],
    },
    "compiled_for": {"vector_bits": 256, "processor": "znver3"},
    "versions": {"python": "3", "numpy": "2", "numba": "1", "llvmlite": "1", "numlean": "0"},
    "blas": None,
    "revision": None,
}
SECONDS = {
    "clock": 1e-9,
    "add, float32": 1e-11,
    "fma, float32": 1e-11,
    "mul + add, float32": 2e-11,
    "div, float32": 1e-9,
    "chain of add, float32": 4e-9,
    "x + 3y": 1e-11,
}


def measured(work, seconds, by="this processor", unit="operation", **more):
    return {"work": work, "by": by, "seconds": seconds, "count": 1, "unit": unit, **more}


def machine_file(**benchmarks):
    limits = [measured(work, seconds) for work, seconds in SECONDS.items()]
    found = {"limits": limits, **benchmarks}
    kept = {
        name: {"measurements": each, "date": "2026-01-02T03:04:05+00:00", "load": [0.5, 0, 0]}
        for name, each in found.items()
    }
    return File("f", {"machine": MACHINE, "is_imitated": True, "benchmarks": kept})


def test_the_page_has_the_tables_that_the_files_give():
    text = PAGE.read_text(encoding="utf-8")
    assert render(text, read_files(measurements.FOLDER)) == text, "run tools/measure_all --pages"


def test_the_page_has_every_table_once():
    names = [found[2] for found in _BLOCK.finditer(PAGE.read_text(encoding="utf-8"))]
    assert sorted(names) == sorted(TABLES)


def test_tables_are_replaced_and_the_text_around_them_stays():
    page = "a\n<!-- measured: products -->\nold\n<!-- end -->\nb\n"
    work, files = "matmul 512, fma", []
    products = [
        *(
            measured(work, 1e-9 / speed, "float32", variant=kind)
            for kind, speed in (("plain", 1), ("fast", 40))
        ),
        measured(work, 1e-9 / 50, "numpy, float32"),
    ]
    files = Files((machine_file(products=products),), {})
    made = render(page, files)
    assert made.startswith("a\n<!-- measured: products -->\nAVX2, P (znver9):\n")
    assert made.endswith("<!-- end -->\nb\n")
    assert "| `float32`, fma | 1 | 40 | 50 | 0.8 | 100 | 0.4 |" in made
    assert render(made, files) == made


def test_limits_say_what_binds():
    file = machine_file()
    assert elementwise_limit(file, "add", "float32") == (12e-11, "bandwidth")
    assert elementwise_limit(file, "div", "float32") == (1e-9, "div pipe")
    assert elementwise_limit(file, "sum", "ieee32exec") == (4e-9, "latency")
    assert elementwise_limit(file, "exp", "float32") is None
    assert elementwise_limit(file, "add", "e4m3") is None


def test_a_goal_says_by_how_much_it_is_missed():
    goal, found = GOALS[0], {"before": 0.3, "after": 0.68, "after-avx2": 0.9}
    runs = {name: {"figures": {goal.figure: value}} for name, value in found.items()}
    lines = TABLES["goals"](Files((), runs)).splitlines()
    assert lines[0] == "| work | goal | before | after | reached | after, AVX2 | reached |"
    assert lines[2].endswith("| ≥ 0.85 | 0.3 | 0.68 | no, by 20% | 0.9 | yes |")
    del runs["after-avx2"]
    assert TABLES["goals"](Files((), runs)).splitlines()[2].endswith("| 0.68 | no, by 20% |")
    assert Goal("w", "f", None, 4.0).is_reached(4.0)
    assert not Goal("w", "f", None, 4.0).is_reached(4.1)


def test_goals_have_different_figures_of_parts_that_are_measured():
    names = [goal.figure for goal in GOALS]
    assert len(set(names)) == len(names)
    assert {name.partition(":")[0] for name in names} == set(measure_goals.PARTS)


def test_measure_all_keeps_the_figures_of_a_machine_and_kind(tmp_path, monkeypatch, capsys):
    page = tmp_path / "page.md"
    page.write_text("<!-- measured: limits -->\n<!-- end -->\n")
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Haswell")
    assert "OPENBLAS_CORETYPE" not in measurements.environment_of("native", MACHINE)
    small = measured("clock", 1e-9, unit="cycle")

    def run(arguments, rounds, environment):
        assert arguments == ("limits",)
        assert environment["NUMBA_CPU_NAME"] == "znver3"
        described = {**MACHINE, "date": "2026-01-02T03:04:05+00:00", "load": None}
        return {"subject": "limits", "machine": described, "measurements": [small]}

    monkeypatch.setattr(measurements, "measured", run)
    monkeypatch.setattr(measurements, "describe_machine", lambda: MACHINE)
    words = ["--kind", "avx2", "--only", "limits", "--folder", str(tmp_path), "--page", str(page)]
    assert measurements.main(words) == 0
    document = json.loads((tmp_path / "znver9-avx2.json").read_text())
    assert document["benchmarks"]["limits"]["measurements"] == [small]
    assert document["is_imitated"]
    assert "| clock | cycles | 1 | 1 |" in page.read_text()


def test_measure_all_measures_the_goals_anew(tmp_path, monkeypatch):
    page, kept = tmp_path / "page.md", tmp_path / "goals-after.json"
    page.write_text("<!-- measured: goals -->\n<!-- end -->\n")
    kept.write_text("old")

    def run(words, env, check):
        assert not kept.exists()
        assert words[1:4] == [measure_goals.__file__, "--out", str(kept)]
        assert words[4:] == ["--label", "commit abc"]
        figures = {GOALS[0].figure: 0.9}
        document = {"kind": "numlean goals", "label": "commit abc", "machine": {"date": "2026"}}
        kept.write_text(json.dumps({**document, "figures": figures}))

    monkeypatch.setattr(measurements.subprocess, "run", run)
    monkeypatch.setattr(measurements, "describe_machine", lambda: {**MACHINE, "revision": "abc"})
    words = ["--kind", "native", "--only", "goals", "--folder", str(tmp_path), "--page", str(page)]
    assert measurements.main(words) == 0
    assert "| 0.9 | yes |" in page.read_text()


def test_a_benchmark_that_fails_ends_measure_all_with_its_message():
    with pytest.raises(SystemExit, match="frob"):
        measurements.measured(
            ("ops", "--operation", "frob"), 1, measurements.environment_of("native", MACHINE)
        )


def test_goals_are_measured_with_a_small_budget(tmp_path, monkeypatch, capsys):
    path = tmp_path / "goals.json"
    words = ["--only", "elementwise", "--seconds", "0", "--label", "x", "--out", str(path)]
    assert measure_goals.main(words) == 0
    document = json.loads(path.read_text())
    assert (document["kind"], document["label"]) == ("numlean goals", "x")
    assert all(figure > 0 for figure in document["figures"].values())
    known = {goal.figure for goal in GOALS if goal.figure.startswith("elementwise")}
    assert known <= set(document["figures"])
