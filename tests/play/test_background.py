"""``nl.play()`` starts the server in a process of its own, and ends it."""

from __future__ import annotations

from urllib.error import URLError
from urllib.request import urlopen

import pytest

import numlean as nl
from numlean.play import background


@pytest.fixture
def server(tmp_path, monkeypatch):
    pytest.importorskip("uvicorn", reason="numlean[play] is not installed")
    monkeypatch.chdir(tmp_path)
    server = nl.play()
    yield server
    server.stop()


def test_the_server_answers_to_its_address_until_it_is_stopped(server, tmp_path):
    assert server.is_running
    assert server.folder == tmp_path
    assert f'href="{server.url}"' in server._repr_html_()
    with urlopen(server.url, timeout=120) as answer:
        assert answer.status == 200
    server.stop()
    server.stop()
    assert not server.is_running
    assert server.url not in repr(server) + server._repr_html_()
    with pytest.raises(URLError):
        urlopen(server.url, timeout=120)


def test_a_port_that_cannot_be_used_is_an_error_with_the_reason():
    pytest.importorskip("uvicorn", reason="numlean[play] is not installed")
    with pytest.raises(nl.NumleanError, match="a port is an integer from 0 to"):
        nl.play(port=70_000)


def test_a_missing_installation_is_an_error_that_names_the_fix(monkeypatch):
    monkeypatch.setattr(background, "find_spec", lambda name: None)
    with pytest.raises(nl.NumleanError, match="pip install"):
        nl.play()


def test_the_package_and_the_function_have_one_name():
    assert nl.play.background is background
    assert callable(nl.play)
