"""Attack the readers of checkpoints."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from zipfile import ZipFile

from safetensors.numpy import save

from numlean.checkpoint.container import KEY, Arrays, loads
from numlean.verification.attacks.attack import Attack, Outcome, Setting
from numlean.verification.attacks.documents.array_mutations import forge_arrays
from numlean.verification.attacks.documents.bounded_call import BoundedReaction, call
from numlean.verification.attacks.documents.hostile_recipes import hostile_recipe
from numlean.verification.attacks.documents.json_mutations import Place, changes, render
from numlean.verification.attacks.documents.subjects import Subject, subjects
from numlean.verification.checkpoints import mutations
from numlean.verification.in_process import Reaction, succeed

_BLANK: Final = "0" * 64
_FINISHED: Final = (0, 1, 3)
_DTYPES: Final = ("float32", "mp:40", "bfloat16@round=stochastic,seed=3")


@dataclass(frozen=True)
class _Case:
    """A checkpoint to read.

    Attributes:
        what: How it was made.
        content: The bytes.
        must: "be refused", "be the same run", or "" for a run that it may describe.
        paths: Files that must not be opened.
    """

    what: str
    content: bytes
    must: str
    paths: frozenset[str] = frozenset()


def run(setting: Setting) -> Iterator[Outcome]:
    """Yield the outcome of each checkpoint: every second one has a right digest."""
    draw = random.Random(setting.seed)
    for subject in subjects(setting.folder, _DTYPES, setting.count):
        yield from _attack(setting, subject, draw)


def _attack(setting: Setting, subject: Subject, draw: random.Random) -> Iterator[Outcome]:
    folder, program, count = subject.folder, setting.program, subject.count
    path = folder / "case.ckpt"
    succeed(program.main, subject.training("--save", str(path)))
    content, resume = _unfinished(path.read_bytes()), _resuming(path, subject)
    path.write_bytes(content)
    others = _exporting(path), _starting_from(path, subject)
    expected = succeed(program.main, resume)
    altered = mutations(content, count - count // 2, seed=setting.seed)
    for k in range(count):
        argv = draw.choice((resume, resume, *others))
        if k % 2:
            case = _forged(content, folder, draw, is_resumed=argv is resume)
        else:
            mutation = next(altered)
            is_harmless = "digest right" in mutation.kind and argv is not resume
            must = "" if is_harmless else "be refused"
            case = _Case(mutation.kind, mutation.content, must)
        path.write_bytes(case.content)
        before = subject.contents()
        reaction = call(program, argv)
        failure = _failure(case, reaction, expected, path)
        if reaction.status == 0 and argv[0] == "export":
            failure = failure or _complaint_about(folder / "out.npz")
            (folder / "out.npz").unlink()
        if failure is None and (after := subject.contents()) != before:
            failure = f"it changed {sorted(after.items() ^ before.items())!r:.200}"
        yield Outcome(f"{argv[0]}, {subject}: {case.what}", failure)


def _unfinished(content: bytes) -> bytes:
    """Return the checkpoint of a run that has two more steps to make."""
    document, arrays = loads(content)
    document["recipe"]["steps"] += 2
    return _seal(json.dumps(document), arrays)


def _resuming(path: Path, subject: Subject) -> list[str]:
    return ["train", "--resume", str(path), *subject.files, "--device", "python", "--json"]


def _exporting(path: Path) -> list[str]:
    return ["export", str(path), str(path.with_name("out.npz"))]


def _starting_from(path: Path, subject: Subject) -> list[str]:
    run = f"{subject.dtype}:python"
    argv = ["crosscheck", *subject.task, "--a", run, "--b", run, "--steps", "1", "--json"]
    return [*argv, "--weights", str(path)]


def _forged(content: bytes, folder: Path, draw: random.Random, *, is_resumed: bool) -> _Case:
    """Return a checkpoint with other contents and a right digest.

    Only a resumed run reads the recipe and compares the description of the run.
    """
    document, arrays = loads(content)
    kind = draw.random()
    if kind < 0.04:
        must = "be the same run" if is_resumed else ""
        return _Case("the same in other words", _seal(json.dumps(document, indent=3), arrays), must)
    if kind < 0.2:
        hostile = hostile_recipe(document["recipe"], folder, draw)
        text = render({**document, "recipe": hostile.recipe})
        must = "be refused" if is_resumed else ""
        return _Case(hostile.what, _seal(text, arrays), must, hostile.paths)
    if kind < 0.4:
        what = forge_arrays(document, arrays, draw)
        return _Case(f"{what}, digest right", _seal(json.dumps(document), arrays), "")

    def is_free(place: Place) -> bool:
        return place[0] == "run" and not is_resumed

    change = changes(document, draw, is_free)
    must = "be refused" if change.is_wrong else ""
    return _Case(f"{change.what}, digest right", _seal(render(change.document), arrays), must)


def _seal(text: str, arrays: Arrays) -> bytes:
    """Return a checkpoint with its own digest."""
    content = bytes(save(arrays, {KEY: text}))
    try:
        digest = json.loads(text)["sha256"]
    except (TypeError, KeyError, ValueError, RecursionError):
        return content
    if not isinstance(digest, str) or len(digest) != len(_BLANK):
        return content
    blank = content.replace(digest.encode(), _BLANK.encode(), 1)
    return blank.replace(_BLANK.encode(), hashlib.sha256(blank).hexdigest().encode(), 1)


def _failure(case: _Case, reaction: BoundedReaction, expected: Reaction, path: Path) -> str | None:
    if (opened := reaction.opened_one(case.paths)) is not None:
        return f"it opened {opened!r:.80}"
    if case.must == "be refused":
        return reaction.refusal_complaint(path)
    if case.must == "be the same run" and _report(reaction) != _report(expected):
        return f"it is another run: {reaction.errors or reaction.output!r:.200}"
    if reaction.status in _FINISHED:
        return reaction.complaint
    return reaction.refusal_complaint(path)


def _report(reaction: Reaction) -> Any:
    """Return the report of a run, without the time that it took."""
    return {**json.loads(reaction.output or "{}"), "seconds": 0}


def _complaint_about(archive: Path) -> str | None:
    """Return the member of an archive that would be unpacked elsewhere, if there is one."""
    with ZipFile(archive) as file:
        names = [
            name for name in file.namelist() if set("/\\") & set(name) or not name.isprintable()
        ]
    return f"the archive has a member {names[0]!r:.80}" if names else None


CHECKPOINTS: Final = Attack(
    "checkpoints", "checkpoints with altered bytes, or forged with a right digest", 5000, run
)
