"""``numlean play`` starts, prints its address, and ends by a signal."""

import json
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from http.client import HTTPConnection
from urllib.parse import urlsplit

import pytest

from numlean.cli import play
from numlean.cli.main import main
from numlean.play import background


@contextmanager
def serving(folder):
    """Start the command; yield its process, its address, a connection, and the first answer."""
    pytest.importorskip("uvicorn", reason="numlean[play] is not installed")
    command = [sys.executable, "-m", "numlean", "play", "--port", "0", "--no-browser"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, cwd=folder, text=True, **pipes) as process:
        address = urlsplit(process.stdout.readline().strip())
        connection = HTTPConnection(address.hostname, address.port, timeout=120)
        connection.request("GET", f"/?{address.query}")
        answer = connection.getresponse()
        answer.read()
        yield process, address, connection, answer


def test_the_server_answers_until_a_signal_ends_it(tmp_path):
    with serving(tmp_path) as (process, _, connection, answer):
        assert answer.status == 200
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate()
        connection.close()
    assert (process.returncode, errors) == (130, "numlean: interrupted\n")


def test_the_end_of_the_server_ends_its_runs_after_a_step(tmp_path):
    with serving(tmp_path) as (process, address, connection, answer):
        cookie = answer.getheader("set-cookie").partition(";")[0]
        headers = {"cookie": cookie, "origin": f"http://{address.netloc}"}
        connection.request("POST", "/runs/start", "task=xor&in=float64&steps=1000000", headers)
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 303
        folder = tmp_path / "runs" / answer.getheader("location").partition("id=")[2]
        end = time.monotonic() + 300
        while (
            not (folder / "log.jsonl").exists()
            or b"exact_loss" not in (folder / "log.jsonl").read_bytes()
        ):
            assert time.monotonic() < end
            time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate()
        connection.close()
    assert process.returncode == 143, errors
    results = json.loads((folder / "results.json").read_text())
    assert results["stopped_by"] == "interrupt"
    assert json.loads((folder / "end.json").read_text())["status"] == 143


def test_a_missing_installation_is_an_error_that_names_the_fix(monkeypatch, capsys):
    monkeypatch.setattr(background, "find_spec", lambda name: None)
    assert main(["play"]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "pip install 'numlean[play]'" in error


def test_a_browser_is_opened_with_a_token_that_works_once(monkeypatch, capsys):
    server = pytest.importorskip("numlean.play.server", reason="numlean[play] is not installed")
    opened, served = [], []

    def serve(listener, app, when_ready):
        served.append(app)
        when_ready()

    monkeypatch.setattr(server, "serve", serve)
    monkeypatch.setattr(play, "_open_browser", opened.append)
    monkeypatch.setenv("DISPLAY", ":0")
    assert main(["play", "--port", "0"]) == 0
    assert main(["play", "--port", "0", "--no-browser"]) == 0
    printed = capsys.readouterr().out.splitlines()[0]
    (address,) = opened
    assert served[0].keys.token in printed
    assert served[0].keys.token not in address
    assert served[0].keys.single in address
