"""The pages in a real browser: Chromium by its driver; skipped where they are not installed."""

import json
import struct
from pathlib import Path

import pytest

READY = "document.readyState === 'complete' && location.pathname === '{}'"


@pytest.fixture
def page(browser, server):
    browser.open(server.entry)
    browser.wait(READY.format("/numbers"))
    return browser


def _value(browser, card=0):
    return browser.text(f"#card-{card} .value")


def test_the_printed_address_leads_to_a_page_without_the_token(page, server):
    assert server.keys.token not in page.address
    assert page.run("return document.cookie") == ""
    assert page.text("h1") == "Numbers"


def test_a_wrong_token_and_a_browser_without_the_cookie_are_refused(browser, server):
    browser.do("DELETE", "/cookie")
    for address in (f"{server.address}/?token=wrong", f"{server.address}/numbers"):
        browser.open(address)
        assert browser.text("body").startswith("403:")


def test_a_click_flips_a_bit_in_place_and_the_address_can_be_shared(page, server):
    page.open(f"{server.address}/numbers?x=1&in=float32,posit:16")
    page.wait(READY.format("/numbers"))
    page.run("window.same = true")
    page.click("#bit-0-0-0")
    page.wait("document.getElementById('x').value === '0x3f800001'")
    assert page.run("return window.same"), "the page was not loaded again"
    next_above = struct.unpack(">f", bytes.fromhex("3f800001"))[0]
    assert float(page.text("#card-0 dd:nth-of-type(2)")) == next_above
    assert page.run("return document.getElementById('xb').value") == "float32"
    assert "x=0x3f800001&xb=float32" in page.address
    shared = page.address
    page.open("about:blank")
    page.open(shared)
    page.wait(READY.format("/numbers"))
    assert page.text("#card-0 dd:nth-of-type(1)") == "0x3f800001"


def test_bits_are_flipped_by_the_keyboard(page, server):
    page.open(f"{server.address}/numbers?x=1&in=e4m3")
    page.wait(READY.format("/numbers"))
    page.wait("document.getElementById('bit-0-0-7').tabIndex === 0")
    page.run("document.getElementById('bit-0-0-7').focus()")
    page.keys("\ue014\ue014")  # two places to the right
    assert page.run("return document.activeElement.id") == "bit-0-0-5"
    page.keys(" ")
    page.wait("document.getElementById('x').value === '0x18'")  # 0x38 without bit 5
    page.wait("document.activeElement.id === 'bit-0-0-5'")
    assert _value(page) == "0.0625"


def test_what_is_typed_is_shown_in_place(page):
    page.run("document.getElementById('x').focus(); document.getElementById('x').select()")
    page.keys("1/0")
    page.wait("document.querySelector('#card-0 .value')?.innerText === 'inf'")
    assert "x=1/0" in page.address.replace("%2F", "/")
    assert page.run("return document.activeElement.id") == "x"
    page.keys(" + nan")
    page.wait("document.querySelector('#card-0 .value')?.innerText === 'nan'")


def test_a_name_with_a_script_is_a_text(page, server):
    page.open(f"{server.address}/numbers?x=%3Cscript%3Ewindow.bad%3D1%3C/script%3E&in=%3Cscript%3E")
    page.wait(READY.format("/numbers"))
    assert "<script>" in page.text("#result")
    assert page.run("return window.bad") is None


def test_two_tabs_show_different_numbers(page, server):
    first = page.do("GET", "/window")
    second = page.do("POST", "/window/new", {"type": "tab"})["handle"]
    page.do("POST", "/window", {"handle": second})
    page.open(f"{server.address}/numbers?x=42&in=float32")
    page.wait(READY.format("/numbers"))
    assert _value(page) == "42.0"
    page.do("DELETE", "/window")
    page.do("POST", "/window", {"handle": first})
    assert _value(page) != "42.0"


def test_a_stopped_server_is_said_on_the_page(page, server):
    before = page.text("#result")
    server.stop()
    page.click("#bit-0-0-0")
    page.wait("document.getElementById('status').textContent.includes('numlean play')")
    assert page.text("#result") == before


def test_a_number_line_is_read_by_the_keyboard(page, server):
    page.open(f"{server.address}/formats?f=e2m1")
    page.wait(READY.format("/formats"))
    page.wait("document.querySelector('.line output') !== null")
    page.run("document.querySelector('.line').focus()")
    page.keys("\ue010")  # the end
    page.wait("document.querySelector('.line output').textContent === '0x7: 6.0'")
    page.keys("\ue012")
    page.wait("document.querySelector('.line output').textContent === '0x6: 4.0'")


@pytest.mark.parametrize(
    "path", ["/numbers", "/numbers?x=1&y=3&op=div", "/formats?f=posit:16", "/runs"]
)
def test_nothing_is_wider_than_a_small_screen(page, server, path):
    page.do("POST", "/window/rect", {"width": 500, "height": 800})
    metrics = {"width": 360, "height": 800, "deviceScaleFactor": 1, "mobile": False}
    command = {"cmd": "Emulation.setDeviceMetricsOverride", "params": metrics}
    page.do("POST", "/goog/cdp/execute", command)
    page.open(f"{server.address}{path}")
    page.wait(READY.format(path.partition("?")[0]))
    assert page.run("return document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("path", ["/numbers?x=1&y=3&op=div", "/formats?f=e4m3", "/runs"])
def test_every_control_has_a_name_and_every_identifier_is_unique(page, server, path):
    page.open(f"{server.address}{path}")
    page.wait(READY.format(path.partition("?")[0]))
    nameless = page.run(
        "return [...document.querySelectorAll('input, select, button, a, [role=region], svg')]"
        ".filter(e => !(e.labels?.length || e.ariaLabel || e.textContent.trim()))"
        ".map(e => e.outerHTML)"
    )
    assert nameless == []
    ids = page.run("return [...document.querySelectorAll('[id]')].map(e => e.id)")
    assert len(ids) == len(set(ids))


def _start(page, server, **fields):
    page.open(f"{server.address}/runs")
    page.wait(READY.format("/runs"))
    for name, value in fields.items():
        page.run("document.getElementById(arguments[0]).value = arguments[1]", name, value)
    page.click("#start")
    page.wait("location.search.includes('20')")


def _wait_for_state(page, state):
    page.wait(f"document.querySelector('.state')?.textContent === '{state}'")


def test_a_run_is_started_watched_to_its_end_and_kept(page, server):
    _start(page, server, task="xor", **{"in": "float64"}, steps="4", seed="0")
    _wait_for_state(page, "finished")
    page.wait("document.querySelector('.curves path')")
    assert "numlean train xor --steps 4" in page.text(".command")
    assert "state digest" in page.text("dl")
    page.run("document.querySelector('[data-chart]').focus()")
    page.keys("\ue010")  # the last step
    page.wait("document.querySelector('.reading').textContent.startsWith('step 3: ')")
    page.click("[value=keep]")
    _wait_for_state(page, "finished, kept")


def test_a_run_goes_on_in_two_tabs_and_is_stopped_in_one(page, server):
    fields = {"task": "xor", "in": "float64", "steps": "1000000"}
    _start(page, server, **fields)
    page.wait("document.querySelector('.curves path')")
    address, first = page.address, page.do("GET", "/window")
    second = page.do("POST", "/window/new", {"type": "tab"})["handle"]
    page.do("POST", "/window", {"handle": second})
    page.open(address)
    _wait_for_state(page, "running")
    page.click("[value=stop]")
    _wait_for_state(page, "stopped")
    page.do("DELETE", "/window")
    page.do("POST", "/window", {"handle": first})
    _wait_for_state(page, "stopped")
    assert "interrupt" in page.text("dl")


def test_a_server_that_ends_in_the_middle_of_a_run_loses_no_step(page, server, manager):
    _start(page, server, task="xor", **{"in": "float64"}, steps="1000000")
    page.wait("document.querySelector('.curves path')")
    server.stop()
    manager.close()
    (run,) = manager.folders.all()
    assert manager.state(run.id) == "stopped"
    log = manager.folders.read(run.id, "log.jsonl", most=1 << 30)
    assert manager.folders.results(run.id)["steps"] == log.count(b'"exact_loss"')


def test_a_crosscheck_leads_from_bits_to_numbers(page, server):
    _start(
        page,
        server,
        do="crosscheck",
        task="xor",
        **{"in": "float64,ieee32exec"},
        steps="3",
    )
    _wait_for_state(page, "finished")
    page.wait("document.querySelectorAll('[data-chart] .curves path').length >= 4")
    page.click(".code-cell a")
    page.wait(READY.format("/numbers"))
    assert page.run("return document.getElementById('xb').value") == "float64"


def test_a_comparison_is_read_by_the_keyboard_and_opens_a_histogram(page, server):
    _start(page, server, do="compare", task="xor", **{"in": "e4m3"}, steps="3", truth="float64")
    _wait_for_state(page, "finished")
    page.wait("document.querySelector('[data-chart=map] .reading')")
    page.run("document.querySelector('[data-chart=map]').focus()")
    page.keys("\ue015\ue015\ue014")
    page.wait("document.querySelector('[data-chart=map] .reading').textContent.includes('step 1')")
    page.keys("\ue007")
    page.wait("document.querySelector('#detail h3')?.textContent.includes('step 1')")
    assert "step=1" in page.address
    page.run(
        "document.getElementById('error').value = 'local';"
        "document.getElementById('error').dispatchEvent(new Event('input', {bubbles: true}))"
    )
    page.wait("location.search.includes('error=local')")


def test_a_table_is_dropped_and_a_hostile_name_is_harmless(page, server, workspace):
    page.open(f"{server.address}/runs")
    page.wait(READY.format("/runs"))
    page.run(
        """
        const file = new File(["a,b\\n1,0.5\\n0,0.25\\n", arguments[0]].slice(0, 1),
          "../<script>window.bad=1<x>.csv");
        const dropped = new DataTransfer();
        dropped.items.add(file);
        const options = { bubbles: true, cancelable: true, dataTransfer: dropped };
        document.getElementById("drop").dispatchEvent(new DragEvent("drop", options));
        """
    )
    page.wait("document.getElementById('data').value !== ''")
    path = page.run("return document.getElementById('data').value")
    assert path.startswith("runs/tables/")
    assert "<" not in path
    assert (workspace.root / path).read_text().startswith("a,b\n1,0.5")
    assert page.run("return document.getElementById('task').value") == "table"
    assert page.run("return window.bad") is None


def test_a_run_whose_name_has_a_script_is_a_text(page, server, manager):
    from numlean.play.runs.plan import Plan

    bad = "<script>window.bad=1</script><img src=x onerror=window.bad=1>"
    run = manager.folders.make("20260102-030405", Plan("train", bad, (bad,)))
    for address in ("/runs", f"/runs?id={run.id}"):
        page.open(f"{server.address}{address}")
        page.wait(READY.format("/runs"))
        assert "<script>" in page.text("#result")
        assert page.run("return window.bad") is None


@pytest.fixture
def made(manager, workspace, crosscheck_results, record_lines):
    """Return the addresses of runs of each kind, with files as they would be."""
    from numlean.play.runs.plan import Plan

    kinds = {
        "train": ("log.jsonl", '{"step": 0, "exact_loss": 2.5}\n{"step": 1, "exact_loss": 1.5}\n'),
        "crosscheck": ("results.json", json.dumps(crosscheck_results)),
        "compare": ("records.jsonl", "".join(f"{line}\n" for line in record_lines(20, 20))),
    }
    addresses = {}
    for kind, (name, text) in kinds.items():
        run = manager.folders.make("20260102-030405", Plan(kind, "xor", ("xor",)))
        (workspace.root / manager.folders.path(run.id, name)).write_text(text)
        addresses[kind] = f"/runs?id={run.id}"
    return addresses


def test_a_checker_of_accessibility_finds_nothing_serious(page, server, made):
    module = pytest.importorskip("axe_core_python", reason="axe-core-python is not installed")
    script = (Path(module.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
    paths = ["/numbers?x=1&y=3&op=div", "/formats?f=e4m3", "/runs", *made.values()]
    for scheme in ("light", "dark"):
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        params = {"cmd": "Emulation.setEmulatedMedia", "params": {"features": features}}
        page.do("POST", "/goog/cdp/execute", params)
        for path in [*paths, f"{made['compare']}&row=3"]:
            page.open(f"{server.address}{path}")
            page.wait(READY.format(path.partition("?")[0]))
            page.run(f"{script}; window.axe = axe; axe.run().then((r) => (window.found = r))")
            found = page.wait(
                "window.found && {violations: window.found.violations.map((v) =>"
                " [v.id, v.impact, v.nodes.slice(0, 3).map((n) => n.html.slice(0, 200))])}"
            )
            serious = [v for v in found["violations"] if v[1] in ("serious", "critical")]
            assert serious == [], (scheme, path)


def test_a_page_of_50000_operations_is_shown_in_parts(
    page, server, manager, workspace, record_lines
):
    from numlean.play.runs.plan import Plan

    run = manager.folders.make("20260102-030405", Plan("compare", "many", ("xor",)))
    path = workspace.root / manager.folders.path(run.id, "records.jsonl")
    with path.open("w") as file:
        file.writelines(f"{line}\n" for line in record_lines(100, 500))
    page.open(f"{server.address}/runs?id={run.id}")
    page.wait("document.getElementById('result').textContent.includes('50,000 measured')")
    page.wait("document.getElementById('result').dataset.active === undefined")
    assert page.run("return document.querySelectorAll('g.row').length") == 60
    page.run("scrollTo(0, document.body.scrollHeight)")
    assert page.run("return scrollY") > 0
    page.click('#result a[href*="page=2"]')
    page.wait("location.search.includes('page=2')")
