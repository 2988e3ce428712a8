"""Recipes that name what nobody should open, or ask for what nobody should compute."""

from __future__ import annotations

import os
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from numlean.verification.attacks.documents.json_mutations import Raw

_TABLE: Final = {"path": "t.csv", "target": "y"}

_TOO_MUCH: Final[tuple[dict[str, Any], ...]] = (
    {"steps": 10**18},
    {"steps": 10**900},
    {"dtype": "mp:10000000"},
    {"dtype": "mp:1000000"},
    {"dtype": "mp:" + "9" * 900},
    {"dtype": "a" * 100_000},
    {"batch_size": -1},
    {"seed": -1},
    {"task": {**_TABLE, "hidden": [10**12]}},
    {"task": {**_TABLE, "hidden": Raw(f"[{','.join('1' * 1_000_000)}]")}},
    {"task": {**_TABLE, "hidden": [10**8] * 100}},
    {"task": {**_TABLE, "test_share": "1e999999999"}},
    {"task": {"name": "a" * 100_000}},
    {"task": {"name": "../../etc/passwd"}},
    {"version": 2},
    {"save": "written-by-a-file"},
    {"log": "written-by-a-file"},
    {"plot": "written-by-a-file.png"},
)


@dataclass(frozen=True)
class Hostile:
    """A recipe that must be refused.

    Attributes:
        what: What it asks for.
        recipe: The recipe.
        paths: Files that it names, none of which may be opened.
    """

    what: str
    recipe: dict[str, Any]
    paths: frozenset[str] = frozenset()


def hostile_recipe(recipe: dict[str, Any], folder: Path, draw: random.Random) -> Hostile:
    """Return a recipe that is made of a right one, and must be refused.

    Args:
        recipe: The right recipe.
        folder: The folder for files that are not to be opened.
        draw: Selects the recipe.
    """
    if draw.random() < 0.5:
        change = draw.choice(_TOO_MUCH)
        return Hostile(f"recipe with {change!r:.60}", {**recipe, **change})
    private, *others = _paths(folder)
    path = private if draw.random() < 0.5 else draw.choice(others)
    option = draw.choice(("data", "test_data", "text", "target"))
    array = f"{path}.npy"
    tasks: dict[str, dict[str, str]] = {
        "data": {"path": path, "target": "y"},
        "test_data": {"path": path, "target": "y", "test_data": path},
        "text": {"name": "char-rnn", "text": path},
        "target": {"path": array, "target": array},
    }
    what = f"recipe that names {path!r:.40} for {option}"
    return Hostile(what, {**recipe, "task": tasks[option]}, frozenset({path, array}))


def _paths(folder: Path) -> list[str]:
    """Return a file that could be read, and others."""
    pipe = folder / "pipe"
    if not pipe.exists():
        os.mkfifo(pipe)
    table = private_table(folder, "private.csv")
    named = (table, pipe, "/dev/zero", "/dev/stdin", "/proc/self/mem", "/dev/full", "/proc/self")
    return [*map(str, named), "nowhere", "~/.bashrc", "a\0b", "\x1b[31m", "/" + "a" * 5000]


def private_table(folder: Path, name: str) -> Path:
    """Return a table to train on, which is made if it does not exist."""
    path = folder / name
    if not path.exists():
        rows = (f"{k % 7},{k * k % 5},{k}.5\n" for k in range(20))
        path.write_text("a,b,y\n" + "".join(rows), encoding="utf-8")
    return path
