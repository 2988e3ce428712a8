"""Damage caches of compiled kernels: each run must be right, and the damage repaired."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from numlean.verification.attacks.attack import Outcome, Setting
from numlean.verification.attacks.caches import worker
from numlean.verification.attacks.caches.damage import (
    DAMAGES,
    NotPermittedError,
    Target,
    damage,
    disguised_payload,
    give_away,
    payload,
)
from numlean_kernels.cache_files.entry import DamagedError, unpack
from numlean_kernels.cache_files.folder import VARIABLE

_WORKER: Final = ("-c", f"import sys, {worker.__name__} as worker; worker.main(sys.argv[1:])")
_TRAIN: Final = ("-m", "numlean", "train", "xor", "--dtype", "bfloat16", "--steps", "2", "--json")
_PATIENCE: Final = 1200.0
"""Seconds until a process counts as one that hangs, on any machine."""

_BATCH: Final = 40
_WHOLE_RUN_EVERY: Final = 20
_FOLDER_EVERY: Final = 10


@dataclass(frozen=True)
class _Ended:
    """A process that ended: its status, or None if it was stopped, and what it printed."""

    status: int | None
    out: str
    err: str

    @property
    def failure(self) -> str | None:
        """Return what went wrong, or None."""
        if self.status is None:
            return "the run does not end"
        if "Traceback" in self.err:
            return f"a traceback: {self.err.strip().splitlines()[-1]}"
        if self.status < 0:
            return f"the run ended by the signal {-self.status}"
        return f"exit status {self.status}" if self.status else None


def _run(setting: Setting, folder: Path, command: Sequence[str]) -> _Ended:
    environment = {**os.environ, VARIABLE: str(folder), "PYTHONWARNINGS": "default"}
    process = subprocess.Popen(
        [sys.executable, *command],
        cwd=setting.folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
    )
    try:
        out, err = process.communicate(timeout=_PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        out, err = process.communicate()
        return _Ended(None, out, err)
    return _Ended(process.returncode, out, err)


def run(setting: Setting) -> Iterator[Outcome]:
    """Yield the outcomes of damaged files, unsafe folders and whole runs."""
    whole_runs = setting.count // _WHOLE_RUN_EVERY
    folders = setting.count // _FOLDER_EVERY
    yield from _damaged_files(setting, setting.count - folders - whole_runs)
    yield from _bad_folders(setting, folders)
    yield from _whole_runs(setting, whole_runs)


def _damaged_files(setting: Setting, count: int) -> Iterator[Outcome]:
    """Damage the file of each of many kernels, run them all, and run them once more."""
    draw = random.Random(setting.seed)
    folder = setting.folder / "files"
    markers = [setting.folder / f"executed {k}" for k in range(count)]
    files = _compile(folder, count)
    order = draw.sample(list(DAMAGES), len(DAMAGES))
    kinds = [order[k % len(order)] for k in range(count)]
    keys = [_key(path) for path in files]
    originals = [path.read_bytes() for path in files]
    for k, path in enumerate(files):
        other = setting.folder / "other"
        other.write_bytes(originals[k - 1])
        kinds[k] = damage(kinds[k], Target(path, other, markers[k], draw))
    for k, failure in _results(setting, folder, count):
        is_kept = _key(files[k]) != keys[k] or payload(markers[k]) in files[k].read_bytes()
        found = failure or ("the file was not replaced" if is_kept else None)
        if markers[k].exists():
            found = "a pickle was executed"
        yield Outcome(f"{kinds[k]} in place of kernel {k} (seed {setting.seed})", found)


def _compile(folder: Path, count: int) -> list[Path]:
    """Compile kernels and return their files."""
    before = os.environ.get(VARIABLE)
    os.environ[VARIABLE] = str(folder)
    try:
        for number in range(count):
            worker.result(number)
    finally:
        del os.environ[VARIABLE]
        if before is not None:
            os.environ[VARIABLE] = before
    # Files are replaced, never changed, so the order of the changes is that of the kernels.
    found = sorted(folder.rglob("*.nbc"), key=lambda path: path.stat().st_mtime_ns)
    if len(found) != count:
        raise RuntimeError(f"the cache contains {len(found)} kernels, but {count} were compiled")
    return found


def _results(setting: Setting, folder: Path, count: int) -> Iterator[tuple[int, str | None]]:
    """Yield each kernel with what went wrong; run the rest if one ends the process."""
    done = 0
    while done < count:
        numbers = range(done, min(done + _BATCH, count))
        ended = _run(setting, folder, (*_WORKER, *map(str, numbers)))
        lines = ended.out.split("\n")[:-1]
        for number, line in zip(numbers, lines, strict=False):
            is_right = line == f"{number} {worker.expected(number)}"
            yield number, None if is_right else "a wrong result"
        done += len(lines)
        if len(lines) < len(numbers):
            yield done, ended.failure or "no result"
            done += 1


def _key(path: Path) -> str | None:
    try:
        return unpack(path.read_bytes())[0]
    except (OSError, DamagedError):
        return None


def _bad_folders(setting: Setting, count: int) -> Iterator[Outcome]:
    """Replace the folder or its mode, run a kernel, and expect its result and a warning."""
    clean, marker = setting.folder / "clean", setting.folder / "executed"
    if count:
        _compile(clean, 1)
    for k in range(count):
        name = list(_FOLDERS)[k % len(_FOLDERS)]
        top = setting.folder / f"folder {k}"
        shutil.copytree(clean, top)
        top.chmod(0o700)
        for path in top.rglob("*.nbc"):  # whatever is read from a bad folder is bad
            path.write_bytes(disguised_payload(path.read_bytes(), marker))
        try:
            options = _FOLDERS[name](top)
        except NotPermittedError:
            name = _OPEN
            options = _FOLDERS[name](top)
        ended = _run(setting, top, (*_WORKER, "0", *options))
        failure = ended.failure
        if ended.out != f"0 {worker.expected(0)}\n":
            failure = failure or "a wrong result"
        elif "RuntimeWarning" not in ended.err:
            failure = failure or "no warning"
        if marker.exists():
            failure = "a pickle was executed"
            marker.rmdir()
        yield Outcome(name, failure)


def _own(top: Path) -> Path:
    return next(top.rglob("*.nbc")).parent


def _open_folder(top: Path) -> Sequence[str]:
    _own(top).chmod(0o777)
    return ()


def _open_to_group(top: Path) -> Sequence[str]:
    _own(top).chmod(0o770)
    return ()


def _open_parent(top: Path) -> Sequence[str]:
    top.chmod(0o777)
    return ()


def _link(top: Path) -> Sequence[str]:
    own = _own(top)
    moved = top / "moved"
    own.rename(moved)
    own.symlink_to(moved)
    return ()


def _file(top: Path) -> Sequence[str]:
    own = _own(top)
    shutil.rmtree(own)
    own.write_text("not a folder")
    return ()


def _of_another_user(top: Path) -> Sequence[str]:
    give_away(_own(top))
    return ()


def _full(top: Path) -> Sequence[str]:
    shutil.rmtree(_own(top))
    return ("--full",)


def _blocked(top: Path) -> Sequence[str]:
    """Put a folder that is not empty in place of the file."""
    path = next(top.rglob("*.nbc"))
    path.unlink()
    (path / "within").mkdir(parents=True)
    return ()


_OPEN: Final = "a folder that others can write to"
_FOLDERS: Final = {
    _OPEN: _open_folder,
    "a folder that the group can write to": _open_to_group,
    "a folder within one that others can write to": _open_parent,
    "a folder of another user": _of_another_user,
    "a link in place of the folder": _link,
    "a file in place of the folder": _file,
    "a full disk": _full,
    "a folder in place of a file": _blocked,
}


def _whole_runs(setting: Setting, count: int) -> Iterator[Outcome]:
    """Damage several files of a training run at a time, and compare the digests."""
    if not count:
        return
    draw = random.Random(setting.seed)
    clean, marker = setting.folder / "clean run", setting.folder / "executed"
    reference = _digests(_run(setting, clean, _TRAIN))
    for k in range(count):
        folder = setting.folder / f"run {k}"
        shutil.copytree(clean, folder)
        files = sorted(folder.rglob("*.nbc"))
        chosen = draw.sample(files, min(3, len(files)))
        kinds = draw.choices(list(DAMAGES), k=len(chosen))
        for place, (path, kind) in enumerate(zip(chosen, kinds, strict=True)):
            other = setting.folder / "other"
            # The folder may contain damage already, such as a pipe that nobody writes to.
            whole = clean / draw.choice(files).relative_to(folder) if kind in _SWAPS else None
            other.write_bytes(b"" if whole is None else whole.read_bytes())
            kinds[place] = damage(kind, Target(path, other, marker, draw))
        ended = _run(setting, folder, _TRAIN)
        failure = ended.failure
        if failure is None and _digests(ended) != reference:
            failure = "different digests"
        if marker.exists():
            failure = "a pickle was executed"
            marker.rmdir()
        shutil.rmtree(folder)
        yield Outcome(f"a training run with {', '.join(kinds)} (seed {setting.seed})", failure)


_SWAPS: Final = ("another kernel's file", "another kernel's content")


def _digests(ended: _Ended) -> list[str]:
    if ended.failure is not None:
        raise RuntimeError(f"the run of the attack fails without any damage: {ended.failure}")
    record = json.loads(ended.out)
    return [str(record[name]) for name in ("state_digest", "value_digest")]
