"""Hostile files of every kind, through the reading functions and through the command line."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from random import Random
from typing import Final

from numlean.checkpoint import import_weights
from numlean.data.tables import read_table
from numlean.data.text_file import read_text
from numlean.scalar.registry import get_scalar
from numlean.tasks import get_task
from numlean.training import instantiate
from numlean.verification.attacks.attack import Outcome, Setting
from numlean.verification.attacks.data_files.case import Case, MakeCase
from numlean.verification.attacks.data_files.csv_cases import csv_case
from numlean.verification.attacks.data_files.npy_cases import npy_case
from numlean.verification.attacks.data_files.npz_cases import npz_case
from numlean.verification.attacks.data_files.path_cases import run_paths
from numlean.verification.attacks.data_files.text_cases import text_case
from numlean.verification.attacks.data_files.trial import failure_of_command, failure_of_reading
from numlean.verification.attacks.data_files.weights_cases import weights_case


def run(kind: str, setting: Setting) -> Iterator[Outcome]:
    """Yield the outcomes of ``setting.count`` files of a kind."""
    if kind == "paths":
        yield from run_paths(setting)
        return
    make, read = _KINDS[kind]
    for command in ("train", "crosscheck"):
        setting.program.parser(command)  # imports it, before memory is measured
    for index in range(setting.count):
        case = make(Random(f"{kind} {setting.seed} {index}"))
        path = setting.folder / f"case{case.suffix}"
        path.write_bytes(case.content)
        argv = command_line(case, path)
        failure = failure_of_reading(partial(read, path), path) or failure_of_command(
            setting.program, argv
        )
        words = f"case {index}: {case.words}, {len(case.content):,} bytes, as {' '.join(argv)}"
        yield Outcome(words.encode("ascii", "backslashreplace").decode()[:400], failure)


def command_line(case: Case, path: Path) -> tuple[str, ...]:
    """Return the command line that uses a file."""
    options = [str(path) if each == "FILE" else each for each in case.options]
    if "--weights" in options:
        return ("crosscheck", *options, "--device", "python")
    if "--text" in options:
        return ("train", *options, "--dtype", "float64")
    return ("train", "--data", str(path), *options, "--dtype", "float64", "--device", "python")


def _read_table(path: Path) -> object:
    target = {".npy": "1", ".npz": "y"}.get(path.suffix, "y")
    return read_table(str(path), target)


def _read_text(path: Path) -> object:
    return read_text(str(path))


def _read_weights(path: Path) -> object:
    runner = instantiate(get_task("xor").task, get_scalar("float64"))
    return import_weights(runner, path)


_KINDS: Final[dict[str, tuple[MakeCase, Callable[[Path], object]]]] = {
    "csv": (csv_case, _read_table),
    "npy": (npy_case, _read_table),
    "npz": (npz_case, _read_table),
    "text": (text_case, _read_text),
    "weights": (weights_case, _read_weights),
}
