"""The view of runs, by requests; what its files contain is not trusted."""

import json
from urllib.parse import quote, urlencode

import pytest

pytest.importorskip("starlette", reason="numlean[play] is not installed")

from numlean.play.runs.plan import MOST_TABLE, Plan

STAMP = "20260102-030405"
BAD = "<script>window.bad=1</script>"


@pytest.fixture
def run(manager):
    return manager.folders.make(STAMP, Plan("train", f"xor {BAD}", ("xor", BAD)))


def _write(manager, run, name, text):
    (manager.folders.workspace.root / manager.folders.path(run.id, name)).write_text(text)


def test_the_list_shows_each_run_its_state_and_links_to_it(client, manager, run):
    _write(manager, run, "log.jsonl", '{"step": 0, "exact_loss": 2.5}\n')
    text = client.get("/runs").text
    assert "stopped" in text
    assert f'href="/runs?id={run.id}"' in text
    assert "2.5" in text
    assert BAD not in text
    assert "&lt;script&gt;" in text


def test_a_run_shows_the_command_that_repeats_it(client, run):
    text = client.get(f"/runs?id={run.id}").text
    assert "numlean train xor '&lt;script&gt;" in text
    assert BAD not in text


@pytest.mark.parametrize("name", ["../x", BAD, "20260102-030405-99", "x" * 3000])
def test_another_name_is_a_message(client, name):
    answer = client.get(f"/runs?id={quote(name)}")
    assert answer.status == 200
    assert 'class="error"' in answer.text
    assert BAD not in answer.text


def test_a_wrong_form_is_shown_again_with_what_was_typed(client, manager):
    body = urlencode({"task": "xor", "in": f"float33{BAD}", "steps": "3"}).encode()
    answer = client.post("/runs/start", body)
    assert answer.status == 400
    assert 'role="alert"' in answer.text
    assert 'value="3"' in answer.text
    assert BAD not in answer.text
    assert manager.folders.ids() == []


def test_long_forms_and_tables_are_refused(client):
    assert client.post("/runs/start", b"x" * 70_000).status == 413
    assert client.post("/runs/table?name=x.csv", b"x" * (MOST_TABLE + 1)).status == 413


def test_a_table_is_written_into_the_folder(client, workspace):
    answer = client.post(f"/runs/table?name={quote('../<script>.csv')}", b"a,b\n1,2\n")
    assert (answer.status, answer.text) == (200, "runs/tables/_script_.csv")
    assert (workspace.root / answer.text).read_text() == "a,b\n1,2\n"
    assert client.post("/runs/table?name=x.exe", b"1").status == 400


def test_runs_are_kept_and_removed_and_unknown_actions_refused(client, manager, run):
    def act(do, **more):
        return client.post("/runs/act", urlencode({"do": do, "id": run.id, **more}).encode())

    assert act("keep", back=f"/runs?id={run.id}").header("location") == f"/runs?id={run.id}"
    assert manager.folders.find(run.id).is_kept
    assert act("remove").status == 400
    assert act("free", back="https://evil.example").header("location") == "/runs"
    assert act("rm").status == 400
    assert act("remove").status == 303
    assert manager.folders.ids() == []


def test_a_crosscheck_shows_bits_that_lead_to_numbers_and_the_growth(
    client, manager, crosscheck_results
):
    run = manager.folders.make(STAMP, Plan("crosscheck", "x", ("xor",)))
    assert "at the end of the run" in client.get(f"/runs?id={run.id}").text
    _write(manager, run, "results.json", json.dumps(crosscheck_results))
    text = client.get(f"/runs?id={run.id}").text
    assert "/numbers?x=0x3f800000&amp;xb=ieee32exec&amp;in=ieee32exec" in text
    assert "A is closer to the exact result" in text
    assert "Alignment in the matrix units" in text
    assert text.count("<svg") == 3
    assert BAD not in text


@pytest.mark.parametrize(
    "found",
    [
        [],
        3,
        {"pairs": 3},
        {"pairs": [3, None, {}]},
        {"pairs": [{"divergence": {"operands": [1], "results": 3, "judgements": "x"}}]},
        {"pairs": [{"growth": [{"step": 1, "relative": "x", "differing": None}, 3]}]},
        {"pairs": [{"divergence": {"block": {"steps": [3, [4]]}, "rules": 3, "ulps": "x"}}]},
    ],
)
def test_results_of_any_shape_are_shown(client, manager, found):
    run = manager.folders.make(STAMP, Plan("crosscheck", "x", ("xor",)))
    _write(manager, run, "results.json", json.dumps(found))
    assert client.get(f"/runs?id={run.id}").status == 200


@pytest.fixture
def comparison(manager, operation_record):
    run = manager.folders.make(STAMP, Plan("compare", "x", ("xor",)))
    measures = {"e4m3": {"grid": {"precision": 4}}}
    records = [{"record": "comparison", "measures": measures}]
    records += [operation_record(k, n, n / 100) for k in range(4) for n in range(130)]
    records.append(
        {
            "record": "quantisation",
            "dtype": "e4m3",
            "seed": 0,
            "step": 0,
            "layer": BAD,
            "product": "forward",
            "operand": "weight",
            "scales": {"-3": 4},
            "errors": {"-5": 2},
            "zero_scales": 1,
            "exact_blocks": 1,
        }
    )
    _write(manager, run, "records.jsonl", "".join(f"{json.dumps(r)}\n" for r in records))
    _write(manager, run, "summary.txt", "title\nconfig\nIt was found.\n\ntable")
    return run


def test_a_comparison_shows_a_map_by_pages_with_order_role_and_zoom(client, comparison):
    def rows(**more):
        text = client.get(f"/runs?{urlencode({'id': comparison.id, **more})}").text
        assert BAD not in text
        return text, text.count('class="row"')

    text, count = rows()
    assert count == 60
    assert "It was found." in text
    assert "520 measured operations" in text
    assert "Scales of blocks" in text
    assert rows(page=3)[1] == 10
    assert rows(phase="forward")[1] == 60
    assert rows(layer="12 linear")[1] == 2
    text, _ = rows(sort="greatest", error="local", unit="max_ulp", first=1, last=2)
    assert text.count("<rect") == 120
    assert rows(page="x", dtype=BAD, error=BAD, unit="", first="-1", step="9" * 30)[1] == 60


def test_a_row_of_a_comparison_opens_its_histogram(client, comparison):
    text = client.get(f"/runs?id={comparison.id}&row=3").text
    assert "3 Linear · matmul, 4 measured steps" in text
    assert "4 measured steps" in text
    assert "3 Linear · matmul, step 2" in client.get(f"/runs?id={comparison.id}&row=3&step=2").text
    assert client.get(f"/runs?id={comparison.id}&row=x&step=y").status == 200
