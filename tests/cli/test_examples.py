"""The examples that help shows run, one after the other, in one folder."""

from __future__ import annotations

import io
import os
import shlex
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from numlean.cli.examples import EXAMPLES, examples_of
from numlean.cli.main import COMMANDS, build_parser, main
from numlean.verification.attacks import Program
from numlean.verification.attacks.command_lines.lines import commands_of

PACKAGES = {"sweep": "distributed", "play": "starlette", "verify elementary": "gmpy2"}
"""Optional packages that examples need."""

SLOW = (
    *("verify", "verify arithmetic", "verify certificates", "verify checkpoints"),
    *("verify policies", "verify attacks", "bench", "warm", "doctor"),
)
"""Commands that take too long here, or start processes; their own tests run them."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    before = Path.cwd()
    folder = tmp_path_factory.mktemp("examples")
    (folder / "grid.toml").write_text('task = "xor"\nsteps = 2\ndtype = ["mp:30", "mp:40"]\n')
    (folder / "lines.txt").write_text("3C00 3C00 00\n")
    os.chdir(folder)
    yield folder
    os.chdir(before)


@pytest.mark.parametrize("command", EXAMPLES)
def test_the_examples_of_a_command_run(command, folder, monkeypatch, capsys):
    if command in PACKAGES and find_spec(PACKAGES[command]) is None:
        pytest.skip(f"{PACKAGES[command]} is not installed")
    if command == "play":
        monkeypatch.setattr("numlean.play.server.serve", lambda listener, app, ready: ready())
    for line in EXAMPLES[command]:
        words = shlex.split(line, comments=False)
        if command == "completion":  # for a shell, in which tests/cli/test_completion.py tries it
            continue
        assert words[0] == "numlean"
        if command in SLOW:
            build_parser(words[1]).parse_args(words[1:])
            continue
        if "<" in words:
            words, (_, file) = words[:-2], words[-2:]
            monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(Path(file).read_bytes())))
        assert main(words[1:]) == 0, capsys.readouterr().err


def test_every_command_has_examples():
    names = {each.name for each in commands_of(Program(main, build_parser, tuple(COMMANDS)))}
    assert names <= set(EXAMPLES)
    assert set(COMMANDS) <= set(EXAMPLES)
    assert examples_of("numlean")


def test_the_examples_of_the_program_are_valid_command_lines():
    for line in examples_of("numlean"):
        words = shlex.split(line)
        build_parser(words[1]).parse_args(words[1:])
