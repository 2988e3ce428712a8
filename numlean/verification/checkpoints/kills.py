"""Training that is killed at a random moment and resumed: it must end with the same bits."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from numlean.checkpoint import load
from numlean.errors import NumleanError

_POLL: Final = 1e-3
"""Seconds between checks for the first checkpoint."""


@dataclass(frozen=True)
class KillOutcome:
    """A run that was killed, and the run that resumed it.

    Attributes:
        step: The steps of the checkpoint that existed when the process had ended.
        was_writing: Whether the process was killed while it wrote a checkpoint.
        digest: The digest of the parameters at the end of the resumed run.
        left_behind: Files other than the checkpoint that existed then.
    """

    step: int
    was_writing: bool
    digest: str
    left_behind: tuple[str, ...]


@dataclass(frozen=True)
class Uninterrupted:
    """A run that was not killed.

    Attributes:
        options: The options of ``numlean train``, the task first.
        digest: The digest of its parameters, without checkpoints.
        seconds: The duration of training with a checkpoint after every step.
    """

    options: tuple[str, ...]
    digest: str
    seconds: float


def run_uninterrupted(options: Sequence[str], path: Path) -> Uninterrupted:
    """Train to the end twice: without checkpoints, and with."""
    digest, saving = _report(options)["state_digest"], _report([*options, *_every_step(path)])
    return Uninterrupted(tuple(options), digest, saving["seconds"])


def kill_and_resume(run: Uninterrupted, path: Path, draw: random.Random) -> KillOutcome:
    """Train with a checkpoint every step, kill -9 at a random moment, and resume.

    Args:
        run: The run.
        path: The checkpoint, alone in its folder.
        draw: Selects the moment, between the first checkpoint and the end.
    """
    options = [*run.options, *_every_step(path)]
    while not _killed(options, path, draw.random() * run.seconds):
        pass
    step, was_writing = load(path).step, len(list(path.parent.iterdir())) > 1
    report = _report([run.options[0], "--resume", str(path), *_every_step(path)])
    others = tuple(file.name for file in path.parent.iterdir() if file != path)
    return KillOutcome(step, was_writing, report["state_digest"], others)


def _killed(options: Sequence[str], path: Path, seconds: float) -> bool:
    """Kill a run some time after its first checkpoint; return whether it was still running."""
    path.unlink(missing_ok=True)
    process = subprocess.Popen(_command(options), stdout=subprocess.DEVNULL)
    try:
        while process.poll() is None and not path.exists():
            time.sleep(_POLL)
        time.sleep(seconds)
    finally:
        was_running = process.poll() is None
        process.kill()
        process.wait()
    return was_running


def _every_step(path: Path) -> list[str]:
    return ["--save", str(path), "--checkpoint-every", "1"]


def _report(options: Sequence[str]) -> dict[str, Any]:
    result = subprocess.run([*_command(options), "--json"], capture_output=True, text=True)
    if result.returncode:
        raise NumleanError(f"numlean train {' '.join(options)}: {result.stderr.strip()}")
    report: dict[str, Any] = json.loads(result.stdout)
    return report


def _command(options: Sequence[str]) -> list[str]:
    return [sys.executable, "-m", "numlean", "train", *options]
