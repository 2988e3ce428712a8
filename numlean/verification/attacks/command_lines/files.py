"""The files that command lines read, and a record of which of them a command changed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np

from numlean.verification.attacks.attack import Program
from numlean.verification.in_process import succeed

_TABLE = "a,b\n" + "".join(f"{k},{k % 3}.5\n" for k in range(8))
_ODD_NAMES = ("$x$ [b].csv", "[/b].csv", "\x1b[31m.csv", os.fsdecode(b"\xff.csv"))


@dataclass(frozen=True)
class Folder:
    """A folder in which commands run, next to one that they must leave alone.

    Attributes:
        work: The folder in which commands run.
        original: A copy of it, from which it is restored.
        outside: A folder with a file that no command names.
    """

    work: Path
    original: Path
    outside: Path

    @classmethod
    def make(cls, parent: Path, program: Program) -> Folder:
        """Make the folders, with one file of each kind that commands read."""
        folder = cls(parent / "work", parent / "original", parent / "outside")
        folder.outside.mkdir()
        (folder.outside / "kept.txt").write_text("kept", encoding="utf-8")
        folder.original.mkdir()
        _make_files(folder.original, program)
        folder.restore()
        return folder

    def restore(self) -> None:
        """Replace the folder of commands by the original one."""
        shutil.rmtree(self.work, ignore_errors=True)
        shutil.copytree(self.original, self.work, symlinks=True)
        os.link(self.work / "t.csv", self.work / "hard.csv")

    def contents(self) -> dict[Path, str]:
        """Return the digests of all files in and around the folder; links count as their text."""
        return {path: _digest(path) for path in self._files()}

    def _files(self) -> Iterator[Path]:
        for top in (self.work, self.outside):
            for parent, folders, files in os.walk(top):
                yield from (Path(parent) / name for name in (*folders, *files))
        yield from (path for path in self.work.parent.iterdir())


def _digest(path: Path) -> str:
    if path.is_symlink():
        return f"link to {path.readlink()}"
    if path.is_dir():
        return "folder"
    return sha256(path.read_bytes()).hexdigest() if path.is_file() else "other"


def _make_files(folder: Path, program: Program) -> None:
    for name in ("sub", "["):
        (folder / name).mkdir()
    for name in ("t.csv", *_ODD_NAMES):
        (folder / name).write_text(_TABLE, encoding="utf-8")
    (folder / "empty.csv").write_text("", encoding="utf-8")
    (folder / "noise.npz").write_bytes(bytes(range(256)))
    (folder / "text.txt").write_text("to be or not to be\n" * 20, encoding="utf-8")
    np.savez(folder / "t.npz", x=np.arange(8.0).reshape(8, 1), b=np.arange(8.0))
    np.save(folder / "t.npy", np.arange(8.0))
    for name, target in (
        *(("link.csv", "t.csv"), ("o-link", "o1"), ("dangling.csv", "no/such/file")),
        *(("loop.csv", "loop.csv"),),
    ):
        (folder / name).symlink_to(target)
    run = ["train", "xor", "--steps", "1", "--dtype", "mp:53"]
    files = ["--save", str(folder / "run.ckpt"), "--certificate", str(folder / "run.json")]
    succeed(program.main, [*run, *files])
    succeed(program.main, ["export", str(folder / "run.ckpt"), str(folder / "w.safetensors")])
