"""What a person asks for, and the commands that do it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Final

from numlean.errors import NumleanError
from numlean.names import did_you_mean
from numlean.play.scalars.loading import arithmetic_names
from numlean.play.workspace import Workspace
from numlean.scalar.wrappers.faulty import Fault
from numlean.tasks import task_names

TRAIN: Final = "train"
COMPARE: Final = "compare"
CROSSCHECK: Final = "crosscheck"

KINDS: Final = {
    TRAIN: "train each",
    CROSSCHECK: "crosscheck: where two diverge",
    COMPARE: "compare: errors of every operation",
}

MOST_STEPS: Final = 1_000_000
MOST_SEEDS: Final = 16
MOST_RUNS: Final = 16
"""The most steps, seeds and runs of one start."""

TABLE_SUFFIXES: Final = (".csv", ".tsv", ".txt")
MOST_TABLE: Final = 16 << 20
"""The bytes of a table that a page takes at most."""

OWN: Final = "table"
"""The choice of a table in place of a task."""

_POLICY: Final = "policy:"
_DIGITS: Final = re.compile(r"[0-9]{1,12}")


@dataclass(frozen=True)
class Plan:
    """One command.

    Attributes:
        kind: The command.
        title: What it does, in a few words.
        arguments: Its arguments, without those that name its files.
    """

    kind: str
    title: str
    arguments: tuple[str, ...]


def plans(fields: Mapping[str, str], workspace: Workspace) -> list[Plan]:
    """Return the commands of a form.

    Args:
        fields: The fields: ``do``, ``task``, ``data``, ``target``, ``in``, ``steps``, ``seeds``,
            ``seed``, ``truth``, ``fault``, ``rounding``.
        workspace: The folder of tables and policies.

    Raises:
        NumleanError: A field is wrong, with what is right.
    """
    kind = fields.get("do", TRAIN)
    if kind not in KINDS:
        raise NumleanError(f"unknown command {kind!r:.40}, it is one of {', '.join(KINDS)}")
    source, name = _source(fields, workspace)
    names = arithmetic_names(fields.get("in") or "", workspace)
    steps = _count(fields, "steps", 1, MOST_STEPS)
    seeds = _count(fields, "seeds", 1, MOST_SEEDS) or 1
    seed = _count(fields, "seed", 0, 2**32 - 1) or 0
    common = [*source, *([] if steps is None else ["--steps", str(steps)])]
    extra: tuple[str, ...]
    if kind == TRAIN:
        if len(names) * seeds > MOST_RUNS:
            raise NumleanError(
                f"{len(names)} arithmetics with {seeds} seeds are {len(names) * seeds} runs, a page"
                f" starts at most {MOST_RUNS} at once; use `numlean sweep`"
            )
        return [
            Plan(
                kind,
                f"{name} in {each.removeprefix(_POLICY)}, seed {seed + k}",
                (*common, "--seed", str(seed + k), *_arithmetic(each)),
            )
            for each in names
            for k in range(seeds)
        ]
    common += ["--seed", str(seed)]
    shown = ", ".join(each.removeprefix(_POLICY) for each in names)
    if kind == COMPARE:
        (truth,) = arithmetic_names(fields.get("truth") or "mp:200", workspace)[:1]
        extra = ("--seeds", str(seeds), "--truth", truth, "--dtypes", ",".join(names))
        return [Plan(kind, f"{name} in {shown}, against {truth}", (*common, *extra))]
    if len(names) < 2:
        raise NumleanError(
            f"a crosscheck is of two arithmetics or more, got {shown or 'none'}; name another one"
        )
    extra = ("--dtypes", ",".join(names), "--continue", *_crosscheck_options(fields))
    return [Plan(kind, f"{name} in {shown}, step by step", (*common, *extra))]


def _source(fields: Mapping[str, str], workspace: Workspace) -> tuple[list[str], str]:
    data = (fields.get("data") or "").strip()
    task = (fields.get("task") or OWN).strip()
    if task != OWN:
        if task not in task_names():
            raise NumleanError(f"unknown task {task!r:.60}{did_you_mean(task, task_names())}")
        return [task], task
    if not data:
        raise NumleanError("choose a task, or name a table in this folder, such as data.csv")
    path = table_file(data, workspace)
    target = (fields.get("target") or "").strip()
    if not target:
        raise NumleanError(f"{path}: name the target, the column to predict")
    return [f"--data={path}", f"--target={target}"], path


def table_file(text: str, workspace: Workspace) -> str:
    """Return the path of a table, relative to the folder.

    Raises:
        NumleanError: It is not a table in the folder, or it is too large.
    """
    if PurePath(text).suffix.lower() not in TABLE_SUFFIXES:
        raise NumleanError(f"{text!r:.80}: a table ends in {', '.join(TABLE_SUFFIXES)}")
    path = workspace.file(text)
    size = path.stat().st_size
    if size > MOST_TABLE:
        raise NumleanError(
            f"{text!r:.80} has {size:,} bytes, a page takes at most {MOST_TABLE:,};"
            " use `numlean train --data`"
        )
    return str(path.relative_to(workspace.root))


def _arithmetic(name: str) -> tuple[str, str]:
    if name.startswith(_POLICY):
        return "--policy", name.removeprefix(_POLICY)
    return "--dtype", name


def _crosscheck_options(fields: Mapping[str, str]) -> list[str]:
    found = []
    fault = (fields.get("fault") or "").strip()
    if fault:
        Fault.parse(fault)
        found.append(f"--inject={fault}")
    if fields.get("rounding"):
        found.append("--beyond-rounding")
    return found


def _count(fields: Mapping[str, str], name: str, least: int, most: int) -> int | None:
    text = (fields.get(name) or "").strip()
    if not text:
        return None
    if not _DIGITS.fullmatch(text) or not least <= int(text) <= most:
        raise NumleanError(f"{name} is an integer from {least:,} to {most:,}, got {text!r:.40}")
    return int(text)
