"""The examples that help shows run. test_completion.py tries those of completion, in shells."""

from __future__ import annotations

import io
import os
import shlex
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

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


class Needed(NamedTuple):
    """A file that examples read, and the command whose examples write it."""

    file: str
    command: str


FILES = {
    "replay": Needed("run.cert", "train"),
    "export": Needed("run.nl", "train"),
    "record-unit": Needed("products.jsonl", "compare-units"),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    before = Path.cwd()
    folder = tmp_path_factory.mktemp("examples")
    (folder / "grid.toml").write_text('task = "xor"\nsteps = 2\ndtype = ["mp:30", "mp:40"]\n')
    (folder / "lines.txt").write_text("3C00 3C00 00\n")
    os.chdir(folder)
    yield folder
    os.chdir(before)


def run(command, monkeypatch, capsys):
    """Run the examples of a command, each in this process; those of slow ones are only parsed."""
    for line in EXAMPLES[command]:
        words = shlex.split(line)
        if command in SLOW:
            build_parser(words[1]).parse_args(words[1:])
            continue
        if "<" in words:
            content = Path(words[-1]).read_bytes()
            monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
            words = words[: words.index("<")]
        assert words[0] == "numlean"
        assert main(words[1:]) == 0, capsys.readouterr().err


@pytest.mark.parametrize("command", [name for name in EXAMPLES if name != "completion"])
def test_the_examples_of_a_command_run(command, folder, monkeypatch, capsys):
    if command in PACKAGES and find_spec(PACKAGES[command]) is None:
        pytest.skip(f"{PACKAGES[command]} is not installed")
    if command == "play":
        monkeypatch.setattr("numlean.play.server.serve", lambda listener, app, ready: ready())
    needed = FILES.get(command)
    if needed is not None and not (folder / needed.file).exists():  # in another process
        run(needed.command, monkeypatch, capsys)
    run(command, monkeypatch, capsys)


def test_every_command_has_examples():
    names = {each.name for each in commands_of(Program(main, build_parser, tuple(COMMANDS)))}
    assert names <= set(EXAMPLES)
    assert set(COMMANDS) <= set(EXAMPLES)
    assert examples_of("numlean")


def test_the_examples_of_the_program_are_valid_command_lines():
    for line in examples_of("numlean"):
        words = shlex.split(line)
        build_parser(words[1]).parse_args(words[1:])
