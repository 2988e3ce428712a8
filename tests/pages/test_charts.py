"""Charts and tables as markup: their places, texts and bounds, for any figures."""

import json
import math
import re

import pytest

from numlean.pages.bars import Bars, bar_chart
from numlean.pages.data import data_block
from numlean.pages.dots import Dots, dot_chart
from numlean.pages.html import verbatim
from numlean.pages.layout import paragraph
from numlean.pages.lines import HEIGHT, WIDTH, Curve, line_chart
from numlean.pages.maps import LEVELS, Kind, heat_map
from numlean.pages.scales import fitted, is_wide
from numlean.pages.shell import html_document
from numlean.pages.tables import SHOWN, data_table

BAD = "<script>bad</script>"
ODD = [math.nan, math.inf, -math.inf, 0.0, -1.0, 5e-324, 1e99, 1.0]


def numbers(markup):
    found = re.findall(r'(?<![\w-])(?:d|x|y|x1|x2|y1|y2|width|height)="([^"]*)"', markup)
    return [float(each) for text in found for each in re.findall(r"-?[\d.]+(?:e-?\d+)?", text)]


def data_of(chart):
    text = re.search(r'<pre hidden class="data">(.*?)</pre>', chart.text, re.DOTALL)[1]
    return json.loads(text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"))


@pytest.mark.parametrize("log", [None, True, False])
def test_any_curves_stay_inside_their_chart(log):
    steps = list(range(len(ODD)))
    chart = line_chart(
        [
            Curve(BAD, 0, steps, ODD, [x - 1 for x in ODD], [x + 1 for x in ODD]),
            Curve.of("none", 9, [], []),
            Curve.of("one", 2, [3], [2.0]),
        ],
        "loss",
        BAD,
        log=log,
    )
    assert BAD not in chart.text
    assert "NaN" not in chart.text
    found = numbers(chart.text)
    assert all(-1 <= each <= max(WIDTH, HEIGHT) + 1 for each in found)
    assert data_of(chart)["curves"][0]["y"][:2] == [None, None]


def test_what_a_chart_cannot_show_of_a_curve_is_said():
    curves = [
        Curve.of("a", 0, [], []),
        Curve.of("b", 1, [0, 1], [math.nan, math.nan]),
        Curve.of("c", 2, [0, 1], [0.0, 0.0]),
        Curve.of("d", 3, [0, 1], [1.0, math.inf]),
    ]
    text = line_chart(curves, "loss", "x", log=True).text
    for note in ("a (no value)", "b (not finite)", "c (0: no error)", "d (to step 0)"):
        assert note in text


@pytest.mark.parametrize(
    ("values", "log"),
    [([], False), ([1.0], False), ([0.0], False), ([1e-300, 1e300], True), ([-5.0, 7.0], False)],
)
def test_ticks_are_few_round_and_on_the_axis(values, log):
    scale = fitted(values, 0, 100, log=log)
    ticks = scale.ticks
    assert 1 <= len(ticks) <= 12
    assert all(-1e-6 <= scale.at(value) <= 100 + 1e-6 for value, _ in ticks)
    assert len({text for _, text in ticks}) == len(ticks)


def test_an_axis_is_logarithmic_for_wide_positive_values():
    assert is_wide([1.0, 31.0])
    assert not is_wide([1.0, 29.0])
    assert not is_wide([0.0, 1.0])
    assert not is_wide([])


def test_bars_tell_their_shares_and_may_have_none():
    rows = [Bars(BAD, {-3: 1, 2: 2}, before=1, style=1, mark=0), Bars("empty"), Bars("w", beyond=5)]
    text = bar_chart(rows, "ulp", "x").text
    assert BAD not in text
    assert "2⁻³ to 2⁻²: 25 %" in text
    assert "exact: 25 %" in text
    assert "not finite: 100 %" in text
    assert "empty: none" in text
    assert "w: no finite number" in text
    assert "<svg" in bar_chart([], "ulp", "x").text


def test_a_map_has_levels_links_and_every_kind_of_cells():
    cells = [[None, 0.0, 1.0], [200.0, math.inf, 0.4]]
    kinds = {"a": Kind("first", "an ulp", cells), "b": Kind("second", "2⁻³", cells, 0.125)}
    chart = heat_map(
        [BAD, "two"], ["0", "5", "9"], kinds, "x", links=["#one", ""], chosen=(1, None)
    )
    levels = re.findall(r'class="(none|level-\d)"', chart.text)
    assert levels == ["none", "level-0", "level-2", "level-7", "level-7", "level-0"]
    assert BAD not in chart.text
    assert chart.text.count('href="#one"') == 1
    assert data_of(chart)["kinds"]["b"]["cells"][1] == [200.0, "∞", 0.4]
    assert Kind("x", "y", []).level(math.inf) == LEVELS - 1


def test_dots_are_drawn_with_notes_and_on_a_symmetric_axis():
    rows = [
        Dots("a", (1e-6, 2e-6), 1.5e-6, 1e-6, 0, is_filled=True),
        Dots("b", (1e3,), 1e3, None, 1),
        Dots(BAD, (), math.nan, None, 2, note="not finite in 2 of 2"),
        Dots("c", (-2e-6,), -2e-6, None, 9),
    ]
    for is_difference in (True, False):
        text = dot_chart(rows, "x", is_difference=is_difference).text
        assert BAD not in text
        assert "not finite in 2 of 2" in text
        assert "nan" not in text.replace("NaN", "")
    assert "<svg" in dot_chart([], "x").text


def test_a_long_table_has_its_first_rows_and_the_others_as_data():
    rows = [(str(k), BAD) for k in range(2 * SHOWN)]
    table = data_table(("number", "text"), rows, ">", label="numbers", links={150: "here"})
    assert table.text.count("<tr") == SHOWN + 1
    assert BAD not in table.text
    data = data_of(table)
    assert len(data["rows"]) == 2 * SHOWN
    assert data["ids"] == {"150": "here"}
    short = data_table(("number", "text"), rows[:3], label="numbers", links={1: "here"})
    assert "<pre" not in short.text
    assert '<tr id="here">' in short.text


def test_data_are_texts_that_nothing_executes():
    block = data_block({"a": [math.nan, 0.1234567, "</pre>" + BAD, True, 2**70]})
    assert block.text.startswith("<pre hidden")
    assert BAD not in block.text
    assert block.text.count("</pre>") == 1
    assert "0.123457" in block.text


def test_only_own_styles_and_scripts_are_verbatim():
    with pytest.raises(ValueError, match="cannot contain"):
        verbatim("script", "x </SCRIPT> y")
    with pytest.raises(ValueError, match="cannot contain"):
        verbatim("p", "x")


def test_a_paragraph_has_bold_words_and_no_markup():
    assert paragraph(f"**a** b {BAD}").text == (
        "<p><b>a</b> b &lt;script&gt;bad&lt;/script&gt;</p>"
    )


def test_a_document_is_the_same_for_the_same_parts():
    one, two = (html_document(BAD, [paragraph("x")]) for _ in range(2))
    assert one == two
    assert BAD not in one


def test_bars_of_dots_stay_right_of_the_names_and_names_are_not_cut():
    rows = [Dots("x" * 36, (2.0,), 1.0, 3.0, 0), Dots("b", (), 1.5, 0.1, 1)]
    drawing = dot_chart(rows, "x").text
    bars = [tag for tag in re.findall(r"<line[^>]*>", drawing) if "spread" in tag]
    ends = [float(x) for tag in bars for x in re.findall(r' x[12]="([\d.]+)"', tag)]
    assert len(ends) == 4
    assert 256 <= min(ends) <= max(ends) <= 640
