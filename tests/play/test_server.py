"""Routes, files and ports."""

import socket

import pytest

pytest.importorskip("starlette", reason="numlean[play] is not installed")
pytest.importorskip("uvicorn", reason="numlean[play] is not installed")

from numlean.errors import NumleanError
from numlean.play.server import bind

PORT = 8421


def test_the_root_leads_to_the_first_view(client):
    answer = client.get("/")
    assert (answer.status, answer.header("location")) == (303, "/numbers")


@pytest.mark.parametrize("view", ["/numbers", "/formats", "/runs"])
def test_every_file_that_a_page_loads_is_served(client, view):
    text = client.get(view).text
    parts = [part.partition('"')[0] for part in text.split('="/static/')[1:]]
    assert {"style.css", "play.css", f"{view[1:]}.js", "icon.svg"} == set(parts)
    for name in (*parts, "live.js", "page.js"):
        answer = client.get(f"/static/{name}")
        assert answer.status == 200
        assert answer.text


@pytest.mark.parametrize(
    "name",
    ["..", "../server.py", "%2e%2e/server.py", "__init__.py", "/etc/passwd", "live.js/", "x\0"],
)
def test_no_other_file_is_served(client, name):
    assert client.get(f"/static/{name}").status in (307, 404)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "TRACE"])
def test_pages_are_only_read(client, method):
    headers = [("origin", f"http://127.0.0.1:{PORT}")]
    assert client.get("/numbers", method=method, headers=headers).status == 405


def test_the_server_is_on_the_loopback_address_alone():
    with bind(0) as listener:
        assert listener.getsockname()[0] == "127.0.0.1"


def test_a_port_in_use_is_an_error_that_names_the_fix():
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(NumleanError, match=rf"port {port} .* --port 0 for any free one"):
            bind(port)


@pytest.mark.parametrize("port", [-1, 65536, 10**30])
def test_a_port_that_does_not_exist_is_an_error(port):
    with pytest.raises(NumleanError, match="from 0 to 65535"):
        bind(port)
