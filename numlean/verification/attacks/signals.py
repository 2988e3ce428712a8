"""SIGINT, SIGTERM and SIGHUP at random moments in commands that take long."""

from __future__ import annotations

import json
import random
import signal
import time
from collections.abc import Iterator, Sequence
from itertools import cycle, islice, product
from typing import Any, Final

from numlean.certificate import Certificate
from numlean.checkpoint import load
from numlean.errors import NumleanError
from numlean.verification.attacks.attack import Attack, Outcome, Program, Setting
from numlean.verification.checkpoints import RunFiles
from numlean.verification.in_process import succeed
from numlean.verification.processes import (
    Process,
    Start,
    check_proc,
    forking,
    spawn,
)

_XOR: Final = ("xor", "--dtype", "float32", "--json", "--steps")
_STEPS: Final = "400"
_COMMANDS: Final[dict[str, Sequence[str]]] = {
    "train": ("train", *_XOR, _STEPS),
    "crosscheck": (
        *("crosscheck", "xor", "--a", "float32", "--b", "ieee32exec"),
        *("--json", "--steps", "200"),
    ),
    "compare": (
        *("compare", "xor", "--dtypes", "float32", "--truth", "float64", "--steps", "200"),
        *("--every", "3", "--jsonl", "{folder}/lines.jsonl", "--out", "{folder}/page.html"),
    ),
    "ablate": (
        *("ablate", "xor", "--dtype", "float32", "--low", "binary16", "--steps", "10"),
        *("--seeds", "2", "--jsonl", "{folder}/lines.jsonl", "--out", "{folder}/page.html"),
    ),
    "replay": ("replay", "{inputs}/run.json", "--json"),
    "verify arithmetic": (
        "verify",
        "arithmetic",
        "--dtype",
        "ieee32exec",
        "--count",
        "3e4",
        "--jobs",
        "1",
    ),
    "verify elementary": (
        *("verify", "elementary", "--dtype", "binary16", "--count", "2e5", "--jobs", "2"),
        *("--function", "exp", "--function", "sin", "--resume", "{folder}/record"),
    ),
    "bench": ("bench", "ops", "--dtypes", "float32,ieee32exec", "--operation", "add"),
    "eval": ("eval", "exp(1) + 1", "--dtype", "mp:5000", "--dtype", "ieee32exec"),
    "export": ("export", "{inputs}/run.ckpt", "{folder}/out.npz"),
}

_KINDS: Final[dict[str, Sequence[int]]] = {
    "SIGTERM": (signal.SIGTERM,),
    "SIGINT": (signal.SIGINT,),
    "SIGINT twice": (signal.SIGINT, signal.SIGINT),
    "SIGTERM twice": (signal.SIGTERM, signal.SIGTERM),
    "SIGHUP": (signal.SIGHUP,),
}

_BETWEEN: Final = 0.1
"""Maximum number of seconds between two signals."""

_ATTEMPTS: Final = 30
"""Maximum number of attempts to send a signal before a command ends, each earlier than the last."""

_POLL: Final = 1e-3
_SECONDS_TO_END: Final = 1200
"""Seconds after which a command that got a signal counts as hanging."""

_NOTE: Final = "stopping after this step"
_WRONG: Final = ("Traceback", "Exception ignored", "Error:", "KeyboardInterrupt")


def _run(setting: Setting) -> Iterator[Outcome]:
    check_proc()
    draw, program = random.Random(setting.seed), setting.program
    inputs, files = RunFiles(setting.folder / "inputs"), RunFiles(setting.folder / "files")
    for each in (inputs, files):
        each.folder.mkdir(exist_ok=True)
    digest = _report(program, ["train", *_XOR, _STEPS, *inputs.options])["state_digest"]
    starts = {"new": spawn, "forked": forking(program.prepare, program.main)}
    durations: dict[tuple[str, str], float] = {}
    for name, (kind, numbers), how in islice(_cases(), setting.count):
        argv = [word.format(folder=files.folder, inputs=inputs.folder) for word in _COMMANDS[name]]
        argv += files.options if name == "train" else []
        files.clear()
        if (name, how) not in durations:
            durations[name, how] = _duration(argv, files, program, starts[how])
        share = draw.random()
        for _ in range(_ATTEMPTS):
            files.clear()
            process = _interrupted(argv, numbers, share * durations[name, how], draw, starts[how])
            if process is not None:
                failure = _failure(name, numbers, process, files)
                break
            share /= 2  # it had ended before the signal
        else:
            failure = f"it ended before the signal, {_ATTEMPTS} times"
        if failure is None and name == "train":
            failure = _failure_to_resume(program, files, digest)
        command = f"{' '.join(_COMMANDS[name])} in a {how} process"
        yield Outcome(f"{kind} after {share:.1%} of numlean {command}", failure)


def _cases() -> Iterator[tuple[str, tuple[str, Sequence[int]], str]]:
    """Yield a command, signals and the kind of process: new processes show the program's start."""
    for how in cycle(("forked", "forked", "new", "forked")):
        for kind, name in product(_KINDS.items(), _COMMANDS):
            yield name, kind, how


def _duration(argv: Sequence[str], files: RunFiles, program: Program, start: Start) -> float:
    """Return the duration of a command after its start, without a signal.

    Raises:
        NumleanError: It fails.
    """
    if start is not spawn:
        succeed(program.main, argv)  # so that forks have the kernels
        files.clear()
    with _started(argv, start) as process:
        started = time.perf_counter()
        process.wait()
    if process.status:
        raise NumleanError(f"numlean {' '.join(argv)}: {process.errors.strip()}")
    return time.perf_counter() - started


def _started(argv: Sequence[str], start: Start) -> Process:
    process = start(argv)
    try:
        while process.status is None and not process.is_ready:
            time.sleep(_POLL)
    except BaseException:
        process.kill()
        raise
    return process


def _interrupted(
    argv: Sequence[str], numbers: Sequence[int], seconds: float, draw: random.Random, start: Start
) -> Process | None:
    """Send signals some time after a command's start; return None if it had ended before."""
    process = _started(argv, start)
    try:
        if process.wait(seconds) is not None:
            return None
        for number in numbers:
            process.send(number)
            time.sleep(draw.random() * _BETWEEN)
        process.wait(_SECONDS_TO_END)
    except BaseException:
        process.kill()
        raise
    return process


def _failure(name: str, numbers: Sequence[int], process: Process, files: RunFiles) -> str | None:
    """Return what is wrong with a command that got signals; None if nothing is."""
    number, status = numbers[0], process.status
    is_alone = status is not None and process.is_alone
    process.kill()
    out, err = process.output, process.errors
    if status is None:
        return f"still running {_SECONDS_TO_END} s after the signal"
    if status not in (0, 128 + number, -number):
        return f"exit status {status}, {err.strip()[-200:]!r}"
    if any(word in err for word in _WRONG):
        return f"standard error contains {err.strip()[-500:]!r}"
    if status == 128 + number and not err.rstrip("\n"):
        return "standard error is empty"
    if not is_alone:
        return "a process is left"
    partial = [name for name in files.others() if name.startswith(".")]
    if partial:
        return f"files are left: {', '.join(partial)}"
    is_request = _NOTE in err and numbers != _KINDS["SIGINT twice"]
    if (is_request or status == 0) and not out:
        return "it reports nothing"
    return _failure_of_output(name, out) if is_request else None


def _failure_of_output(name: str, out: str) -> str | None:
    """Return what is wrong with the report of a command that ended on request."""
    if name not in ("train", "crosscheck", "replay"):
        return None
    try:
        report = json.loads(out)
    except ValueError:
        return f"the report is not JSON: {out[-200:]!r}"
    key = "identical_steps" if name == "replay" else "steps"
    return None if report[key] else "it reports no step"


def _failure_to_resume(program: Program, files: RunFiles, digest: str) -> str | None:
    """Return what is wrong with the files of an interrupted run; None if nothing is."""
    if not files.checkpoint.exists():
        return None
    try:
        made, steps = load(files.checkpoint).step, len(Certificate.load(files.certificate).steps)
        if made != steps:
            return f"the checkpoint has {made} steps, but the certificate {steps}"
        options = ["train", "--resume", str(files.checkpoint), "--json", *files.options]
        found = _report(program, options)["state_digest"]
    except NumleanError as error:
        return str(error)
    return None if found == digest else f"the digest of the resumed run is {found}, not {digest}"


def _report(program: Program, argv: Sequence[str]) -> dict[str, Any]:
    """Run a command that prints one JSON object, and return that.

    Raises:
        NumleanError: It fails.
    """
    report: dict[str, Any] = json.loads(succeed(program.main, argv).output)
    return report


SIGNALS = Attack(
    "signals",
    "commands that get SIGTERM, SIGINT or SIGHUP, once or twice, at any moment",
    180,
    _run,
)
