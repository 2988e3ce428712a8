"""The one printer of tables."""

from __future__ import annotations

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
