"""A server in a thread, requests to the application, and a real browser."""

import asyncio
import json
import shutil
import socket
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from http.client import HTTPConnection
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

import pytest

PORT = 8421
BAD = "<script>window.bad=1</script>"


RESULTS = {
    "steps": 5,
    "pairs": [
        {
            "a": "ieee32exec",
            "b": f"float32{BAD}",
            "identical": False,
            "compared": "state",
            "first_different_step": 1,
            "divergence": {
                "where": "forward, 0",
                "operation": "matmul",
                "call": 0,
                "differing": "loss",
                "element": [0, 0],
                "operands": {"a": [{"value": "1.0", "bits": "0x3f800000"}]},
                "results": [{"value": "-0.5", "bits": "0xbf000000"}, {"value": BAD, "bits": None}],
                "ulps": -1,
                "exact": "-0.50001",
                "closer": "a",
                "judgements": [{"verdict": "as specified", "error": 0.0}, {}],
                "block": {
                    "start": 0,
                    "stop": 4,
                    "before": {"value": "0.0"},
                    "steps": [
                        [{"title": "A100", "top": 3, "fraction_bits": 24, "result": {}}],
                        [{"title": "H100", "top": 3, "fraction_bits": 13, "result": {}}],
                    ],
                },
            },
            "growth": [
                {"step": 1, "differing": 0.1, "relative": 1e-8, "loss_a": 1.0, "loss_b": None},
                {"step": 2, "differing": 0.5, "relative": 1e-6, "loss_a": 0.9, "loss_b": 0.8},
            ],
        }
    ],
}


@pytest.fixture
def crosscheck_results():
    """Return the results of a crosscheck, one of whose names is a script."""
    return RESULTS


@pytest.fixture
def operation_record():
    """Return a function that makes the record of an operation."""

    def make(step, number, relative):
        histogram = {"-1": 2, "0": 1, "x": 9}
        stats = {"count": 4, "exact": 1, "infinite": 0, "unknown": 0, "relative": relative}
        stats |= {"max_ulp": 2.0, "rms_ulp": 1.0, "histogram": histogram}
        run = {"record": "operation", "dtype": "e4m3", "seed": 0, "step": step}
        place = {"phase": "forward" if number % 2 else "backward", "layer": f"{number} Linear"}
        units = {"operation": "matmul", "ulp_of": "e4m3", "local_ulp_of": "e4m3", "calls": 1}
        rest = {"inf": 0, "local": stats, "total": stats, "inherited": stats}
        return {**run, **place, **units, **rest}

    return make


@pytest.fixture
def record_lines(operation_record):
    """Return a function that makes the lines of a comparison's records."""

    def make(steps, operations):
        measures = {"e4m3": {"grid": {"precision": 4}}}
        yield json.dumps({"record": "comparison", "measures": measures})
        for step in range(steps):
            for number in range(operations):
                yield json.dumps(operation_record(step, number, number / 100))

    return make


@dataclass(frozen=True)
class Answer:
    status: int
    headers: list[tuple[str, str]]
    text: str

    def header(self, name):
        return next((value for key, value in self.headers if key == name), None)


@dataclass
class Client:
    """Calls the application as a server does, with any headers."""

    app: Any
    keys: Any
    with_cookie: bool = True

    def post(self, address, body=b"", **options):
        own = [("origin", f"http://127.0.0.1:{PORT}")]
        return self.get(address, method="POST", body=body, headers=own, **options)

    def get(self, address, *, method="GET", headers=(), host=f"127.0.0.1:{PORT}", body=b""):
        path, _, query = address.partition("?")
        given = [(b"host", host.encode("latin-1"))] if host is not None else []
        given += [(k.encode(), v.encode("latin-1")) for k, v in headers]
        if self.with_cookie:
            given.append((b"cookie", f"{self.app.cookie_name}={self.keys.cookie}".encode()))
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode("latin-1", "replace"),
            "query_string": query.encode("latin-1"),
            "root_path": "",
            "headers": given,
            "client": ("127.0.0.1", 50000),
            "server": ("127.0.0.1", PORT),
        }
        sent = []

        async def receive():
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message):
            sent.append(message)

        asyncio.run(self.app(scope, receive, send))
        start = sent[0]
        body = b"".join(each.get("body", b"") for each in sent[1:])
        headers = [(k.decode(), v.decode("latin-1")) for k, v in start["headers"]]
        return Answer(start["status"], headers, body.decode())


@pytest.fixture
def workspace(tmp_path):
    from numlean.play.workspace import Workspace

    return Workspace(tmp_path.resolve())


@pytest.fixture
def manager(workspace):
    from numlean.play.runs.manager import RunManager

    with RunManager(workspace) as manager:
        yield manager


@pytest.fixture
def client(workspace, manager):
    pytest.importorskip("starlette", reason="numlean[play] is not installed")
    pytest.importorskip("uvicorn", reason="numlean[play] is not installed")
    from numlean.play.security import Keys
    from numlean.play.server import make_app

    keys = Keys()
    return Client(make_app(keys, PORT, workspace, manager), keys)


@pytest.fixture
def stranger(client):
    """Return a client without the cookie."""
    return replace(client, with_cookie=False)


@dataclass
class Server:
    """A server in a thread."""

    address: str
    keys: Any
    stop: Any

    @property
    def entry(self):
        return f"{self.address}/?token={self.keys.token}"


@pytest.fixture
def server(workspace, manager):
    uvicorn = pytest.importorskip("uvicorn", reason="numlean[play] is not installed")
    from numlean.play.security import Keys
    from numlean.play.server import bind, make_app

    keys = Keys()
    listener = bind(0)
    port = listener.getsockname()[1]
    config = uvicorn.Config(
        make_app(keys, port, workspace, manager),
        http="h11",
        ws="none",
        lifespan="off",
        log_config=None,
    )
    running = uvicorn.Server(config)
    thread = Thread(target=lambda: asyncio.run(running.serve(sockets=[listener])), daemon=True)
    thread.start()

    def stop():
        running.should_exit = running.force_exit = True
        thread.join()
        listener.close()

    while not running.started:
        time.sleep(0.01)
    yield Server(f"http://127.0.0.1:{port}", keys, stop)
    stop()


@dataclass
class Browser:
    """A session of the WebDriver protocol (W3C): the few commands that the tests need."""

    base: str
    session: str = ""

    def command(self, method, path, body=None):
        port = urlsplit(self.base).port
        connection = HTTPConnection("127.0.0.1", port, timeout=600)
        connection.request(method, path, None if body is None else json.dumps(body))
        value = json.loads(connection.getresponse().read())["value"]
        connection.close()
        if isinstance(value, dict) and "error" in value:
            raise AssertionError(f"{value['error']}: {value['message']}")
        return value

    def do(self, method, path, body=None):
        return self.command(method, f"/session/{self.session}{path}", body)

    def open(self, address):
        self.do("POST", "/url", {"url": address})

    def run(self, script, *arguments):
        return self.do("POST", "/execute/sync", {"script": script, "args": list(arguments)})

    def wait(self, condition):
        """Wait until a JavaScript expression is true, and return its value."""
        end = time.monotonic() + 300
        while time.monotonic() < end:
            found = self.run(f"return {condition}")
            if found:
                return found
            time.sleep(0.05)
        raise AssertionError(f"never true: {condition}")

    def text(self, selector):
        return self.run("return document.querySelector(arguments[0])?.innerText", selector)

    def click(self, selector):
        self.run("document.querySelector(arguments[0]).click()", selector)

    def keys(self, text):
        actions = [{"type": kind, "value": key} for key in text for kind in ("keyDown", "keyUp")]
        body = {"actions": [{"type": "key", "id": "keyboard", "actions": actions}]}
        self.do("POST", "/actions", body)

    @property
    def address(self):
        return self.do("GET", "/url")


def start_browser(folder, arguments=()):
    """Return a browser, or the reason why there is none, and its driver's process."""
    driver, chromium = shutil.which("chromedriver"), shutil.which("chromium")
    if driver is None or chromium is None:
        return "chromium and chromium-driver are not installed", None
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [driver, f"--port={port}"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=folder,
        env={"PATH": "/usr/bin:/bin", "HOME": str(folder), "TMPDIR": str(folder)},
    )
    browser = Browser(f"http://127.0.0.1:{port}")
    for _ in range(600):
        with suppress(OSError):
            browser.command("GET", "/status")
            break
        time.sleep(0.05)
    options = {
        "binary": chromium,
        "args": [
            *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"),
            *("--no-first-run", "--disable-background-networking", *arguments),
        ],
    }
    timeouts = {"script": 300_000, "pageLoad": 300_000}
    wanted = {
        "capabilities": {"alwaysMatch": {"goog:chromeOptions": options, "timeouts": timeouts}}
    }
    try:
        browser.session = browser.command("POST", "/session", wanted)["sessionId"]
    except (AssertionError, OSError) as error:
        process.kill()
        process.wait()
        return f"chromium does not start: {error}".splitlines()[0], None
    return browser, process


@pytest.fixture(scope="session")
def chromium(tmp_path_factory):
    found, process = start_browser(tmp_path_factory.mktemp("chromium"))
    if process is None:
        pytest.skip(found)
    yield found
    with suppress(AssertionError, OSError):
        found.do("DELETE", "")
    process.terminate()
    process.wait()


@pytest.fixture
def browser(chromium):
    chromium.open("about:blank")
    return chromium
