"""Processes that run a command of the program, to be interrupted or killed from outside.

A new process takes seconds to import everything. A fork of this process has imported it already.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Final, NoReturn, Self, TypeAlias

from numlean.errors import NumleanError
from numlean.verification.in_process import Main, status_of

_STOP_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""The signals that the program handles, in the order in which it sets handlers."""

_POLL: Final = 1e-3
"""Seconds between two looks at a process."""


_SECONDS_TO_FOLLOW: Final = 10
"""Seconds in which the processes that a process started end after it, if they do so themselves."""


class Process:
    """A process that runs a command, in a session of its own. At the end of a context it ends.

    Attributes:
        pid: The number of the process, and of its process group.
        output: Standard output; empty until it has ended.
        errors: Standard error; likewise.
    """

    def __init__(
        self, pid: int, poll: Callable[[], int | None], out: IO[str], err: IO[str]
    ) -> None:
        self.pid = pid
        self.output = self.errors = ""
        self._poll = poll
        self._out = out
        self._err = err

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    @property
    def status(self) -> int | None:
        """The exit status, -N after a signal N that nobody handled; None while it runs."""
        status = self._poll()
        if status is not None and not self._out.closed:
            self.output, self.errors = map(_read_and_close, (self._out, self._err))
        return status

    def send(self, number: int) -> None:
        """Send a signal, if the process is still running."""
        if self.status is None:
            os.kill(self.pid, number)

    def wait(self, seconds: float = float("inf")) -> int | None:
        """Wait for the end, or some seconds, and return the exit status."""
        stop = time.monotonic() + seconds
        while self.status is None and time.monotonic() < stop:
            time.sleep(_POLL)
        return self.status

    def kill(self) -> None:
        """End the process and all that it started, with SIGKILL."""
        self.send(signal.SIGKILL)
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self.wait()

    @property
    def is_ready(self) -> bool:
        """Whether the process handles signals: Python's own start cannot."""
        try:
            lines = Path(f"/proc/{self.pid}/status").read_text(encoding="ascii").splitlines()
        except OSError:  # it has ended
            return False
        fields = dict(line.split(":", 1) for line in lines)
        caught, blocked = (int(fields.get(name, "0"), 16) for name in ("SigCgt", "SigBlk"))
        return bool(caught & ~blocked & 1 << (_STOP_SIGNALS[-1] - 1))

    @property
    def is_alone(self) -> bool:
        """Whether no process that it started is left some seconds after its end."""
        for _ in range(int(_SECONDS_TO_FOLLOW / _POLL)):
            try:
                os.killpg(self.pid, 0)
            except ProcessLookupError:
                return True
            if not _runs_in_group(self.pid):
                return True
            time.sleep(_POLL)
        return False


def _runs_in_group(group: int) -> bool:
    """Return whether a process of a group runs: it may have ended, and nobody has waited for it."""
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            # The name, in parentheses, may contain anything.
            fields = path.read_bytes().rpartition(b")")[2].split()
        except OSError:  # it has ended
            continue
        if int(fields[2]) == group and fields[0] not in (b"Z", b"X"):
            return True
    return False


def check_proc() -> None:
    """Check that the system tells the state of processes.

    Raises:
        NumleanError: It does not, so that nobody could tell when a process handles signals.
    """
    if not Path("/proc/self/status").is_file():
        raise NumleanError(
            "this needs the state of processes in /proc, and there is none; mount it, or run this"
            " on Linux"
        )


def restore_stop_signals() -> None:
    """Let the signals that stop the program do in this process what they do by default.

    A process inherits that its parent ignores a signal, as under ``nohup``, and the program then
    ignores it, too.
    """
    for number in _STOP_SIGNALS:
        is_interrupt = number == signal.SIGINT
        signal.signal(number, signal.default_int_handler if is_interrupt else signal.SIG_DFL)


Start: TypeAlias = Callable[[Sequence[str]], Process]
"""Starts a process that runs a command line, given without the program's name."""


def spawn(argv: Sequence[str]) -> Process:
    """Start a new process."""
    out, err = _file(), _file()
    with _without_warnings_of_threads():
        process = subprocess.Popen(
            [sys.executable, "-m", "numlean", *argv],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            start_new_session=True,
            preexec_fn=restore_stop_signals,
        )
    return Process(process.pid, process.poll, out, err)


def forking(prepare: Callable[[], None], main: Main) -> Start:
    """Return a function that starts forks of this process.

    Args:
        prepare: Makes a process of its own handle signals, as the program does when it starts.
        main: Runs a command line, and returns the exit status.
    """

    def fork(argv: Sequence[str]) -> Process:
        out, err = _file(), _file()
        # Until the fork is prepared, a signal would do what this process does with it.
        usual = signal.pthread_sigmask(signal.SIG_BLOCK, _STOP_SIGNALS)
        try:
            with _without_warnings_of_threads():
                pid = os.fork()
            if pid == 0:
                _run_in_fork(prepare, lambda: main(argv), out, err)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, usual)
        status: int | None = None

        def poll() -> int | None:
            nonlocal status
            if status is None:
                found, code = os.waitpid(pid, os.WNOHANG)
                status = os.waitstatus_to_exitcode(code) if found else None
            return status

        return Process(pid, poll, out, err)

    return fork


@contextmanager
def _without_warnings_of_threads() -> Iterator[None]:
    """Ignore Python's warning of other threads, whose locks a fork would not release."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        yield


def _run_in_fork(
    prepare: Callable[[], None], run: Callable[[], int], out: IO[str], err: IO[str]
) -> NoReturn:
    """Run a command in a new fork, and end it, without any code of the process that it was."""
    status = 1
    try:
        os.setsid()
        nothing = os.open(os.devnull, os.O_RDONLY)
        for number, file in enumerate((nothing, out.fileno(), err.fileno())):
            os.dup2(file, number)
        sys.stdout, sys.stderr = _text(1), _text(2)
        restore_stop_signals()
        prepare()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOP_SIGNALS)
        status = run()
    except SystemExit as stop:
        status = status_of(stop)
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        try:
            sys.stdout.flush()
            sys.stderr.flush()
        finally:
            os._exit(status)


def _file() -> IO[str]:
    return TemporaryFile("w+", encoding="utf-8", errors="replace")


def _read_and_close(file: IO[str]) -> str:
    with file:
        file.seek(0)
        return file.read()


def _text(number: int) -> IO[str]:
    return os.fdopen(number, "w", encoding="utf-8", closefd=False)
