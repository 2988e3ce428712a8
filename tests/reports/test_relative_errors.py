"""Reports of several dtypes compare relative errors; each ulp names the format that it is of."""

import json
import re

import numpy as np
import pytest

import numlean as nl
from numlean.analysis.drift.page import tables
from numlean.analysis.drift.records import as_line
from numlean.analysis.drift.result import _COLUMNS, _worst
from numlean.interop.torch.distances import relative_difference, ulps

DTYPES = ("float32", "bfloat16", "e4m3")


@pytest.fixture(scope="module")
def compared():
    records = []
    result = nl.compare(
        "xor",
        *DTYPES,
        truth="float64",
        config=nl.get_task("xor").config(steps=3),
        write=lambda record: records.append(json.loads(as_line(record))),
    )
    return result, records


@pytest.fixture(scope="module")
def page(compared):
    return compared[0].page()


def final_parameters(dtype):
    task = nl.get_task("xor")
    runner = nl.instantiate(task.task, dtype)
    nl.run_steps(runner, task.config(steps=3), task.train_data_for(runner.scalar))
    return np.concatenate([p.to_float().ravel() for p in runner.params])


def relative_error(dtype):
    x, right = final_parameters(dtype), final_parameters("float64")
    return np.linalg.norm(x - right) / np.linalg.norm(np.maximum(np.abs(x), np.abs(right)))


def test_the_headline_says_in_three_sentences_what_was_found(compared):
    result, _ = compared
    distance, origin, effect = result.headline
    ordered = sorted(DTYPES, key=relative_error)
    assert ordered == ["float32", "bfloat16", "e4m3"]  # not the order of the errors in own ulps
    assert distance == (
        "After 3 steps, the parameters in float32 are closest to those in float64, with a relative"
        f" error of {relative_error('float32'):.2g}, and those in e4m3 are farthest, with"
        f" {relative_error('e4m3'):.2g}."
    )
    assert origin.startswith("In e4m3, ")
    assert "the greatest relative error of its own" in origin
    assert effect.startswith("The loss of the last batch is ") or "test data" in effect
    assert all(sentence.endswith(".") for sentence in result.headline)


def test_the_text_and_the_page_begin_with_the_headline(compared, page):
    result, _ = compared
    assert str(result).splitlines()[:3] == [*result.headline]
    assert 0 < page.index(result.headline[0]) < page.index("<h2>")


def test_a_notebook_shows_the_headline_and_the_table(compared):
    html = compared[0]._repr_html_()
    assert html.startswith(f"<p>{compared[0].headline[0]}")
    assert "max relative" in html


def test_a_table_of_several_dtypes_has_no_ulps(compared):
    header = str(compared[0]).splitlines()[4]
    assert re.split(r"\s{2,}", header)[:5] == [
        *("dtype", "loss", "relative error", "median relative", "max relative")
    ]
    assert "ulp" not in header


def test_a_table_of_one_dtype_names_the_format_of_its_ulps():
    config = nl.get_task("xor").config(steps=1)
    result = nl.compare("xor", "bfloat16", truth="float64", config=config, operations=False)
    header = str(result).splitlines()[4]
    assert "max error/ulp of bfloat16" in header
    assert header.index("relative error") < header.index("ulp")
    assert result.headline[1].startswith("Operations were not measured")


def test_every_record_names_the_format_of_its_ulps(compared):
    _, records = compared
    for record in records:
        if record["record"] == "step":
            unit = None if record["dtype"] == "float64" else record["dtype"]
            assert record["ulp_of"] == unit
        if record["record"] == "operation":
            assert record["ulp_of"] == record["local_ulp_of"] == record["dtype"]
            for part in ("local", "total", "inherited"):
                names = list(record[part])
                assert names.index("relative") < names.index("max_ulp")


def test_the_axes_of_the_page_say_what_they_measure(page):
    figures = re.findall(r"<figure>.*?</figure>", page, re.DOTALL)
    of_all = [figure for figure in figures if all(dtype in figure for dtype in DTYPES)]
    assert of_all
    for figure in of_all:
        text = re.sub(r"<[^>]*>", " ", figure)
        assert "loss" in text.lower() or "relative error" in text
        assert " ulp" not in text.replace("1 ulp of numbers with all bits of", "")
    for dtype in DTYPES:
        assert f"{dtype}, in ulps (" in page
        assert f"Errors in ulp are in ulps of {dtype}." in page


def test_the_units_of_a_coarser_reference_are_named():
    config = nl.get_task("xor").config(steps=1)
    result = nl.compare("xor", "float64", truth="float32", config=config)
    assert tables.units(result, "float64") == (
        "Local errors in ulp are in ulps of float64, all others in ulps of float32."
    )
    assert "float64, in ulps of float32 (24 bits)" in tables.ends_in_ulps(result, "float64").text


def test_exact_runs_have_a_headline_of_their_own():
    config = nl.get_task("xor").config(steps=2)
    one = nl.compare("xor", "ieee32exec", truth="float32", config=config)
    assert (
        one.headline[0]
        == "After 2 steps, the parameters in ieee32exec are exactly those in float32."
    )
    two = nl.compare("xor", "ieee32exec", "mp:24", truth="float32", config=config, operations=False)
    assert two.headline[0] == (
        "After 2 steps, the parameters in ieee32exec and mp:24 are exactly those in float32."
    )
    assert two.headline[2].endswith(" in float32 and in ieee32exec and mp:24.")


def test_a_run_that_is_not_finite_is_not_called_close():
    config = nl.TrainConfig(6, 4, nl.sgd(1e6))
    result = nl.compare("xor", "e4m3", "float32", truth="float64", config=config)
    first = result.headline[0]
    assert "parameters in e4m3 are not finite" in first
    assert "closest" not in first
    assert "turns finite operands into infinities or NaNs" in result.headline[1]


def test_no_step_makes_one_sentence():
    config = nl.get_task("xor").config(steps=0)
    result = nl.compare("xor", "bfloat16", truth="float64", config=config)
    assert result.headline == ("No step was made, so nothing was measured.",)


def test_functions_compare_relative_errors_first(tmp_path):
    found = nl.compare_function(nl.ops.exp, np.linspace(0.1, 3, 8), ["float32", "bfloat16"])
    titles = re.split(r"\s{2,}", str(found).splitlines()[3])
    assert titles.index("worst relative") < titles.index("worst in own ulps")
    figure = tmp_path / "errors.svg"
    found.plot(str(figure))
    assert "relative" in axis_labels(found)[0]
    one = nl.compare_function(nl.ops.exp, np.linspace(0.1, 3, 8), ["bfloat16"])
    assert set(axis_labels(one)) == {"error in ulps of bfloat16"}


def axis_labels(comparison):
    """Return the labels of the vertical axes of a plot."""
    from matplotlib.figure import Figure

    from numlean.analysis.functions import plot

    upper, lower = Figure().subplots(2)
    plot._draw_results(upper, comparison)
    plot._draw_operations(lower, comparison)
    return [axes.get_ylabel() for axes in (upper, lower)]


def test_a_sum_that_cancels_has_a_small_relative_difference_and_many_ulps():
    float32 = nl.get_scalar("float32")
    x, y = (np.array(each, np.float32) for each in ([3.0, 4.0, 1e-12], [3.0, 4.0, -1e-12]))
    assert ulps(float32, x, y)[2] > 1e9
    assert relative_difference(float32, x, y) == pytest.approx(2e-12 / 5, rel=1e-6)
    assert relative_difference(float32, x, x) == 0
    huge = np.array([3e38, np.inf], np.float32)
    assert relative_difference(float32, huge, huge / 2) == pytest.approx(0.5, rel=1e-6)


def test_the_worst_seed_has_the_lowest_accuracy():
    columns = {column.heading: column for column in _COLUMNS}
    seeds = [{"accuracy": 0.75, "exact_loss": 1.0}, {"accuracy": 0.5, "exact_loss": 2.0}]
    shown = {
        name: _worst([columns[name].take(each) for each in seeds], columns[name].worst)
        for name in ("accuracy", "loss")
    }
    assert shown == {"accuracy": "0.5", "loss": "2"}
