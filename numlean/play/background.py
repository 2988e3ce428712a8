"""``nl.play()``: the server of ``numlean play`` in a process of its own, next to a notebook."""

from __future__ import annotations

import atexit
import subprocess
import sys
from html import escape
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryFile
from typing import Final, final

from numlean.errors import NumleanError, UnavailableError

_NEEDED: Final = ("starlette", "uvicorn")
_SECONDS: Final = 10.0
"""The time after which a server that was asked to end is ended."""


@final
class PlayServer:
    """A running server.

    A notebook shows it as a link. It ends by :meth:`stop`, or when Python ends.

    Attributes:
        url: The address with the secret token: whoever has it may use the server.
        folder: The folder that its pages may read, and in which its runs are kept.
    """

    def __init__(self, process: subprocess.Popen[str], url: str, folder: Path) -> None:
        self._process = process
        self.url = url
        self.folder = folder
        atexit.register(self.stop)

    @property
    def is_running(self) -> bool:
        """Whether the server still answers."""
        return self._process.poll() is None

    def stop(self) -> None:
        """End the server, and its runs after their current steps; do nothing if it has ended."""
        atexit.unregister(self.stop)
        if self.is_running:
            self._process.terminate()
            try:
                self._process.wait(_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()

    def __repr__(self) -> str:
        return f"PlayServer({self.url})" if self.is_running else "PlayServer(stopped)"

    def _repr_html_(self) -> str:
        """Return a link for notebooks; pages cannot be embedded in those of another server."""
        if not self.is_running:
            return "<p>numlean play: stopped</p>"
        link = f'<a href="{escape(self.url)}" target="_blank" rel="noopener">Open numlean play</a>'
        return f"<p>{link}: numbers, formats and runs in {escape(str(self.folder))}</p>"


def play(port: int = 0) -> PlayServer:
    """Start the server of ``numlean play`` for the current folder, and return it.

    Args:
        port: The port on 127.0.0.1, 0 for any free one.

    Raises:
        UnavailableError: The extra ``numlean[play]`` is not installed.
        NumleanError: The port cannot be used.
    """
    check_installed()
    with TemporaryFile("w+") as errors:  # a pipe would fill up
        # A session of its own keeps the Ctrl-C of a cell from ending the server.
        process = subprocess.Popen(
            [sys.executable, "-m", "numlean", "play", "--no-browser", "--port", str(port)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            start_new_session=True,
        )
        url = process.stdout.readline().strip() if process.stdout is not None else ""
        if url:
            return PlayServer(process, url, Path.cwd())
        process.communicate()
        errors.seek(0)
        lines = errors.read().strip().splitlines()
    message = lines[-1].removeprefix("numlean: error: ") if lines else "it printed no reason"
    raise NumleanError(f"the server of numlean play did not start: {message}")


def check_installed() -> None:
    """Check that the packages of the server are installed.

    Raises:
        UnavailableError: One is missing.
    """
    missing = [name for name in _NEEDED if find_spec(name) is None]
    if missing:
        raise UnavailableError(
            f"numlean play needs {' and '.join(missing)}; run `pip install 'numlean[play]'`"
        )
