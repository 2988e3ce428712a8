"""Output on a terminal: colours, lines that fit, help, and suggestions for misspelt words."""

from __future__ import annotations

import argparse
import io
import json
import re
import sys

import pytest

from numlean.cli.main import COMMAND_GROUPS, COMMANDS, build_parser, main
from numlean.cli.parser import GENERAL, Parser

ESCAPES = re.compile(r"\x1b\[[\d;]*m")


class Terminal(io.StringIO):
    """A terminal, which remembers what is shown on it."""

    def isatty(self):
        return True


@pytest.fixture(autouse=True)
def no_choice(monkeypatch):
    for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")


def run(monkeypatch, argv, *, columns=None, terminal=True):
    """Run a command; return its exit status, its output and its errors."""
    streams = (Terminal(), Terminal()) if terminal else (io.StringIO(), io.StringIO())
    with monkeypatch.context() as patch:
        if columns is not None:
            patch.setenv("COLUMNS", str(columns))
        patch.setattr(sys, "stdout", streams[0])
        patch.setattr(sys, "stderr", streams[1])
        # Bars draw over themselves, and are tested elsewhere.
        patch.setattr("numlean.cli.progress.sys", argparse.Namespace(stderr=io.StringIO()))
        try:
            status = main(argv)
        except SystemExit as stop:
            status = stop.code
    return status, *(stream.getvalue() for stream in streams)


SHORT = ["--steps", "3"]
TABLES = [
    ["dtypes"],
    ["tasks"],
    ["policies"],
    ["policies", "bf16-mixed"],
    ["train", "xor", *SHORT, "--dtype", "bfloat16", "--flags"],
    ["compare", "xor", *SHORT, "--dtypes", "mp:30", "--truth", "mp:60"],
    ["compare", "xor", *SHORT, "--policies", "bf16-mixed", "--truth", "mp:60"],
    ["crosscheck", "xor", *SHORT, "--dtypes", "float32,bfloat16", "--continue"],
    ["ablate", "xor", "--steps", "1", "--policy", "bf16-mixed", "--seeds", "2", "--truth", "mp:60"],
    ["eval", "1/3", "--dtype", "binary64exec", "--dtype", "mp:60", "--dtype", "mp:300"],
    ["compare-units", "A100:fp16", "H100:fp16"],
    ["verify", "scalars", "--dtype", "e2m1"],
    ["bench", "step", "--dtypes", "float32", "--rounds", "1"],
    ["bench", "functions", "--operation", "exp", "--dtypes", "float32", "--rounds", "1"],
    ["bench", "ops", "--operation", "add", "--dtypes", "float32", "--rounds", "1"],
]
"""Commands with a table, of which each takes about a second."""


@pytest.mark.parametrize("argv", TABLES, ids=" ".join)
def test_lines_fit_and_no_word_is_broken(monkeypatch, argv):
    known = None
    for columns in (1000, 80, 60):
        _, out, errors = run(monkeypatch, argv, columns=columns)
        lines = ESCAPES.sub("", out + errors).splitlines()
        long = [line for line in lines if len(line) > columns]
        assert [line for line in long if len(line.split()) > 2] == []  # a digest cannot be broken
        words = {word for line in lines for word in line.split() if not re.search(r"\d", word)}
        known = known or words
        assert words <= known


def test_a_table_that_fits_is_the_same_as_in_a_pipe(monkeypatch):
    argv = ["compare", "xor", *SHORT, "--dtypes", "float32,bfloat16", "--truth", "mp:60"]
    _, piped, _ = run(monkeypatch, argv, terminal=False)
    _, shown, _ = run(monkeypatch, argv, columns=500)
    assert ESCAPES.sub("", shown) == piped
    assert ESCAPES.search(shown)
    assert not ESCAPES.search(piped)


@pytest.mark.parametrize(
    ("variables", "options", "terminal", "has_colours"),
    [
        ({}, [], True, True),
        ({}, [], False, False),
        ({"NO_COLOR": "1"}, [], True, False),
        ({"NO_COLOR": ""}, [], True, True),
        ({"TERM": "dumb"}, [], True, False),
        ({"FORCE_COLOR": "1"}, [], False, True),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, [], True, False),
        ({"NO_COLOR": "1"}, ["--color", "always"], False, True),
        ({"FORCE_COLOR": "1"}, ["--color", "never"], True, False),
        ({}, ["--color=auto"], False, False),
    ],
)
def test_colours_follow_the_option_the_variables_and_the_terminal(
    monkeypatch, variables, options, terminal, has_colours
):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    for argv in (["dtypes", *options], [*options, "dtypes"]):
        status, out, _ = run(monkeypatch, argv, terminal=terminal)
        assert status == 0
        assert bool(ESCAPES.search(out)) is has_colours


def test_json_has_no_colours_and_no_broken_lines(monkeypatch):
    argv = ["crosscheck", "xor", "--steps", "1", "--dtypes", "mp:24,mp:12", "--json"]
    _, out, _ = run(monkeypatch, [*argv, "--color", "always"], columns=40)
    assert json.loads(out)["identical"] is False
    assert out.count("\n") == 1
    assert not ESCAPES.search(out)


def test_an_error_is_red_and_a_name_from_outside_stays_escaped(monkeypatch):
    _, _, errors = run(monkeypatch, ["train", "\x1b[32mxor"])
    assert errors.startswith("\x1b[1;31mnumlean: error:\x1b[0m ")
    assert errors.count("\x1b") == 2
    assert "\\x1b[32mxor" in errors


def parsers():
    yield build_parser()
    for name in COMMANDS:
        parser = build_parser(name)
        (commands,) = (a for a in parser._actions if isinstance(a, argparse._SubParsersAction))
        yield commands.choices[name]
        for action in commands.choices[name]._actions:
            if isinstance(action, argparse._SubParsersAction):
                yield from action.choices.values()


def test_the_help_lists_every_command_in_a_group():
    text = build_parser().format_help()
    for title, names in COMMAND_GROUPS.items():
        assert f"\n{title}:\n" in text
        assert all(re.search(rf"^  {name} +\S", text, re.MULTILINE) for name in names)


def test_help_is_short_and_has_groups_and_examples(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    for parser in parsers():
        assert isinstance(parser, Parser)
        short, full = parser.format_help(), parser.format_help(is_full=True)
        assert len(short.splitlines()) <= 85, parser.prog
        long = [line for line in full.splitlines() if len(line) > 80 and "  $ " not in line]
        assert [line for line in long if len(line.split()) > 1] == []
        assert f"\n{GENERAL}:\n" in short
        assert "\nexamples:\n  $ " in short
        for action in parser._actions:
            assert all(option in short for option in action.option_strings[:1])


@pytest.mark.parametrize(
    ("argv", "nearest"),
    [
        (["trian"], "train"),
        (["train", "xor", "--dtyp3", "x"], "--dtype"),
        (["train", "xor", "--dtype", "bfloat15"], "bfloat16"),
        (["train", "digit"], "digits"),
        (["train", "xor", "--policy", "bf16-mixd"], "bf16-mixed"),
        (["policies", "mxfp7"], "mxfp6"),
        (["train", "xor", "--backend", "compild"], "compiled"),
        (["train", "xor", "--optim", "adan"], "adam"),
        (["train", "xor", "--device", "cuba"], "cuda"),
        (["bench", "kernel"], "kernels"),
        (["verify", "atacks"], "attacks"),
        (["completion", "bsh"], "bash"),
        (["eval", "1", "--color", "alway"], "always"),
    ],
    ids=" ".join,
)
def test_a_misspelt_word_is_answered_with_the_nearest_one(monkeypatch, argv, nearest):
    status, _, errors = run(monkeypatch, argv, terminal=False)
    assert status == 2
    assert re.search(rf"did you mean .*{nearest}", errors), errors
