"""The one printer of tables."""

from __future__ import annotations

from numlean.display_text.layout import Layout, laid_out
from numlean.text_table import RowFormat, TextTable, align_rows

_TABLE = TextTable(("name", "p", "what"), (("a<b", "24", "x"), ("long name", "8", "")), "<><", "T")


def test_texts_are_aligned_left_and_numbers_right() -> None:
    assert _TABLE.to_text() == ("T\nname        p  what\na<b        24  x\nlong name   8")


def test_the_last_alignment_applies_to_all_further_columns() -> None:
    assert align_rows([("a", "1", "2"), ("bb", "10", "20")], "<>") == ["a    1   2", "bb  10  20"]


def test_rows_may_be_shorter_than_the_longest() -> None:
    assert align_rows([("a",), ("b", "c")]) == ["a", "b  c"]
    assert align_rows([]) == []


def test_rows_printed_one_at_a_time_keep_their_columns() -> None:
    row_format = RowFormat("<>", (4, 6), indent="  ")
    assert row_format.line(("ab", "1.5")) == "  ab       1.5"
    assert row_format.line(("a longer cell", "2")) == "  a longer cell       2"


def test_html_escapes_its_cells_and_states_the_alignment_of_each() -> None:
    html = _TABLE.to_html(css_class="wide")
    assert html.startswith('<table class="wide"><caption>T</caption><thead><tr><th ')
    assert '<td style="text-align:left">a&lt;b</td>' in html
    assert '<td class="number" style="text-align:right">24</td>' in html
    assert html.endswith("</tbody></table>")


def test_html_may_have_headings_of_rows_and_no_header() -> None:
    html = TextTable((), (("value", "1"),)).to_html(row_headers=True)
    assert html == (
        '<table><tbody><tr><th style="text-align:left">value</th>'
        '<td style="text-align:left">1</td></tr></tbody></table>'
    )


def _shown(table: TextTable, width: int) -> list[str]:
    with laid_out(Layout(width)):
        return table.to_text().splitlines()


def test_titles_get_several_lines_before_a_table_is_divided() -> None:
    table = TextTable(("dtype", "relative error", "sign flips"), (("e4m3", "0.5", "1"),), "<>")
    assert _shown(table, 40) == table.to_text().splitlines()
    assert _shown(table, 23) == [
        "       relative   sign",
        "dtype     error  flips",
        "e4m3        0.5      1",
    ]
    assert _shown(table, 16) == [
        *("       relative", "dtype     error", "e4m3        0.5"),
        *("", "        sign", "dtype  flips", "e4m3       1"),
    ]


def test_a_last_column_of_sentences_continues_below_itself() -> None:
    rows = (("a", "words that take much more than the line"), ("b", "few"))
    assert _shown(TextTable((), rows), 30) == [
        "a  words that take much more",
        "   than the line",
        "b  few",
    ]


def test_headings_are_remembered_for_a_terminal_with_colours() -> None:
    layout = Layout()
    with laid_out(layout):
        lines = _TABLE.lines()
    assert layout.headings == {lines[0], lines[1]}


def test_columns_of_rows_printed_one_at_a_time_shrink() -> None:
    row_format = RowFormat("<>", (6, 12, 12))
    with laid_out(Layout(28)):
        assert len(row_format.line(("ab", "1.5", "2"))) == 28


def test_a_row_that_is_too_long_goes_on_in_further_lines() -> None:
    row_format, layout = RowFormat("<>", (6, 12, 12), indent="  "), Layout(20)
    with laid_out(layout):
        assert row_format.line(("a name", "", "1 of 2 equal")) == "  a name\n      1 of 2 equal"
        assert row_format.line(("ab", "0123456789abcdef", "c")) == (
            "  ab\n      0123456789abcdef\n      c"
        )
        assert row_format.heading(("a name", "of many words")) == "  a name\n      of many words"
    assert layout.headings == {"  a name", "      of many words"}
