"""The runs whose checkpoints and certificates are attacked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from numlean.verification.attacks.documents.hostile_recipes import private_table


@dataclass(frozen=True)
class Subject:
    """A run.

    Attributes:
        dtype: The number format.
        task: The options that select the task.
        folder: The folder of its files.
        count: The number of cases.
        files: The options that name the files of the user again.
    """

    dtype: str
    task: tuple[str, ...]
    folder: Path
    count: int
    files: tuple[str, ...] = ()

    def training(self, *options: str) -> list[str]:
        """Return the command line that makes the run, of three steps."""
        way = ("--dtype", self.dtype, "--device", "python", "--steps", "3", "--eval-every", "1")
        return ["train", *self.task, *way, *options]

    def contents(self) -> dict[str, str]:
        """Return the digests of the regular files in the folder; "other" for anything else."""
        return {
            path.name: sha256(path.read_bytes()).hexdigest() if path.is_file() else "other"
            for path in self.folder.iterdir()
        }

    def __str__(self) -> str:
        return f"{self.task[0]} in {self.dtype}"


def subjects(folder: Path, dtypes: tuple[str, ...], count: int) -> Iterator[Subject]:
    """Yield a run of a task in each dtype, and one of a table, which share the cases."""
    data = ("--data", str(private_table(folder, "t.csv")))
    tasks = [*((dtype, ("xor",), ()) for dtype in dtypes)]
    table = (*data, "--target", "y", "--hidden", "3")
    whole: list[tuple[str, tuple[str, ...], tuple[str, ...]]]
    whole = [*tasks, (dtypes[0], table, data)]
    for k, (dtype, task, files) in enumerate(whole):
        own = folder / str(k)
        own.mkdir()
        yield Subject(dtype, task, own, count // len(whole) + (k < count % len(whole)), files)
