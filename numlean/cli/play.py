"""Open a page in the browser that shows numbers, operations and formats.

Numbers: a number, an expression or bits, side by side in any number formats; each bit can be
flipped; an operation in each rounding direction. Formats: the numbers of each format, its
precision, constants and conversions. Runs: start trainings, crosschecks and comparisons, watch
their losses, and look at what they found; each is a folder in runs/, and a command of its own.

The server answers on 127.0.0.1 only, and only a browser that has opened the printed address, which
contains a secret token. It reads and writes no file outside the current folder. Ctrl-C ends it,
and its runs after their current steps; the address of a view, without the token, shows the same in
another server.
"""

from __future__ import annotations

import argparse
import os
import webbrowser
from threading import Thread

from numlean.play.background import check_installed


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "--port",
        type=int,
        metavar="N",
        help="port, 0 for any free one (default: 8421, or a free one if that is in use)",
    )
    parser.add_argument(
        "--no-browser", action="store_true", help="print the address, and open no browser"
    )


def run(arguments: argparse.Namespace) -> int:
    """Serve until a signal ends the command."""
    check_installed()
    # Imported here because they import what may be missing.
    from numlean.play.runs.manager import RunManager
    from numlean.play.security import Keys
    from numlean.play.server import ADDRESS, bind, make_app, serve
    from numlean.play.workspace import Workspace

    workspace = Workspace.here()
    with bind(arguments.port) as listener, RunManager(workspace) as manager:
        port = listener.getsockname()[1]
        keys = Keys()
        single = keys.single

        def announce() -> None:
            root = f"http://{ADDRESS}:{port}/?token="
            print(f"{root}{keys.token}\nCtrl-C ends the server.", flush=True)
            if not arguments.no_browser and _has_display():
                _open_browser(f"{root}{single}")

        serve(listener, make_app(keys, port, workspace, manager), announce)
    return 0


def _open_browser(address: str) -> None:
    """Open an address; the server goes on, whether or not the browser takes the terminal."""
    Thread(target=webbrowser.open, args=(address,), daemon=True).start()


def _has_display() -> bool:
    """Return whether a browser would open a window, rather than take this terminal."""
    return any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"))
