"""Paths that name no ordinary file, and names of files that are hard to print."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Final

from numlean.verification.attacks.attack import Outcome, Setting
from numlean.verification.attacks.data_files.trial import LIMIT, failure_of_command

_SPECIAL: Final = (
    *(
        "/dev/zero",
        "/dev/urandom",
        "/dev/null",
        "/dev/tty",
        "/dev/full",
        "/proc/self/mem",
        "/",
        ".",
    ),
    *("/proc/self/pagemap", "/proc/cpuinfo", "/proc/self/maps", "/proc/kmsg", "/proc/self/fd", ""),
    *("fifo", "socket", "folder", "absent", "loop", "sparse", "absent/file", "file/below"),
)
_SPARSE: Final = 25 * LIMIT
"""Bytes that a command must refuse, and too many for it to read."""

_NAMES: Final = (
    *("x\x1b[31m", "x\n", "x\r", "x" * 300, "x\u202e", "x\udcff", "[/b]", "$x^2$", "-x", "x\0"),
    *("x" * 5000, "x/" * 3000, "\x07", "'", '"', "%s", "{0}", "\u2028"),
)
_USES: Final = (
    ("train", "--data", "FILE", "--target", "y", "--steps", "1"),
    ("train", "--data", "good.csv", "--target", "y", "--steps", "1", "--test-data", "FILE"),
    ("train", "--data", "good.npy", "--target", "FILE", "--steps", "1"),
    ("train", "char-rnn", "--text", "FILE", "--steps", "1"),
    ("train", "xor", "--resume", "FILE", "--steps", "1"),
    ("crosscheck", "xor", "--weights", "FILE", "--steps", "1"),
    ("compare", "xor", "--weights", "FILE", "--steps", "1"),
    ("ablate", "xor", "--dtype", "float64", "--weights", "FILE", "--steps", "1"),
    ("replay", "FILE"),
    ("export", "FILE", "out.npz"),
)


def run_paths(setting: Setting) -> Iterator[Outcome]:
    """Yield the outcomes of paths, each given to one of the options that read a file."""
    folder = setting.folder
    with closing(_prepare(folder)):
        for index in range(setting.count):
            draw = Random(f"paths {setting.seed} {index}")
            path = _path(draw, folder)
            argv = tuple(
                {
                    "FILE": path,
                    "good.csv": f"{folder}/good.csv",
                    "good.npy": f"{folder}/good.npy",
                }.get(each, f"{folder}/{each}" if each == "out.npz" else each)
                for each in draw.choice(_USES)
            )
            if argv[0] == "train":
                argv = (*argv, "--device", "python")
            words = f"case {index}: {' '.join(argv)!a:.300}"
            yield Outcome(words, failure_of_command(setting.program, argv))


def _prepare(folder: Path) -> socket.socket:
    """Make the special files, and return the socket, which lasts while it is open."""
    (folder / "good.csv").write_text("a,y\n1,2\n2,3\n3,5\n", encoding="utf-8")
    (folder / "folder").mkdir()
    (folder / "file").write_bytes(b"a,y\n1,2\n")
    (folder / "loop").symlink_to("loop")
    os.mkfifo(folder / "fifo")
    with (folder / "sparse").open("wb") as file:
        file.truncate(_SPARSE)
    listener = socket.socket(socket.AF_UNIX)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        listener.bind(f"/proc/self/fd/{descriptor}/socket")  # paths of sockets are short
    finally:
        os.close(descriptor)
    return listener


def _path(draw: Random, folder: Path) -> str:
    """Return a special path, often through a link whose name ends as data do."""
    if draw.random() < 0.4:
        return f"{folder}/{draw.choice(_NAMES)}{draw.choice(('', '.csv', '.npy'))}"
    path = draw.choice(_SPECIAL)
    path = path if path[:1] in ("/", ".", "") else f"{folder}/{path}"
    if draw.random() < 0.6:
        link = folder / f"link{draw.choice(('.csv', '.npy', '.npz', '.txt', ''))}"
        link.unlink(missing_ok=True)
        link.symlink_to(path or "empty")
        return str(link)
    return path
