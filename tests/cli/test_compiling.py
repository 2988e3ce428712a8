"""What a command shows of compilations, and what it compiles in other processes."""

import io
import subprocess
import sys
import time

import pytest

from numlean.cli import compiling as module
from numlean.cli.compiling import compiling, kernel_text
from numlean.cli.main import main
from numlean.cli.progress import SHOWN
from numlean.cli.train.monitor import TrainingMonitor
from numlean_kernels.compilation import COMPILATIONS, Compilations

NAME = "exp ieee/e8m7/ties_to_even/torchlean"


class Terminal(io.StringIO):
    """Standard error that is a terminal."""

    def isatty(self):
        return True


@pytest.fixture
def alone(monkeypatch):
    """No process helps."""
    monkeypatch.setattr(module, "helping_processes", lambda: 0)


def compile_nothing():
    COMPILATIONS.start(NAME)
    COMPILATIONS.end()


def test_a_terminal_shows_what_is_compiled_and_clears_the_line(monkeypatch, alone):
    monkeypatch.setattr(sys, "stderr", Terminal())
    with compiling(lambda: None):
        compile_nothing()
    text = sys.stderr.getvalue()
    assert "numlean: compiling exp ieee/e8m7" in text
    assert "ties_to_even" not in text
    assert text.endswith("\r\x1b[K")


def test_a_bar_shows_it_as_its_note(monkeypatch, alone):
    notes = []
    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setattr(module, "SHOWN", [*SHOWN, notes.append])
    with compiling(lambda: None):
        compile_nothing()
    assert notes == ["compiling exp ieee/e8m7"]
    assert sys.stderr.getvalue() == ""


def test_a_pipe_shows_nothing(capsys, alone):
    with compiling(lambda: None):
        compile_nothing()
    assert capsys.readouterr() == ("", "")
    assert COMPILATIONS.observer is None


def test_kernels_have_short_names():
    assert kernel_text("add hardware/binary32 on encodings") == "add hardware/binary32 on encodings"
    assert kernel_text("run_all") == "run_all"


def test_nested_compilations_count_their_time_once():
    seen = Compilations()
    for _ in range(2):
        seen.start(NAME)
    time.sleep(0.01)
    seen.end()
    assert seen.seconds == 0
    seen.loaded(5.0)
    seen.end()
    seen.end()  # of nothing
    assert (seen.count, 0.01 <= seen.seconds < 5) == (2, True)


def test_the_duration_of_training_leaves_out_compilation(monkeypatch):
    monitor = TrainingMonitor(None, None, None, lambda *_: None)
    monitor._began -= 100
    monkeypatch.setattr(COMPILATIONS, "seconds", COMPILATIONS.seconds + 60)
    monitor.end()
    assert 40 <= monitor.seconds < 100


WARM = """
import sys
from numlean.cli.main import main
sys.exit(main(["warm", "float32", "softfloat32", "--task", "xor"]))
"""


def test_warm_compiles_each_kernel_once():
    pytest.importorskip("softfloat", reason="the oracle extra is not installed")

    def lines():
        done = subprocess.run([sys.executable, "-c", WARM], capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout.splitlines()

    lines()
    compiled, interpreted = lines()
    assert compiled.startswith("float32: ")
    assert " 0 of them compiled now, in " in compiled
    assert interpreted.startswith("softfloat32: its kernels are not compiled")


def test_warm_refuses_what_it_does_not_know(capsys):
    assert main(["warm", "float32", "--task", "nothing"]) == 2
    assert "unknown task 'nothing'" in capsys.readouterr().err
    assert main(["warm", "flat32"]) == 2
    assert "did you mean" in capsys.readouterr().err


REHEARSAL = """
import sys
from contextlib import contextmanager
import {module} as module
from numlean.cli.main import main
from numlean_kernels.targets.rehearsal import rehearsing

@contextmanager
def rehearsed(rehearse):
    with rehearsing() as rehearsal:
        rehearse()
    print(len(rehearsal.jobs) > 9, file=sys.stderr)
    raise SystemExit(0)
    yield

module.compiling = rehearsed
main({words!r})
"""


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("crosscheck", ("--dtypes", "float32,ieee32exec")),
        ("compare", ("--dtypes", "bfloat16", "--truth", "float64")),
        ("ablate", ("--policy", "bf16-mixed")),
    ],
)
def test_commands_of_several_runs_name_their_kernels_beforehand(command, words):
    given = [command, "xor", *words]
    program = REHEARSAL.format(module=f"numlean.cli.{command}", words=given)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines()[-1] == "True"
