"""A command line that runs in this process, and every way in which it can end."""

import sys

import pytest

from numlean.errors import NumleanError
from numlean.verification.in_process import Reaction, react, succeed


def printing(status):
    def run(line):
        print("out", *line)
        print("err", file=sys.stderr)
        return status

    return run


def raising(error):
    def run(line):
        raise error

    return run


def test_a_command_is_described_by_its_status_and_what_it_printed():
    assert react(printing(3), ["a", "b"]) == Reaction(3, "out a b\n", "err\n")


@pytest.mark.parametrize(("code", "status"), [(2, 2), (None, 0), ("no", 1), (0, 0)])
def test_an_exit_has_the_status_of_a_process(code, status):
    assert react(raising(SystemExit(code)), []).status == status


class OddError(BaseException):
    """An exception that nobody expects."""


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (KeyError("x"), "KeyError: 'x'"),
        (OddError("a\nb"), "OddError: a"),
        (ValueError("y" * 5000), "ValueError: " + "y" * 188),
        (MemoryError(), "MemoryError: "),
    ],
)
def test_an_exception_is_one_short_line_without_a_status(error, text):
    assert react(raising(error), []) == Reaction(None, "", "", text)


def test_standard_output_can_be_a_file(tmp_path):
    file = tmp_path / "out"
    assert react(printing(0), ["x"], file).output == ""
    assert file.read_text() == "out x\n"


@pytest.mark.parametrize("run", [printing(130), printing(143), raising(KeyboardInterrupt())])
def test_a_signal_ends_more_than_the_command(run):
    with pytest.raises(KeyboardInterrupt):
        react(run, [])


@pytest.mark.parametrize("run", [printing(1), raising(KeyError("err"))])
def test_a_command_that_has_to_succeed_and_does_not_is_an_error(run):
    assert succeed(printing(0), []).status == 0
    with pytest.raises(NumleanError, match=r"^numlean train xor: .*err"):
        succeed(run, ["train", "xor"])
