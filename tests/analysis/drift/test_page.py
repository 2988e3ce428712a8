"""The page and the command line of comparisons."""

import base64
import hashlib
import json
import re
from html.parser import HTMLParser

import pytest

import numlean as nl
from numlean.analysis.drift.page import as_page
from numlean.analysis.drift.records import as_line
from numlean.cli.main import main
from numlean.pages.numbers import format_number, power_of_ten

VOID = {"meta", "link", "br"}


class Page(HTMLParser):
    """A parser that checks that elements close in order, and collects their text."""

    def __init__(self, text):
        super().__init__()
        self.open, self.ids, self.links, self.text, self.kinds = [], [], [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.kinds.append(tag)
        if tag not in VOID:
            self.open.append(tag)
        self.handle_attributes(attrs)

    def handle_startendtag(self, tag, attrs):
        self.kinds.append(tag)
        self.handle_attributes(attrs)

    def handle_attributes(self, attrs):
        for name, value in attrs:
            if name == "id":
                self.ids.append(value)
            if name in ("src", "href", "xlink:href", "data", "action"):
                self.links.append(value)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


@pytest.fixture(scope="module")
def compared():
    config = nl.get_task("xor").config(steps=3)
    dtypes = ("float32", "bfloat16", "ieee32exec@round=toward_zero,nan=canonical")
    options = nl.Options(device="python")
    return nl.compare("xor", *dtypes, truth="float64", seeds=2, config=config, options=options)


@pytest.fixture(scope="module")
def page(compared):
    return as_page(compared)


def test_the_page_is_well_formed_and_names_every_part_once(page):
    found = Page(page)
    assert len(found.ids) == len(set(found.ids))
    assert {link.removeprefix("#") for link in found.links} <= set(found.ids)
    assert all(link.startswith("#") for link in found.links)


def test_the_page_loads_nothing_from_a_network(page):
    for word in ("http:", "https:", "url(//", "@import", "<link", "<iframe", "file:"):
        assert word not in page


def test_the_page_names_every_dtype_and_shows_every_digest(compared, page):
    text = " ".join(Page(page).text)
    for dtype in compared.dtypes:
        assert dtype in text
    for run in compared.runs:
        assert run["state_digest"] in text
        assert run["value_digest"] in text
    assert compared.header["data_digest"] in text


def test_the_page_has_a_figure_of_each_kind_and_a_table_of_operations_for_each_dtype(
    compared, page
):
    found = Page(page)
    # loss, test loss, three of drift, histograms, a map for each dtype measured, and a figure for
    # each operation with errors
    measured = [
        each
        for operations in compared.operations.values()
        for each in operations.values()
        if each.total.is_measured or each.local.is_measured
    ]
    expected = 6 + len(compared.measured) + len(measured)
    assert found.kinds.count("svg") == found.kinds.count("figure") == expected
    assert found.text.count("matmul") == sum(
        key[2] == "matmul" for each in compared.operations.values() for key in each
    )


def test_only_the_own_style_and_script_take_effect(page):
    policy = re.search(r'content="(default-src[^"]*)"', page)[1]
    assert "default-src &#x27;none&#x27;" in policy
    assert "unsafe" not in policy
    for kind in ("style", "script"):
        text = re.search(rf"<{kind}[^>]*>(.*?)</{kind}>", page, re.DOTALL)[1]
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{kind}-src &#x27;sha256-{digest}&#x27;" in policy
        assert page.count(f"<{kind}") == 1
    assert " style=" not in page


def test_the_page_is_for_light_dark_and_paper(page):
    assert "prefers-color-scheme: dark" in page
    assert "@media print" in page
    assert ".run-0 { stroke: var(--run-0)" in page
    svg = page[page.index("<svg") :]
    assert "#" not in "".join(re.findall(r'(?:fill|stroke)="[^"]*"', svg))


def test_names_are_escaped(compared):
    header = {**compared.header, "task": '<b>&"it\'s" $x^2$</b>'}
    text = as_page(nl.Comparison(header))
    Page(text)
    assert '<b>&"it' not in text
    assert "&lt;b&gt;&amp;" in text


def test_a_page_is_the_same_for_the_same_figures(compared, page):
    assert as_page(compared) == page


def test_runs_that_diverge_and_runs_of_no_or_one_step_are_drawn():
    for steps in (0, 1, 12):
        config = nl.TrainConfig(steps, 4, nl.sgd(1e6))
        options = nl.Options(device="python")
        result = nl.compare(
            "xor", "binary16", "e4m3", truth="float64", config=config, options=options
        )
        Page(as_page(result))
        assert "binary16" in str(result)


def test_numbers_are_written_for_people():
    assert format_number(None) == "\N{EN DASH}"
    assert (format_number(1234567), format_number(0.25), format_number(1.5e-16)) == (
        "1,234,567",
        "0.25",
        "1.5·10⁻¹⁶",
    )
    assert (format_number(float("nan")), format_number(float("inf"))) == ("NaN", "∞")
    assert (power_of_ten(1e-9), power_of_ten(100.0), power_of_ten(2e7)) == ("10⁻⁹", "100", "2·10⁷")


def test_the_command_writes_lines_and_a_page_into_a_folder(tmp_path, capsys):
    out = tmp_path / "made" / "here"
    argv = ("compare", "xor", "--dtypes", "float32,bfloat16", "--truth", "float64", "--steps", "2")
    assert main([*argv, "--seeds", "2", "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    assert all(dtype in printed for dtype in ("float32", "bfloat16", "float64"))
    records = [json.loads(line) for line in (out / "records.jsonl").read_text().splitlines()]
    assert records[0]["record"] == "comparison"
    assert records[0]["seeds"] == [0, 1]
    assert {r["record"] for r in records} == {"comparison", "step", "operation", "run"}
    Page((out / "report.html").read_text(encoding="utf-8"))


def test_json_lines_are_printed_and_are_those_of_the_python_function(tmp_path, capsys):
    argv = ("compare", "xor", "--dtypes", "bfloat16,float64", "--truth", "float64", "--steps", "2")
    file = tmp_path / "lines.jsonl"
    assert main([*argv, "--json", "--jsonl", str(file)]) == 0
    printed = capsys.readouterr().out
    lines = []
    config = nl.get_task("xor").config(steps=2)
    nl.compare("xor", "bfloat16", "float64", truth="float64", config=config, write=lines.append)
    assert printed.splitlines() == [as_line(line) for line in lines]
    assert file.read_text(encoding="utf-8") == printed


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["xor", "--dtypes", "float33"], ["float33", "known"]),
        (["xor", "--dtypes", "float32", "--truth", "mp:none"], ["mp:none"]),
        (["xor", "--dtypes", "float64", "--truth", "float64"], ["other than the truth"]),
        (["xor", "--dtypes", "float32,float32"], ["float32", "twice"]),
        (["xor", "--dtypes", "float32", "--seeds", "0"], ["seeds", "0"]),
        (["xor", "--dtypes", "float32", "--every", "0"], ["every", "0"]),
        (["xor", "--dtypes", "float32", "--tests", "-1"], ["tests", "-1"]),
        (["nothing", "--dtypes", "float32"], ["nothing", "digits"]),
        (["xor", "--dtypes", "float32", "--jsonl", "/nowhere/x.jsonl"], ["/nowhere/x.jsonl"]),
        (["xor", "--dtypes", "float32", "--out", "/nowhere/x.html"], ["/nowhere/x.html"]),
        (["xor", "--dtypes", "float32", "--out", "/dev/null/x"], ["/dev/null/x"]),
        (["xor"], ["--dtypes"]),
    ],
)
def test_wrong_use_is_one_line(argv, words, capsys):
    try:
        status = main(["compare", *argv, "--steps", "1"])
    except SystemExit as end:
        status = end.code
    assert status == 2
    message = capsys.readouterr().err
    assert message.count("\n") == 1
    assert all(word in message for word in words)


def test_data_without_a_test_are_not_tested(tmp_path, capsys):
    table = tmp_path / "table.csv"
    table.write_text("a,b\n1,0.2\n0.5,0.3\n0.1,0.25\n")
    options = ("--target", "b", "--kind", "regression", "--test-share", "0", "--steps", "1")
    argv = ("compare", "--data", str(table), *options, "--dtypes", "float32", "--truth", "float64")
    assert main([*argv, "--tests", "2"]) == 2
    message = capsys.readouterr().err.splitlines()[-1]
    assert "--tests 2" in message
    assert "no test data" in message
    assert main([*argv, "--tests", "0"]) == 0


def test_data_that_are_not_finite_are_refused(tmp_path, capsys):
    table = tmp_path / "table.csv"
    table.write_text("a,b\n1,2\nnan,3\n2,2\n")
    argv = ("compare", "--data", str(table), "--target", "b", "--dtypes", "float32")
    assert main([*argv, "--steps", "1"]) == 2
    assert "nan" in capsys.readouterr().err.splitlines()[-1]


def test_a_task_without_a_config_or_data_is_refused():
    task = nl.get_task("xor").task
    with pytest.raises(nl.NumleanError, match="config"):
        nl.compare(task, "float32")


def test_a_task_of_ones_own_is_compared_on_a_dataset():
    data = nl.Dataset.of_arrays([[0.1], [0.7]], [[0.3], [0.2]])
    task = nl.Task.regression(nl.nn.Sequential(nl.nn.Linear(1, 1)))
    result = nl.compare(task, "bfloat16", truth="float64", config=nl.TrainConfig(2, 2), data=data)
    assert len(result.steps) == 4
    assert all(record["accuracy"] is None for record in result.steps)
