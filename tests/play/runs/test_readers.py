"""Logs and records are read while they grow, and whatever they contain."""

import json

import pytest

import numlean as nl
from numlean.analysis.drift.records import as_line
from numlean.play.runs.folder import RunFolders
from numlean.play.runs.losses import MOST_POINTS, LossReader
from numlean.play.runs.measured import _OPERATION, MeasuredReader
from numlean.play.runs.plan import Plan
from numlean.play.workspace import Workspace


@pytest.fixture
def folders(tmp_path):
    return RunFolders(Workspace(tmp_path.resolve()))


def _file(folders, run, name):
    return folders.workspace.root / folders.path(run.id, name)


def test_losses_are_read_as_far_as_lines_are_complete(folders):
    run = folders.make("20260102-030405", Plan("train", "x", ()))
    reader, file = LossReader(folders), _file(folders, run, "log.jsonl")
    assert reader.losses(run).last == {}
    file.write_text('{"task": "xor"}\n{"step": 0, "exact_loss": 2.5}\n{"step": 1, "exa')
    assert reader.losses(run).points("") == [(0, 2.5)]
    with file.open("a") as log:
        log.write('ct_loss": 1.5}\nnonsense\n[]\n{"step": "x", "exact_loss": 1}\n')
    assert reader.losses(run).points("") == [(0, 2.5), (1, 1.5)]
    file.write_text('{"step": 0, "exact_loss": 9.0}\n')
    assert reader.losses(run).points("") == [(0, 9.0)]


def test_a_long_curve_keeps_a_bounded_number_of_points_and_its_end(folders):
    run = folders.make("20260102-030405", Plan("train", "x", ()))
    count = 10 * MOST_POINTS + 3
    lines = (json.dumps({"step": k, "exact_loss": float(k)}) for k in range(count))
    _file(folders, run, "log.jsonl").write_text("\n".join(lines) + "\n")
    points = LossReader(folders).losses(run).points("")
    assert len(points) <= MOST_POINTS + 1
    assert points[0] == (0, 0.0)
    assert points[-1] == (count - 1, count - 1.0)
    assert all(loss == step for step, loss in points)


def operation(step, *, relative=0.5, operation="matmul", layer="0 Linear(2, 8)"):
    stats = {"count": 4, "exact": 1, "infinite": 0, "unknown": 0, "relative": relative}
    stats |= {"max_ulp": 2.0, "rms_ulp": 1.0, "histogram": {"-1": 2, "0": 1}}
    return {
        "record": "operation",
        "dtype": "e4m3",
        "seed": 0,
        "step": step,
        "phase": "forward",
        "layer": layer,
        "operation": operation,
        "calls": 1,
        "local": stats,
        "total": stats,
        "inherited": stats | {"count": 0},
    }


def test_operations_are_read_with_the_places_of_their_records(folders):
    run = folders.make("20260102-030405", Plan("compare", "x", ()))
    records = [{"record": "comparison", "measures": {}}, *(operation(k) for k in range(3))]
    _file(folders, run, "records.jsonl").write_text("".join(f"{json.dumps(r)}\n" for r in records))
    reader = MeasuredReader(folders)
    measured = reader.measured(run)
    (cells,) = measured.operations["e4m3"].values()
    assert measured.count == 3
    assert [each.step for each in cells] == [0, 1, 2]
    assert cells[1].figure("total", "relative") == 0.5
    assert cells[1].figure("inherited", "max_ulp") != cells[1].figure("inherited", "max_ulp")
    assert reader.record(run, cells[2]) == records[3]


def test_records_as_they_are_written_are_read_as_others_are(folders):
    def cells(text):
        run = folders.make("20260102-030405", Plan("compare", "x", ()))
        _file(folders, run, "records.jsonl").write_text(text)
        measured = MeasuredReader(folders).measured(run)
        return measured.operations

    record = operation(3, relative=None)
    middle = {"inf": 0, "nan": 0, "introduced_nonfinite": 0, "flipped_comparisons": 0}
    names = ("calls", "local", "total", "inherited")
    start = {key: value for key, value in record.items() if key not in names}
    parts = {name: record[name] for name in ("local", "total", "inherited")}
    units = {"ulp_of": "e4m3", "local_ulp_of": "e4m3", "calls": 7}
    written = {**start, **units, **middle, "amplification": 1.5, **parts}
    line = json.dumps(written)
    assert _OPERATION.fullmatch(line.encode())
    other = line.replace('"calls": 7', '"calls":  7')
    assert not _OPERATION.fullmatch(other.encode())
    (one,), (two,) = (cells(f"{text}\n")["e4m3"].values() for text in (line, other))
    assert repr(one[0]).split("place")[0] == repr(two[0]).split("place")[0]
    assert one[0].figure("total", "relative") == float("inf")


def test_records_of_a_real_comparison_are_read_the_fast_way(tmp_path):
    lines = []
    config = nl.get_task("xor").config(steps=1)
    nl.compare("xor", "e4m3", truth="float64", config=config, write=lines.append)
    found = [as_line(each).encode() for each in lines if each["record"] == "operation"]
    assert found
    assert all(_OPERATION.fullmatch(each) for each in found)


def test_records_of_any_shape_are_left_out(folders):
    run = folders.make("20260102-030405", Plan("compare", "x", ()))
    broken = [
        *("", "null", "[]", "{", '{"record": "operation"}', '{"record": 3}'),
        json.dumps(operation(0) | {"step": "x", "dtype": ["y"]}),
        json.dumps(operation(0) | {"local": 3, "total": {"count": 1}}),
    ]
    _file(folders, run, "records.jsonl").write_text("\n".join(broken) + "\n")
    assert MeasuredReader(folders).measured(run).count == 1
