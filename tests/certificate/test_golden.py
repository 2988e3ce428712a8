"""The golden certificates, one of each task, hold however they are replayed.

They are made by ``numlean train TASK --steps 4 --certificate tests/certificates/TASK.json``. Make
them again in the same way if bits are meant to change.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from numlean import Certificate, replay
from numlean.tasks import task_names

FOLDER = Path(__file__).parents[1] / "certificates"
EMULATED = ("ieee32exec:eager", "ieee32exec:compiled", "ieee32exec:compiled:fast")
HARDWARE = ("float32:eager:fast", "float32:compiled")


def test_each_task_has_a_golden_certificate():
    assert {path.stem for path in FOLDER.glob("*.json")} == set(task_names())


@pytest.mark.parametrize(("place", "task"), list(enumerate(task_names())))
def test_a_golden_certificate_holds_in_both_arithmetics_and_ways_of_execution(place, task):
    certificate = Certificate.load(FOLDER / f"{task}.json")
    assert certificate.run["task"] == task
    # Each way for several tasks; tools/replay_everywhere tries all for each.
    for side in (EMULATED[place % len(EMULATED)], HARDWARE[place % len(HARDWARE)]):
        verdict = replay(certificate, side)
        assert verdict.identical, str(verdict)
        assert (verdict.identical_steps, verdict.compared) == (4, "state")


def test_a_golden_certificate_holds_in_an_arithmetic_without_encodings():
    verdict = replay(FOLDER / "xor.json", "mp:24")
    assert verdict.identical, str(verdict)
    assert verdict.compared == "value"


# tools/replay_everywhere replays every task.
@pytest.mark.parametrize(
    "variables",
    [{"NUMBA_CPU_NAME": "generic", "NUMLEAN_NUM_THREADS": "2"}, {"NUMLEAN_NUM_THREADS": "1"}],
    ids=["generic", "one thread"],
)
def test_a_golden_certificate_holds_for_any_processor_and_on_one_thread(variables):
    argv = [sys.executable, "-m", "numlean", "replay", "--json", str(FOLDER / "xor.json")]
    environment = {**os.environ, **variables}
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["identical_steps"] == 4
