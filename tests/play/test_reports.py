"""Reports in a real browser, from the disk."""

from pathlib import Path

import pytest

import numlean as nl


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    config = nl.get_task("xor").config(steps=4)
    options = nl.Options(device="python")
    result = nl.compare("xor", "float32", "e4m3", truth="float64", config=config, options=options)
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(result.page(), encoding="utf-8")
    return path.as_uri()


@pytest.fixture
def page(browser, report):
    browser.open(report)
    browser.wait("document.querySelector('[data-chart=map] .reading')")
    return browser


def test_curves_are_read_and_zoomed_by_the_keyboard(page):
    page.run("document.querySelector('[data-chart=lines]').focus()")
    page.keys("\ue011\ue014")  # the first step, the next one
    page.wait("document.querySelector('.reading').textContent.startsWith('step 1: float32 ')")
    before = page.run("return document.querySelector('.curves path').getAttribute('d')")
    page.keys("+")
    page.wait(f"document.querySelector('.curves path').getAttribute('d') !== '{before}'")


def test_a_map_shows_other_kinds_and_leads_to_histograms(page):
    classes = (
        "[...document.querySelectorAll('[data-chart=map]')].at(-1).querySelectorAll('g.row rect')"
    )
    of = f"[...{classes}].map((cell) => cell.className.baseVal).join()"
    before = page.run(f"return {of}")
    page.run(
        "const chosen = [...document.querySelectorAll('[data-chart=map] select')].at(-2);"
        "chosen.value = 'local, rms ulp'; chosen.dispatchEvent(new Event('change'))"
    )
    assert page.run(f"return {of}") != before
    page.run("document.querySelector('.map a').dispatchEvent(new MouseEvent('click'))")
    page.wait("document.querySelector('details[open] :target')")


def test_tables_sort_by_numbers(page):
    page.run(
        "[...document.querySelectorAll('.sorter')]"
        ".find((each) => each.textContent === 'total relative').click()"
    )
    cells = page.run(
        "const table = document.querySelector('th[aria-sort=descending]').closest('table');"
        "const at = document.querySelector('th[aria-sort]').cellIndex;"
        "return [...table.tBodies[0].rows].map((row) => row.cells[at].textContent)"
    )
    found = [float(cell) for cell in cells if cell.replace(".", "").isdigit()]
    assert len(found) > 3
    assert found == sorted(found, reverse=True)


@pytest.fixture(scope="module")
def other_reports(tmp_path_factory):
    """Return the addresses of reports of the other commands."""
    from numlean.analysis.drift.page import crosscheck_page
    from numlean.distributed.sweep.page import as_page

    folder = tmp_path_factory.mktemp("reports")
    config = nl.get_task("xor").config(steps=2)
    options = nl.Options(device="python")
    checked = nl.crosscheck(
        "xor", "float32", "e4m3", config=config, options=options, continue_=True
    )
    spec = {"task": "xor", "dtype": ["float32", "e4m3"], "seed": [0, 1], "steps": 2}
    pages = {
        "crosscheck": crosscheck_page("xor", checked),
        "ablate": nl.ablate("xor", "bf16-mixed", seeds=2, config=config).page(),
        "sweep": as_page(nl.sweep(spec, folder / "sweep", workers=0), "of xor"),
    }
    for name, text in pages.items():
        (folder / f"{name}.html").write_text(text, encoding="utf-8")
    return {name: (folder / f"{name}.html").as_uri() for name in pages}


def _serious(browser):
    """Return what axe finds on the open page, of those findings that are serious."""
    module = pytest.importorskip("axe_core_python", reason="axe-core-python is not installed")
    script = (Path(module.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
    browser.run(f"{script}; axe.run().then((found) => (window.found = found))")
    found = browser.wait(
        "window.found && {all: window.found.violations.map((v) => [v.id, v.impact])}"
    )
    return [each for each in found["all"] if each[1] in ("serious", "critical")]


def test_a_checker_of_accessibility_finds_nothing_serious(page):
    assert _serious(page) == []


@pytest.mark.parametrize("name", ["crosscheck", "ablate", "sweep"])
def test_it_finds_nothing_serious_in_other_reports(browser, other_reports, name):
    browser.open(other_reports[name])
    browser.wait("document.querySelector('.reading')")
    assert _serious(browser) == []
    assert browser.run("return document.documentElement.scrollWidth <= innerWidth")


def test_a_report_of_many_operations_has_one_page_of_rows(browser, tmp_path):
    from numlean.pages.shell import html_document
    from numlean.pages.tables import data_table

    rows = [(f"{k} Linear", "matmul", str(k / 7)) for k in range(50_000)]
    table = data_table(("layer", "operation", "error"), rows, "<<>", label="operations")
    path = tmp_path / "long.html"
    path.write_text(html_document("long", [table]), encoding="utf-8")
    browser.open(path.as_uri())
    browser.wait("document.querySelector('.pages [role=status]').textContent.includes('50,000')")
    assert browser.run("return document.querySelectorAll('tbody tr').length") == 100
    browser.run("[...document.querySelectorAll('.sorter')].at(-1).click()")
    assert browser.text("tbody tr").startswith("49999 Linear")
    browser.run(
        "const find = document.querySelector('.pages input'); find.value = '12345 linear';"
        "find.dispatchEvent(new Event('input'))"
    )
    assert browser.run("return document.querySelectorAll('tbody tr').length") == 1
