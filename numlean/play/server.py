"""The server: routes, and the loop that serves them on 127.0.0.1."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.resources import files
from typing import Any, Final

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from numlean.errors import NumleanError
from numlean.files.messages import reason_of
from numlean.play.page import page
from numlean.play.security import Gate, Keys
from numlean.play.views import VIEWS
from numlean.play.views.view import View
from numlean.play.worker import Worker
from numlean.play.workspace import Workspace

ADDRESS: Final = "127.0.0.1"
DEFAULT_PORT: Final = 8421

_MOST_PORT: Final = 65_535

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

_STATIC: Final = {
    "style.css": ("numlean.analysis.drift.page", "text/css"),
    "play.css": ("numlean.play.static", "text/css"),
    "live.js": ("numlean.play.static", "text/javascript"),
    "numbers.js": ("numlean.play.static", "text/javascript"),
    "formats.js": ("numlean.play.static", "text/javascript"),
    "icon.svg": ("numlean.play.static", "image/svg+xml"),
}
"""The package and the type of each file that pages load. No other file is served."""


def make_app(keys: Keys, port: int, workspace: Workspace) -> ASGIApp:
    """Return the application, behind its checks."""
    worker = Worker()
    routes = [Route("/", _start)]
    routes += [Route(view.link.path, _page_of(view, workspace, worker)) for view in VIEWS]
    routes.append(Route("/static/{name}", _static))
    return Gate(Starlette(routes=routes), keys, port)


async def _start(request: Request) -> Response:
    return RedirectResponse(VIEWS[0].link.path, status_code=303)


def _page_of(view: View, workspace: Workspace, worker: Worker) -> Callable[..., Any]:
    links = [each.link for each in VIEWS]

    async def respond(request: Request) -> Response:
        parameters = dict(request.query_params)

        def compute() -> str:
            shown = view.show(parameters, workspace)
            return page(
                links,
                view.link,
                title=shown.title,
                address=shown.address,
                script=view.script,
                view=shown.content,
            )

        return HTMLResponse(await worker.call(compute))

    return respond


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
