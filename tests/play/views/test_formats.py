"""The view of formats: figures, constants and conversions against numpy and ml_dtypes."""

import re
import subprocess
import sys

import numpy as np
import pytest

from numlean.pages.html import join
from numlean.play.views.formats.catalogue import catalogue
from numlean.play.views.formats.compute import convert, format_facts
from numlean.play.views.formats.query import FormatsQuery
from numlean.play.views.formats.view import show_formats


def _facts(workspace, dtype):
    return format_facts(FormatsQuery.of({"f": dtype}), workspace)


def _page(workspace, **parameters):
    shown = show_formats(parameters, workspace)
    return shown, join(shown.content).text


def test_all_numbers_of_a_small_format_are_those_of_ml_dtypes(workspace):
    ml_dtypes = pytest.importorskip("ml_dtypes")
    every = np.arange(256, dtype=np.uint8).view(ml_dtypes.float8_e5m2).astype(np.float64)
    values = _facts(workspace, "e5m2").values
    assert [each.value for each in values] == sorted(every[np.isfinite(every)])
    by_code = {each.code: each.value for each in values}
    assert all(every[code] == value for code, value in by_code.items())


def test_wide_formats_have_a_spectrum_in_place_of_all_numbers(workspace):
    facts = _facts(workspace, "posit:16")
    assert facts.values is None
    assert sum(each.count * (each.end - each.first) for each in facts.spectrum) == (1 << 15) - 1


def test_the_constants_are_those_of_numpy(workspace):
    found = {each.name: each for each in _facts(workspace, "binary16").constants}
    info = np.finfo(np.float16)
    values = {name: float(each.number.value) for name, each in found.items() if each.number}
    assert values["greatest number"] == float(info.max)
    assert values["least positive normal number"] == float(info.smallest_normal)
    assert found["least positive number"].number.code == 1
    assert float(found["distance of these (epsilon)"].text) == float(info.eps)
    assert values["up to which it has every integer"] == 2048
    assert found["exponents of normal numbers"].text == "-14 to 15"
    assert found["finite encodings"].text == "63,488"
    assert found["NaN encodings"].text == "2,046"
    assert found["infinities"].text == "2"


@pytest.mark.parametrize("dtype", ["e4m3fnuz", "e4m3", "e2m1", "e8m0"])
def test_the_encodings_are_counted_as_they_are_in_ml_dtypes(workspace, dtype):
    ml_dtypes = pytest.importorskip("ml_dtypes")
    name = {"e4m3": "float8_e4m3fn", "e2m1": "float4_e2m1fn", "e8m0": "float8_e8m0fnu"}
    kind = getattr(ml_dtypes, name.get(dtype, f"float8_{dtype}"))
    facts = _facts(workspace, dtype)
    every = np.arange(1 << facts.width, dtype=np.uint8).view(kind).astype(np.float32)
    found = {each.name: each.text for each in facts.constants}
    assert int(found["finite encodings"]) == np.isfinite(every).sum()
    assert int(found["NaN encodings"]) == np.isnan(every).sum()


@pytest.mark.parametrize("value", ["0.1", "65504", "65520", "1e-8", "-2.71828"])
def test_a_conversion_is_that_of_numpy(value):
    found = convert(FormatsQuery.of({"v": value, "from": "float32", "to": "binary16"}))
    with np.errstate(over="ignore"):
        half = np.float32(value).astype(np.float16)
    assert found.target.code == int(half.view(np.uint16))
    assert found.back.code == int(half.astype(np.float32).view(np.uint32))
    assert found.is_reversible == (half.astype(np.float32) == np.float32(value))


def test_a_conversion_has_a_rounding_and_an_overflow_of_its_own():
    query = {"v": "1000", "from": "float32", "to": "e4m3", "overflow": "saturate"}
    assert convert(FormatsQuery.of(query)).target.value == "448.0"
    query = {"v": "0.3", "from": "float32", "to": "e2m1", "round": "away_from_zero"}
    assert convert(FormatsQuery.of(query)).target.value == "0.5"


def test_every_format_of_the_list_can_be_shown(workspace):
    entries = catalogue()
    assert {"float32", "e4m3", "posit:16", "takum:8", "mp:100"} <= {each.dtype for each in entries}
    for entry in entries:
        shown, text = _page(workspace, f=entry.dtype, beside="float32", to="float32")
        assert 'class="error"' not in text
        assert shown.address.startswith("/formats?f=")


@pytest.mark.parametrize(
    "parameters",
    [
        {"f": "<script>alert(1)</script>"},
        {"f": "mp:100000"},
        {"v": "<script>"},
        {"v": "(" * 990, "to": "e4m3"},
        {"v": "1 < 2"},
        {"from": "nonsense"},
        {"to": "e4m3", "round": "<b>"},
        {"overflow": "wrap"},
        {"beside": "<script>"},
        {"v": "1" * 3000},
    ],
    ids=str,
)
def test_what_cannot_be_shown_is_a_message_in_its_place(workspace, parameters):
    _, text = _page(workspace, **parameters)
    assert "<script" not in text
    messages = re.findall(r'class="error"[^>]*>([^<]*)<', text)
    assert messages
    assert all(each and "\n" not in each for each in messages)


def test_the_precision_chart_names_its_series(workspace):
    _, text = _page(workspace, f="e5m2", beside="posit:8,bfloat16")
    chart = text[text.index('class="precision"') :]
    assert re.findall(r"<title>([^<]*)</title>", chart)[:3] == ["bfloat16", "posit:8", "e5m2"]


def test_the_list_of_formats_loads_no_compiler():
    code = (
        "import sys; from numlean.play.views.formats.catalogue import catalogue;"
        "assert catalogue(); sys.exit(next((f'{each} was imported' for each in ('numba', 'torch')"
        " if each in sys.modules), None))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
