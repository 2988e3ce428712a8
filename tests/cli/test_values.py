"""Numbers, names and sizes on the command line that no run can use are refused in one line."""

import argparse
from io import StringIO

import pytest

from numlean.arguments import memory
from numlean.cli.main import main
from numlean.cli.numbers import integer, real

RUN = ["train", "xor", "--dtype", "mp:24", "--steps", "1"]
LONG = "9" * 5000


@pytest.mark.parametrize(("text", "number"), [("12", 12), (" -3 ", -3), ("+1_000", 1000)])
def test_integers(text, number):
    assert integer(text) == number


@pytest.mark.parametrize(
    "text", ["", " ", "1.5", "1e3", "0x10", "nan", "\u0661", "\xb2", "1__0", "--1", LONG]
)
def test_other_texts_are_not_integers(text):
    with pytest.raises(argparse.ArgumentTypeError, match="expected an integer"):
        integer(text)


@pytest.mark.parametrize(
    ("text", "number"), [("1e-3", 1e-3), ("-.5", -0.5), (" 2 ", 2.0), ("0e-999", 0.0), ("-0", -0.0)]
)
def test_real_numbers(text, number):
    assert real(text) == number


@pytest.mark.parametrize("text", ["", "1,5", "0x1p3", "\u0661", "1e", "e5", "1__0", "1/3", "."])
def test_other_texts_are_not_numbers(text):
    with pytest.raises(argparse.ArgumentTypeError, match="expected a number"):
        real(text)


@pytest.mark.parametrize(("text", "zero"), [("1e400", "infinity"), (LONG, "inf"), ("1e-400", "0")])
def test_numbers_beyond_binary64_do_not_become_others(text, zero):
    with pytest.raises(argparse.ArgumentTypeError, match=f"rounds to {zero}"):
        real(text)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ([*RUN, "--steps", LONG], "at most 100 digits"),
        ([*RUN, "--steps", str(10**30)], "--steps must be at most"),
        ([*RUN, "--lr", "nan"], "lr must be finite"),
        ([*RUN, "--lr", "1e400"], "rounds to infinity"),
        ([*RUN, "--dtype", f"mp:{LONG}"], "mp takes a precision"),
        ([*RUN, "--dtype", "mp:\u0661"], "mp takes a precision"),
        ([*RUN, "--dtype", f"ieee:e{LONG}m3"], "ieee"),
        (["compare", "xor", "--dtypes", ""], "names no dtype"),
        (["crosscheck", "xor", "--dtypes", ","], "names no dtype"),
        (["verify", "checkpoints", "--mutations", "1", "--dtypes", ""], "names no dtype"),
        (["verify", "arithmetic", "--jobs", str(10**9)], "--jobs must be between 1 and 1024"),
        (["train", "\x1b[31mx", *RUN[2:]], r"\x1b[31mx"),
        (["train", "x" * 1200, *RUN[2:]], "unknown task"),
        ([*RUN, "--device", "y" * 1200], "unknown device"),
        ([*RUN, "--nope" + "z" * 1200], "unknown option"),
        ([*RUN, "--save", "n" * 300], "n"),
        ([*RUN, "--max-size=--"], "expected a size such as 500MB, 2GiB or 8GB, got '--'"),
        ([*RUN, "--steps=--"], "expected an integer such as 10, got '--'"),
        ([*RUN, "--dtype=--"], "unknown dtype '--'"),
        ([*RUN, "--hidden=--"], "got '--'"),
        (["export", "--", "no-such-file", "--"], "no-such-file"),
    ],
)
def test_wrong_values_give_one_short_line(line, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    try:
        status = main(line)
    except SystemExit as stop:
        status = stop.code
    errors = capsys.readouterr().err
    assert status == 2
    assert message in errors
    assert errors.splitlines()[-1].startswith("numlean: error: ")
    assert all(len(text) < 1000 and text.isprintable() for text in errors.splitlines())


def test_a_model_that_no_memory_holds_is_refused_before_it_is_made(monkeypatch, capsys):
    monkeypatch.setattr(memory, "machine_memory", lambda: 1000)
    assert main(RUN) == 2
    assert "of memory, and this machine has 1 kB; use fewer" in capsys.readouterr().err


def test_an_empty_memory_error_names_the_great_values(monkeypatch, capsys):
    def exhaust(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr("numlean.cli.train.command.Stepper", exhaust)
    assert main([*RUN, "--batch-size", "2000000"]) == 2
    assert "out of memory; the greatest values are --batch-size 2000000" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["[/b]x.csv", "$x$.csv", "\x1b[31mred.csv", "a\nb.csv"])
def test_a_progress_bar_and_a_plot_show_any_name(name, tmp_path, monkeypatch):
    pytest.importorskip("matplotlib")
    from rich.console import Console

    from numlean.cli import progress_bar
    from numlean.cli.train import plot

    file = StringIO()
    console = Console(file=file, force_terminal=True, width=200)
    monkeypatch.setattr(progress_bar, "Console", lambda **_: console)
    with progress_bar.make_bar() as bar:
        from numlean.display_text import escape_line

        bar.add_task(escape_line(name), total=1, note="[/i]")
    assert escape_line(name) in file.getvalue()
    plot.draw(str(tmp_path / "p.svg"), f"{name}, mp:24", [(0, 1.0), (1, 0.5)], [])
    assert (tmp_path / "p.svg").read_bytes().startswith(b"<?xml")
