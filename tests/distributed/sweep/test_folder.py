import resource
from contextlib import contextmanager

import pytest

import numlean as nl
from numlean.cli.main import main
from numlean.distributed.sweep.batches import Batches, BatchResult
from numlean.distributed.sweep.folder import SweepFolder
from numlean.distributed.sweep.observer import SweepObserver
from numlean.distributed.sweep.schema import RUN_COLUMNS, read_parquet, to_parquet
from numlean.distributed.sweep.spec import SweepSpec
from numlean.distributed.sweep.writing import results_writer

pytest.importorskip("pyarrow", reason="the dask extra is not installed")

SPEC = {"task": "xor", "steps": 1, "dtype": "mp:8", "seed": [0, 1]}


@contextmanager
def files_of_at_most(size):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.fixture
def folder(tmp_path):
    nl.sweep(SPEC, tmp_path / "out", workers=0)
    return tmp_path / "out"


def test_a_second_sweep_in_the_same_folder_is_refused_while_the_first_runs(folder):
    with (
        SweepFolder.create(folder).locked(),
        pytest.raises(nl.NumleanError, match="another sweep writes to"),
    ):
        nl.sweep(SPEC, folder, workers=0)
    assert nl.sweep(SPEC, folder, workers=0).missing == 0


def test_what_a_killed_sweep_left_half_written_is_removed(folder):
    partial = folder / "runs" / ".x.parquet.1.00ff.partial"
    partial.write_bytes(b"half")
    nl.sweep(SPEC, folder, workers=0)
    assert not partial.exists()


@pytest.mark.parametrize("keep", [0, 9, -9])
def test_a_damaged_file_is_named_before_a_run_is_made(folder, keep):
    path = min((folder / "runs").iterdir())
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(nl.NumleanError, match=f"delete runs/{path.name}") as caught:
        nl.sweep({**SPEC, "seed": [0, 1, 2]}, folder, workers=0)
    assert "\n" not in str(caught.value)
    path.unlink()
    assert len(nl.sweep(SPEC, folder, workers=0).runs) == 2


@pytest.mark.parametrize(
    "change",
    [{"recipe": "{"}, {"recipe": "[]"}, {"recipe": None}, {"status": "x"}, {"finished": None}],
)
def test_a_row_that_no_sweep_writes_is_one_line(folder, change, capsys):
    path = min((folder / "runs").iterdir())
    (row,) = read_parquet(RUN_COLUMNS, [path])
    path.write_bytes(to_parquet(RUN_COLUMNS, [{**row, **change}]))
    assert main(["sweep", "show", str(folder)]) == 2
    shown = capsys.readouterr()
    assert shown.err.count("\n") == 1
    assert "out" in shown.err
    assert shown.out == ""


def test_a_full_disk_is_one_line_and_the_sweep_continues_afterwards(tmp_path, capsys):
    spec = tmp_path / "spec.toml"
    spec.write_text('task = "xor"\nsteps = 1\ndtype = "mp:8"\nseed = [0, 1]\n')
    words = ["sweep", str(spec), "--out", str(tmp_path / "out"), "--workers", "0"]
    with files_of_at_most(500):
        assert main(words) == 2
    shown = capsys.readouterr().err.splitlines()
    assert "File too large" in shown[-1]
    assert list((tmp_path / "out" / "runs").iterdir()) == []
    assert main(words) == 0


@pytest.mark.parametrize("place", ["file", "file/below"])
def test_a_folder_that_cannot_be_made_is_one_line(place, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    (tmp_path / "spec.toml").write_text('task = "xor"\n')
    words = ["sweep", str(tmp_path / "spec.toml"), "--out", str(tmp_path / place)]
    assert main(words) == 2
    shown = capsys.readouterr().err
    assert shown.count("\n") == 1
    assert "cannot use" in shown


def points(count):
    return SweepSpec.from_plain({"task": "xor", "seed": list(range(count))}).points


def test_batches_grow_while_runs_are_short_and_shrink_towards_the_end():
    given = points(100)
    batches = Batches(given, 2, lambda: False)
    stream, found = iter(batches), []
    found.append(next(stream))
    batches.note(BatchResult((None,), 0.01))
    found += stream
    assert [point for batch in found for point in batch] == list(given)
    sizes = [len(batch) for batch in found]
    assert sizes[0] == sizes[-1] == 1
    assert max(sizes) == 12
    assert sizes[1:] == sorted(sizes[1:], reverse=True)


def test_batches_end_when_the_sweep_is_stopped_and_are_single_for_long_runs():
    stops = iter([False, False, True])
    batches = Batches(points(9), 2, lambda: next(stops))
    batches.note(BatchResult((None,), 3.0))
    assert [len(batch) for batch in batches] == [1, 1]
    assert [len(batch) for batch in Batches(points(3), 0, lambda: False)] == [1, 1, 1]


def test_results_are_reported_in_their_order_and_an_error_of_the_disk_is_raised(tmp_path):
    class Order(SweepObserver):
        seen = ()

        def ended(self, point, result):
            self.seen += (result,)

    class Folder:
        def write(self, result):
            if result == "bad":
                raise nl.NumleanError("full")

    order = Order()
    with results_writer(Folder(), order) as write:
        write("ab", [1, 2])
        write("c", [3])
    assert order.seen == (1, 2, 3)
    with pytest.raises(nl.NumleanError, match="full"), results_writer(Folder(), order) as write:
        write("a", ["bad"])
