import json

import pytest

import numlean as nl
from numlean.cli.main import main
from numlean.distributed.sweep import SweepFolder
from numlean.distributed.sweep.observer import SweepObserver
from numlean.distributed.sweep.page import as_page
from numlean.distributed.sweep.schema import RUN_COLUMNS, STEP_COLUMNS

pytest.importorskip("pyarrow", reason="the dask extra is not installed")

SPEC = {
    "task": "xor",
    "steps": 3,
    "dtype": ["mp:24", "mp:11"],
    "seed": [0, 1],
    "execution": {"measure_every": 2},
}


class Notes(SweepObserver):
    """Notes the runs, and stops after some of them."""

    def __init__(self, most=100):
        self.made = []
        self.most = most

    def ended(self, point, result):
        self.made.append(point.digest)

    def is_stopped(self):
        return len(self.made) >= self.most


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sweep") / "out"
    return nl.sweep(SPEC, folder, workers=0), folder


def test_every_point_has_a_row_with_the_bits_of_its_own_run(swept):
    result, folder = swept
    assert [(row["arithmetic"], row["seed"]) for row in result.runs] == [
        *(("mp:11", 0), ("mp:11", 1), ("mp:24", 0), ("mp:24", 1))
    ]
    for row in result.runs:
        assert list(row) == list(RUN_COLUMNS)
        config = nl.get_task("xor").config(steps=3, seed=row["seed"])
        alone = nl.certify(
            "xor", row["arithmetic"], config=config, options=nl.Options(seed=row["seed"])
        )
        assert row["state_digest"] == alone.final["state_digest"]
        assert row["chain"] == alone.chain
        path = folder / "certificates" / f"{row['digest']}.json"
        assert nl.Certificate.load(path).chain == alone.chain


def test_measured_steps_have_rows_and_the_last_step_is_one(swept):
    result, _ = swept
    assert list(result.steps[0]) == list(STEP_COLUMNS)
    by_run = {row["digest"]: [] for row in result.runs}
    for row in result.steps:
        by_run[row["digest"]].append(row["step"])
    assert set(map(tuple, by_run.values())) == {(0, 2)}
    last = {row["digest"]: row["loss"] for row in result.steps if row["step"] == 2}
    assert last == {row["digest"]: row["last_loss"] for row in result.runs}


def test_a_stopped_sweep_continues_with_what_is_missing(tmp_path):
    first, second, third = Notes(most=1), Notes(most=2), Notes()
    assert nl.sweep(SPEC, tmp_path, workers=0, observer=first).missing == 3
    assert nl.sweep(SPEC, tmp_path, workers=0, observer=second).missing == 1
    assert nl.sweep(SPEC, tmp_path, workers=0, observer=third).missing == 0
    made = first.made + second.made + third.made
    assert len(made) == len(set(made)) == 4


def test_a_run_without_its_row_is_made_again(swept, tmp_path):
    folder = SweepFolder.create(tmp_path)
    nl.sweep({**SPEC, "seed": 0}, tmp_path, workers=0)
    digest = min(folder.ended())
    (tmp_path / "runs" / f"{digest}.parquet").unlink()
    notes = Notes()
    nl.sweep({**SPEC, "seed": 0}, tmp_path, workers=0, observer=notes)
    assert notes.made == [digest]


def test_a_point_that_fails_is_a_row_and_is_repeated_only_on_demand(tmp_path):
    spec = {"task": "xor", "steps": 1, "dtype": ["nonsense", "mp:8"]}
    result = nl.sweep(spec, tmp_path, workers=0)
    (failed,) = result.failed
    assert failed["error"].startswith("unknown dtype 'nonsense'")
    assert (failed["state_digest"], failed["status"]) == (None, "failed")
    assert "1 run(s) failed: unknown dtype" in str(result)
    notes = Notes()
    nl.sweep(spec, tmp_path, workers=0, observer=notes)
    assert notes.made == []
    nl.sweep(spec, tmp_path, workers=0, observer=notes, retry_failed=True)
    assert notes.made == [failed["digest"]]


def test_groups_take_runs_that_differ_in_the_seed_only(swept):
    result, _ = swept
    assert [(each.arithmetic, len(each.runs)) for each in result.groups] == [
        ("mp:11", 2),
        ("mp:24", 2),
    ]
    assert result.groups[0].loss.values == tuple(row["loss_after"] for row in result.runs[:2])


def test_a_folder_with_other_files_is_refused(tmp_path):
    (tmp_path / "mine.txt").write_text("x")
    with pytest.raises(nl.NumleanError, match="not the folder of a sweep, and not empty"):
        nl.sweep(SPEC, tmp_path, workers=0)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_a_damaged_file_is_an_error_that_names_the_folder(tmp_path):
    nl.sweep({**SPEC, "seed": 0, "dtype": "mp:8"}, tmp_path, workers=0)
    (path,) = (tmp_path / "runs").iterdir()
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(nl.NumleanError, match="not a table of a sweep, or damaged"):
        SweepFolder.open(tmp_path).runs()


def test_the_page_has_a_figure_and_a_row_for_each_setting(swept):
    result, _ = swept
    page = as_page(result, "xor <1>")
    assert "xor &lt;1&gt;" in page
    assert page.count("<svg") == 1
    assert page.count("<tr>") == 3


def test_the_command_makes_shows_and_draws(tmp_path, capsys):
    spec, out, page = tmp_path / "spec.toml", tmp_path / "out", tmp_path / "page.html"
    spec.write_text('task = "xor"\nsteps = 2\ndtype = ["mp:8", "nonsense"]\n')
    assert main(["sweep", str(spec), "--out", str(out), "--workers", "0"]) == 1
    made = capsys.readouterr()
    assert "2/2 xor in nonsense, seed 0: unknown dtype" in made.err
    assert main(["sweep", "show", str(out), "--json", "--out", str(page)]) == 0
    rows = json.loads(capsys.readouterr().out)["runs"]
    assert {row["status"] for row in rows} == {"done", "failed"}
    assert page.read_text().startswith("<!DOCTYPE html>")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["spec.toml"], "a sweep needs --out DIR"),
        (["spec.toml", "folder", "--out", "x"], "unexpected 'folder'; give the folder as --out"),
        (["missing.toml", "--out", "x"], "missing.toml: No such file"),
        (["show"], "name the FOLDER of a sweep"),
        (["show", "nowhere"], "nowhere: not the folder of a sweep"),
        (["spec.toml", "--out", "x", "--workers", "-1"], "workers must be from 0 to 1024, got -1"),
        (["spec.toml", "--out", "x", "--workers", "1", "--scheduler", "a"], "not both"),
    ],
)
def test_misuse_is_one_line_and_status_2(words, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "spec.toml").write_text('task = "xor"\n')
    assert main(["sweep", *words]) == 2
    shown = capsys.readouterr().err
    assert message in shown
    assert shown.count("\n") == 1
    assert not (tmp_path / "x").exists()
