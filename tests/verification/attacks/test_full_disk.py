"""A few full disks, and programs that do not survive them."""

from itertools import islice

import pytest

from numlean.cli.main import COMMANDS, build_parser, main
from numlean.verification.attacks import Program, Setting
from numlean.verification.attacks.full_disk import PLACES, REAL, cases, run
from numlean.verification.attacks.outputs import OUTPUTS

PROGRAM = Program(main, build_parser, tuple(COMMANDS))
LOG, SAVE, _, CERTIFICATE = OUTPUTS[:4]
RESUMED = OUTPUTS[5]


def failures(folder, outputs, count, program=PROGRAM):
    setting = Setting(program, folder, count, seed=1)
    return [(o.case, o.failure) for o in run(setting, outputs) if o.failure is not None]


def test_every_place_is_tried_with_every_file():
    tried = {(case.output, case.place) for case in islice(cases(OUTPUTS, 0), 300)}
    assert len({output for output, _ in tried}) == len(OUTPUTS) >= 17
    assert {place for _, place in tried} == {*PLACES, *REAL}


@pytest.mark.parametrize("output", [LOG, SAVE, CERTIFICATE, RESUMED], ids=lambda each: each.name)
def test_a_run_survives_the_full_disk_of_one_of_its_files(tmp_path, output):
    assert not failures(tmp_path, (output,), 11 if output is LOG else 5)


def test_programs_that_lose_something_are_found(tmp_path):
    quiet = Program(lambda argv: 0 * main(argv), build_parser, ())
    assert all("exit status 0" in failure for _, failure in failures(tmp_path, (LOG,), 3, quiet))
