"""The server: routes, and the loop that serves them on 127.0.0.1."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from importlib.resources import files
from typing import Any, Final
from urllib.parse import parse_qsl

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from numlean.errors import NumleanError
from numlean.files.messages import reason_of
from numlean.play.page import page
from numlean.play.runs.manager import RunManager
from numlean.play.runs.plan import MOST_TABLE, plans
from numlean.play.security import Gate, Keys
from numlean.play.views.formats.view import FORMATS
from numlean.play.views.numbers.view import NUMBERS
from numlean.play.views.runs.query import PATH as RUNS
from numlean.play.views.runs.start import ACT, START, TABLE
from numlean.play.views.runs.view import RunsPage
from numlean.play.views.view import Shown, View
from numlean.play.worker import Worker
from numlean.play.workspace import Workspace

ADDRESS: Final = "127.0.0.1"
DEFAULT_PORT: Final = 8421

_MOST_PORT: Final = 65_535
_MOST_FORM: Final = 64 << 10

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

_STATIC: Final = {
    "style.css": ("numlean.pages", "text/css"),
    "page.js": ("numlean.pages", "text/javascript"),
    "play.css": ("numlean.play.static", "text/css"),
    "live.js": ("numlean.play.static", "text/javascript"),
    "numbers.js": ("numlean.play.static", "text/javascript"),
    "formats.js": ("numlean.play.static", "text/javascript"),
    "runs.js": ("numlean.play.static", "text/javascript"),
    "icon.svg": ("numlean.play.static", "image/svg+xml"),
}
"""The package and the type of each file that pages load. No other file is served."""


def make_app(keys: Keys, port: int, workspace: Workspace, manager: RunManager) -> ASGIApp:
    """Return the application, behind its checks."""
    worker = Worker()
    runs = RunsPage(manager)
    views = (NUMBERS, FORMATS, runs.view)
    routes = [Route("/", _start)]
    routes += [Route(each.link.path, _page_of(each, views, workspace, worker)) for each in views]
    asked = _Asked(runs, views, workspace, worker)
    for path, respond in ((START, asked.start), (ACT, asked.act), (TABLE, asked.table)):
        routes.append(Route(path, respond, methods=["POST"]))
    routes.append(Route("/static/{name}", _static))
    return Gate(Starlette(routes=routes), keys, port)


async def _start(request: Request) -> Response:
    return RedirectResponse(NUMBERS.link.path, status_code=303)


def _page_of(
    view: View, views: Sequence[View], workspace: Workspace, worker: Worker
) -> Callable[..., Any]:
    async def respond(request: Request) -> Response:
        parameters = dict(request.query_params)
        compute = partial(view.show, parameters, workspace)
        return HTMLResponse(await worker.call(lambda: _page(view, views, compute())))

    return respond


def _page(view: View, views: Sequence[View], shown: Shown) -> str:
    return page(
        [each.link for each in views],
        view.link,
        title=shown.title,
        address=shown.address,
        script=view.script,
        view=shown.content,
    )


@dataclass(frozen=True)
class _Asked:
    """What a page asks the server to do: start, stop, keep and remove runs, and write a table."""

    runs: RunsPage
    views: Sequence[View]
    workspace: Workspace
    worker: Worker

    async def start(self, request: Request) -> Response:
        """Start runs, and lead to the list, with their losses."""
        fields = await _fields(request)
        if fields is None:
            return _TOO_LONG

        def work() -> Response:
            try:
                made = self.runs.manager.start(plans(fields, self.workspace))
            except NumleanError as error:
                shown = self.runs.answer(fields, str(error))
                return HTMLResponse(_page(self.runs.view, self.views, shown), status_code=400)
            if len(made) == 1:
                return RedirectResponse(f"{RUNS}?id={made[0].id}", status_code=303)
            shown_ids = ",".join(each.id for each in made)
            return RedirectResponse(f"{RUNS}?show={shown_ids}", status_code=303)

        return await self.worker.call(work)

    async def act(self, request: Request) -> Response:
        """Stop, keep or remove a run, and lead back."""
        fields = await _fields(request)
        if fields is None:
            return _TOO_LONG
        run_id, manager = fields.get("id", ""), self.runs.manager
        actions = {
            "stop": partial(manager.stop, run_id),
            "keep": partial(manager.keep, run_id, is_kept=True),
            "free": partial(manager.keep, run_id, is_kept=False),
            "remove": partial(manager.remove, run_id),
        }
        do = fields.get("do", "")
        if do not in actions:
            return PlainTextResponse("400: unknown action\n", status_code=400)
        try:
            await self.worker.call(actions[do])
        except NumleanError as error:
            return PlainTextResponse(f"400: {error}\n", status_code=400)
        back = RUNS if do == "remove" else fields.get("back", "")
        is_own = (back == RUNS or back.startswith(f"{RUNS}?")) and back.isprintable()
        return RedirectResponse(back if is_own else RUNS, status_code=303)

    async def table(self, request: Request) -> Response:
        """Write a table, and return its path."""
        content = await _body(request, MOST_TABLE)
        if content is None:
            return PlainTextResponse(
                f"a page takes tables of at most {MOST_TABLE:,} bytes; copy the file into the"
                " folder, and use `numlean train --data`",
                status_code=413,
            )
        name = request.query_params.get("name", "")
        try:
            path = await self.worker.call(lambda: self.runs.manager.save_table(name, content))
        except NumleanError as error:
            return PlainTextResponse(str(error), status_code=400)
        return PlainTextResponse(path)


_TOO_LONG: Final = PlainTextResponse("413: the form is too long\n", status_code=413)


async def _fields(request: Request) -> dict[str, str] | None:
    """Return the fields of a form; None if they are too long."""
    content = await _body(request, _MOST_FORM)
    if content is None:
        return None
    try:
        return dict(parse_qsl(content.decode("utf-8", "replace"), max_num_fields=100))
    except ValueError:
        return {}


async def _body(request: Request, most: int) -> bytes | None:
    """Return what was sent; None if it is longer than that."""
    parts, size = list[bytes](), 0
    async for part in request.stream():
        size += len(part)
        if size > most:
            return None
        parts.append(part)
    return b"".join(parts)


async def _static(request: Request) -> Response:
    name = request.path_params["name"]
    if name not in _STATIC:
        return PlainTextResponse("404: no such file\n", status_code=404)
    package, kind = _STATIC[name]
    return Response(files(package).joinpath(name).read_bytes(), media_type=kind)


def bind(port: int | None) -> socket.socket:
    """Return a socket on 127.0.0.1.

    Args:
        port: The port, 0 for any free one; None for the default port, or any if that is in use.

    Raises:
        NumleanError: The port cannot be used.
    """
    if port is None:
        try:
            return _bound(DEFAULT_PORT)
        except OSError:
            return _bound(0)
    if not 0 <= port <= _MOST_PORT:
        raise NumleanError(f"a port is an integer from 0 to {_MOST_PORT}, got {port}")
    try:
        return _bound(port)
    except OSError as error:
        raise NumleanError(
            f"port {port} of {ADDRESS} cannot be used: {reason_of(error)}; give another --port, or"
            " --port 0 for any free one"
        ) from None


def _bound(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((ADDRESS, port))
    except BaseException:
        listener.close()
        raise
    return listener


def serve(listener: socket.socket, app: ASGIApp, when_ready: Callable[[], None]) -> None:
    """Answer requests until a signal ends the program.

    Args:
        listener: The socket.
        app: The application.
        when_ready: Called once the server answers.

    Raises:
        KeyboardInterrupt: Ctrl-C, or what the caller's handler of a signal raises.
    """
    # The first request has the token, so that no request is written to a log.
    config = uvicorn.Config(
        app,
        loop="asyncio",
        http="h11",
        ws="none",
        lifespan="off",
        access_log=False,
        log_config=None,
        log_level="warning",
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=1,
    )
    asyncio.run(_Server(config, when_ready).serve(sockets=[listener]))


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, when_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._when_ready = when_ready

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """End the loop by a signal, and handle it as the caller does once the loop has ended."""
        captured = list[int]()

        def stop(number: int, _: object) -> None:
            captured.append(number)
            self.should_exit = self.force_exit = True

        handled = [each for each in _SIGNALS if signal.getsignal(each) is not signal.SIG_IGN]
        before = {number: signal.signal(number, stop) for number in handled}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
            if captured:
                signal.raise_signal(captured[0])

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._when_ready()
