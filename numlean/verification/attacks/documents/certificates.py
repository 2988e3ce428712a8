"""Attack the readers of certificates."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from numlean.certificate import unfinished
from numlean.certificate.chain import first_link, next_link
from numlean.verification.attacks.attack import Attack, Outcome, Setting
from numlean.verification.attacks.bytes_mutations import mutate_bytes
from numlean.verification.attacks.documents.bounded_call import BoundedReaction, call
from numlean.verification.attacks.documents.hostile_recipes import hostile_recipe
from numlean.verification.attacks.documents.json_mutations import Place, changes, render
from numlean.verification.attacks.documents.subjects import Subject, subjects
from numlean.verification.in_process import Reaction, succeed

_NOT_KNOWN: Final = ("numlean_certificate", "sha256", "stopped_by", "final", "steps")
_BLANK: Final = "0" * 64
_DTYPES: Final = ("float32", "mp:40")
_WAY: Final = ("device", "backend", "fast_kernels")
_FINISHED: Final = (0, 1, 3)


@dataclass(frozen=True)
class _Case:
    """A certificate to read.

    Attributes:
        what: How it was made.
        content: The bytes.
        must: "be refused", "be the same run", "be refused or hold" for the same run or its first
            steps, or "" for a run that it may describe.
        paths: Files that must not be opened.
    """

    what: str
    content: bytes
    must: str
    paths: frozenset[str] = frozenset()


def run(setting: Setting) -> Iterator[Outcome]:
    """Yield the outcome of each certificate: every second one has right digests."""
    draw = random.Random(setting.seed)
    for subject in subjects(setting.folder, _DTYPES, setting.count):
        yield from _attack(setting, subject, draw)


def _attack(setting: Setting, subject: Subject, draw: random.Random) -> Iterator[Outcome]:
    folder, program = subject.folder, setting.program
    original, checkpoint, path = (folder / name for name in ("a.json", "a.ckpt", "case.json"))
    files = ("--certificate", str(original), "--save", str(checkpoint))
    succeed(program.main, subject.training(*files))
    content = original.read_bytes()
    growing = _unfinished(content.decode())
    path.write_bytes(content)
    replay = ["replay", "--json", str(path), *subject.files]
    other = [*replay, "--backend", "compiled"]
    resume = ["train", "--resume", str(checkpoint), *subject.files, "--device", "python", "--json"]
    resume += ["--certificate", str(path)]
    expected = succeed(program.main, replay)
    for k in range(subject.count):
        argv = draw.choice((replay, replay, other, resume))
        if k % 2:
            case = _forged(content, folder, draw, is_replayed=argv is not resume)
            if case.must == "be the same run":
                argv = replay
        elif draw.random() < 0.3:
            case = _Case(*mutate_bytes(growing, draw), "be refused or hold")
        else:
            case = _Case(*mutate_bytes(content, draw), "be refused")
        path.write_bytes(case.content)
        before = subject.contents()
        reaction = call(program, argv)
        failure = _failure(case, reaction, expected, path)
        if failure is None and (after := subject.contents()) != before:
            is_own = argv is resume and reaction.status == 0 and after.keys() == before.keys()
            failure = None if is_own else f"it changed {sorted(after.items() ^ before.items())!r}"
        yield Outcome(f"{argv[0]}, {subject}: {case.what}", failure)


def _forged(content: bytes, folder: Path, draw: random.Random, *, is_replayed: bool) -> _Case:
    """Return a certificate with other contents and right digests; only a replay uses its recipe."""
    plain = json.loads(content)
    kind = draw.random()
    if kind < 0.04:
        must = "be the same run" if is_replayed else ""
        return _Case("the same in other words", _seal(json.dumps(plain, indent=3)), must)
    if kind < 0.3:
        hostile = hostile_recipe(plain["recipe"], folder, draw)
        run = {**plain["run"], "dtype": hostile.recipe["dtype"]}
        text = render(_chained({**plain, "recipe": hostile.recipe, "run": run}))
        must = "be refused" if is_replayed else ""
        return _Case(hostile.what, _seal(text), must, hostile.paths)
    change = changes(plain, draw, _is_free)
    must, text = "be refused" if change.is_wrong else "", render(_chained(change.document))
    if draw.random() < 0.3:
        return _Case(f"unfinished, {change.what}, digests right", _unfinished(text), "")
    return _Case(f"{change.what}, digests right", _seal(text), must)


def _is_free(place: Place) -> bool:
    """Return whether a value is for information only."""
    return place[0] == "environment" and len(place) > 1 and place[1] not in _WAY


def _chained(plain: Any) -> Any:
    """Return a certificate whose links follow from its entries, as far as they can.

    A link that is no text any more stays what it is.
    """
    try:
        first = link = first_link(
            json.loads(render(plain["run"])), plain["initial"]["state_digest"]
        )
        steps = []
        for loss, state, old in plain["steps"]:
            link = next_link(link, *json.loads(render([loss, state])))
            steps.append([loss, state, link if isinstance(old, str) else old])
        if not isinstance(plain["initial"]["chain"], str):
            first = plain["initial"]["chain"]
        return {**plain, "initial": {**plain["initial"], "chain": first}, "steps": steps}
    except (TypeError, KeyError, ValueError, AttributeError, RecursionError):
        return plain  # it has lost what the links are made of


def _seal(text: str) -> bytes:
    """Return a certificate with its own digest."""
    try:
        digest = json.loads(text)["sha256"]
    except (TypeError, KeyError, ValueError, RecursionError):
        return text.encode()
    if not isinstance(digest, str) or len(digest) != len(_BLANK):
        return text.encode()
    blank = text.replace(digest, _BLANK, 1)
    return blank.replace(_BLANK, hashlib.sha256(blank.encode()).hexdigest(), 1).encode()


def _unfinished(text: str) -> bytes:
    """Return the lines of a run that has not ended, made of a certificate as far as possible."""
    try:
        plain = json.loads(text)
        known = {name: plain[name] for name in plain if name not in _NOT_KNOWN}
        lines = [{unfinished.KEY: unfinished.VERSION, **known}, *plain["steps"]]
        closing = {"steps": len(plain["steps"]), **plain["final"]}
        del closing["state_digest"]
    except (TypeError, KeyError, ValueError, RecursionError):
        return text.encode()
    start = f'{json.dumps(closing)[:-1]}, "sha256": "'
    content = "\n".join([*map(json.dumps, lines), start])
    return f'{content}{hashlib.sha256(content.encode()).hexdigest()}"}}\n'.encode()


def _failure(case: _Case, reaction: BoundedReaction, expected: Reaction, path: Path) -> str | None:
    if (opened := reaction.opened_one(case.paths)) is not None:
        return f"it opened {opened!r:.80}"
    if case.must == "be refused":
        return reaction.refusal_complaint(path)
    if case.must == "be the same run":
        is_same = (reaction.status, reaction.output) == (expected.status, expected.output)
        return (
            None if is_same else f"it is another run: {reaction.errors or reaction.output!r:.200}"
        )
    if case.must == "be refused or hold" and reaction.status == 1:
        return f"it is another run: {reaction.output!r:.200}"
    if reaction.status in _FINISHED:
        return reaction.complaint
    return reaction.refusal_complaint(path)


CERTIFICATES: Final = Attack(
    "certificates", "certificates with altered bytes, or forged with right digests", 5000, run
)
