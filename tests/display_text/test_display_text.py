"""Values from outside in messages: one line, nothing that acts on a terminal, a bounded length."""

import pytest

from numlean.display_text import escape_controls, escape_line, format_size, one_line, shorten
from numlean.display_text.shortening import LONGEST_MESSAGE, LONGEST_VALUE
from numlean.errors import NumleanError, UnknownNameError


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred", r"\x1b[31mred"),
        ("\x9b2J", r"\x9b2J"),
        ("a\rb\x7f", r"a\rb\x7f"),
        ("\u202egnp.exe", r"\u202egnp.exe"),
        ("\udcff", r"\udcff"),
        ("é, 数, 10\u20132\t\n", "é, 数, 10\u20132\t\n"),
    ],
)
def test_characters_that_act_on_a_terminal_are_escaped(text, shown):
    assert escape_controls(text) == shown


def test_a_line_has_no_ends_of_lines():
    assert escape_line("a\nb\tc") == r"a\nb\tc"


def test_a_long_text_keeps_its_beginning_and_its_end():
    assert shorten("a" * 50 + "b" * 50, 20) == "aaaaaaaaaaaa...bbbbb"
    assert shorten("short", 20) == "short"


@pytest.mark.parametrize("value", ["x" * 1200, "x y" * 400, "'" * 1200, "\x1b" * 900, "a, " * 400])
def test_long_values_in_errors_are_shortened_whatever_they_are(value):
    error = NumleanError(f"--name must be short, got {value!r}; write less")
    assert len(str(error)) < 2 * LONGEST_VALUE + 60
    assert str(error).endswith("; write less")
    assert len(error.args[0]) > 1200


def test_no_message_is_longer_than_the_limit():
    assert len(one_line("a b c " * 10_000)) == LONGEST_MESSAGE


def test_errors_are_one_line():
    assert str(NumleanError("a\nb\x1b[0m")) == r"a\nb\x1b[0m"
    assert len(str(UnknownNameError("dtype", "y" * 10**6, ("float32",)))) < 400


def test_an_unknown_name_where_there_are_none_says_so():
    assert str(UnknownNameError("field", "x", ())) == "unknown field 'x'; there are none"


def test_an_apostrophe_does_not_begin_a_value():
    text = "the task's rows " + "and more words " * 20 + "of the run's data"
    assert one_line(text) == text


def test_sizes_are_shown_in_decimal_units():
    sizes = (1, 999, 1000, 999_949, 999_950, 2**20, 1152 * 10**6, 10**18 - 1, 10**4500)
    shown = ["1 bytes", "999 bytes", "1 kB", "999.9 kB", "1 MB", "1 MB", "1.2 GB"]
    assert [format_size(size) for size in sizes] == [*shown, *["more than 1000 PB"] * 2]
