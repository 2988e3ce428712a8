"""Training that is killed at a random moment and resumed: all files must end as without the kill.

The run writes a checkpoint, a certificate and a log after every step.
"""

from __future__ import annotations

import json
import random
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from numlean.certificate import Certificate
from numlean.checkpoint import load
from numlean.errors import NumleanError
from numlean.verification.processes import Start, spawn

_POLL: Final = 1e-3
"""Seconds between checks for the first checkpoint."""


@dataclass(frozen=True)
class RunFiles:
    """The files of a run.

    Attributes:
        folder: The folder that contains these files only.
    """

    folder: Path

    @property
    def checkpoint(self) -> Path:
        """The checkpoint."""
        return self.folder / "run.ckpt"

    @property
    def certificate(self) -> Path:
        """The certificate."""
        return self.folder / "run.json"

    @property
    def log(self) -> Path:
        """The log."""
        return self.folder / "log.jsonl"

    @property
    def options(self) -> list[str]:
        """The options of ``numlean train`` that write them after each step."""
        return [
            *("--save", str(self.checkpoint), "--checkpoint-every", "1"),
            *("--certificate", str(self.certificate), "--log", str(self.log)),
        ]

    def clear(self) -> None:
        """Remove all files, also those that a killed process left."""
        for file in self.folder.iterdir():
            file.unlink()

    def others(self) -> list[str]:
        """Return the names of the files in the folder that are not of the run."""
        own = {self.checkpoint, self.certificate, self.log}
        return sorted(file.name for file in self.folder.iterdir() if file not in own)

    def logged_steps(self) -> list[dict[str, Any]]:
        """Return the lines of the log that describe steps, without the time.

        Raises:
            ValueError: A line is not JSON.
        """
        lines = [json.loads(line) for line in self.log.read_text(encoding="utf-8").splitlines()]
        return [{**line, "seconds": None} for line in lines if "step" in line]


@dataclass(frozen=True)
class Uninterrupted:
    """A run that was not killed.

    Attributes:
        options: The options of ``numlean train``, the task first.
        digest: The digest of its parameters, without files.
        seconds: The duration of training, with files.
        certificate: Its certificate.
        log: The steps in its log; see ``RunFiles.logged_steps``.
    """

    options: tuple[str, ...]
    digest: str
    seconds: float
    certificate: Certificate
    log: list[dict[str, Any]]

    def failure_of_killed(self, files: RunFiles) -> str | None:
        """Return what is wrong with the files that a killed run left; None if nothing is."""
        try:
            made, steps = load(files.checkpoint).step, Certificate.load(files.certificate).steps
        except NumleanError as error:
            return str(error)
        if len(steps) < made:
            return f"the certificate has {len(steps)} steps, but the checkpoint {made}"
        if steps != self.certificate.steps[: len(steps)]:
            return "the certificate has other steps than that of a run that is not killed"
        return None

    def failure_of_resumed(self, files: RunFiles, digest: str) -> str | None:
        """Return what is wrong with a resumed run at its end; None if nothing is."""
        if digest != self.digest:
            return f"the digest is {digest}, not {self.digest}"
        try:
            certificate, logged = Certificate.load(files.certificate), files.logged_steps()
        except ValueError as error:
            return str(error)
        if certificate != self.certificate:
            return "the certificate differs from that of a run that is not killed"
        if logged != self.log:
            steps = [line["step"] for line in logged]
            return f"the log has the steps {_ranges(steps)}, or other contents than without a kill"
        others = files.others()
        return f"files are left: {', '.join(others)}" if others else None


@dataclass(frozen=True)
class KillOutcome:
    """A run that was killed, and the run that resumed it.

    Attributes:
        step: The steps of the checkpoint that existed when the process had ended; None if it cannot
            be read.
        was_writing: Whether the process was killed while it wrote a file.
        failure: What is wrong with the files, in one line; None if they are as without the kill.
    """

    step: int | None
    was_writing: bool
    failure: str | None


def run_uninterrupted(options: Sequence[str], folder: Path, start: Start = spawn) -> Uninterrupted:
    """Train to the end twice: without files, and with.

    Args:
        options: The options of ``numlean train``, the task first.
        folder: The folder of the files, and of nothing else.
        start: Starts a process.

    Raises:
        NumleanError: A run fails.
    """
    files = RunFiles(folder)
    files.clear()
    digest = _report(options, start)["state_digest"]
    seconds = _report([*options, *files.options], start)["seconds"]
    certificate = Certificate.load(files.certificate)
    return Uninterrupted(tuple(options), digest, seconds, certificate, files.logged_steps())


def kill_and_resume(
    run: Uninterrupted, folder: Path, draw: random.Random, start: Start = spawn
) -> KillOutcome:
    """Train with files written after every step, kill -9 at a random moment, and resume.

    Args:
        run: The run.
        folder: The folder of the files, and of nothing else.
        draw: Selects the moment, between the first checkpoint and the end.
        start: Starts a process.

    Raises:
        NumleanError: The run fails before it is killed.
    """
    files = RunFiles(folder)
    options = [*run.options, *files.options]
    while not _killed(options, files, draw.random() * run.seconds, start):
        pass
    was_writing, failure = bool(files.others()), run.failure_of_killed(files)
    if failure is not None:
        return KillOutcome(None, was_writing, f"after the kill: {failure}")
    step = load(files.checkpoint).step
    try:
        options = [run.options[0], "--resume", str(files.checkpoint), *files.options]
        resumed = _report(options, start)
    except NumleanError as error:
        return KillOutcome(step, was_writing, str(error))
    return KillOutcome(step, was_writing, run.failure_of_resumed(files, resumed["state_digest"]))


def _killed(options: Sequence[str], files: RunFiles, seconds: float, start: Start) -> bool:
    """Kill a run some time after its first checkpoint; return whether it was still running.

    Raises:
        NumleanError: The run failed before.
    """
    files.clear()
    with start(["train", *options]) as process:
        while process.status is None and not files.checkpoint.exists():
            time.sleep(_POLL)
        time.sleep(seconds)
    if process.status not in (0, -signal.SIGKILL):
        raise NumleanError(f"numlean train {' '.join(options)}: {process.errors.strip()}")
    return process.status == -signal.SIGKILL


def _report(options: Sequence[str], start: Start) -> dict[str, Any]:
    with start(["train", *options, "--json"]) as process:
        process.wait()
    if process.status:
        raise NumleanError(f"numlean train {' '.join(options)}: {process.errors.strip()}")
    report: dict[str, Any] = json.loads(process.output)
    return report


def _ranges(steps: Sequence[int]) -> str:
    """Return numbers with runs of consecutive ones cut short, as in "0 to 5, 5 to 9"."""
    starts = [k for k in range(len(steps)) if k == 0 or steps[k] != steps[k - 1] + 1]
    ends = [*(k - 1 for k in starts[1:]), len(steps) - 1]
    return ", ".join(f"{steps[a]} to {steps[b]}" for a, b in zip(starts, ends, strict=True))
