"""Every file that a command writes, each with a command line that writes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from numlean.verification.attacks.left_files import MEASURED

_TRAIN: Final = ("train", "xor", "--dtype", "mp:24", "--steps", "5")
_CROSSCHECK: Final = ("crosscheck", "xor", "--dtypes", "mp:24,mp:12", "--steps", "1")
_COMPARE: Final = ("compare", "xor", "--dtypes", "mp:24", "--truth", "mp:40", "--steps", "2")
_ABLATE: Final = ("ablate", "xor", "--dtype", "mp:24", "--steps", "1", "--seeds", "1")
_BENCH: Final = (
    *("bench", "ops", "--dtypes", "mp:24@engine=mpmath", "--operation", "neg"),
    *("--rounds", "1"),
)
_SAFE: Final = ("--save", "safe/run.ckpt", "--certificate", "safe/run.cert")
_ELEMENTARY: Final = (
    *("verify", "elementary", "--function", "sqrt", "--count", "100", "--jobs", "1"),
    *("--dtype", "e4m3"),
)


@dataclass(frozen=True)
class Output:
    """A file that a command writes.

    Attributes:
        name: The option or argument, with its command.
        file: The file, alone in its folder.
        line: The command line, which also writes files into the folder ``safe``.
        before: Command lines that prepare it.
        is_growing: Whether the file contains whole lines at any time, rather than all or nothing.
        is_resumed: Whether the command continues an existing file.
        is_record: Whether the command refuses an existing file that it has not written.
        is_largest: Whether the file is larger than all others that the command writes.
    """

    name: str
    file: str
    line: tuple[str, ...]
    before: tuple[tuple[str, ...], ...] = ()
    is_growing: bool = False
    is_resumed: bool = False
    is_record: bool = False
    is_largest: bool = True


def _train(option: str, file: str, *others: str, growing: bool = False) -> Output:
    kept = [_SAFE[k : k + 2] for k in (0, 2) if _SAFE[k] != option]
    safe = tuple(word for pair in kept for word in pair)
    line = (*_TRAIN, option, f"full/{file}", *safe, *others)
    name = " ".join(("train", option, *others))
    return Output(name, f"full/{file}", line, is_growing=growing, is_largest=option == "--plot")


_SAVED: Final = (*_TRAIN, "--steps", "3", "--save", "old.ckpt", "--log", "full/run.jsonl")

OUTPUTS: Final = (
    _train("--log", "run.jsonl", growing=True),
    _train("--save", "run.ckpt", "--log", "safe/run.jsonl"),
    _train("--save", "run.ckpt", "--checkpoint-every", "2"),
    _train("--certificate", "run.cert", "--log", "safe/run.jsonl"),
    _train("--certificate", "run.cert", "--checkpoint-every", "2"),
    Output(
        "train --resume --log",
        "full/run.jsonl",
        ("train", "--resume", "old.ckpt", "--steps", "6", "--log", "full/run.jsonl", *_SAFE[:2]),
        (_SAVED,),
        is_growing=True,
        is_resumed=True,
        is_largest=False,
    ),
    Output(
        "train --log, 40 steps",
        "full/run.jsonl",
        (*_TRAIN, "--steps", "40", "--log", "full/run.jsonl", *_SAFE[:2]),
        is_growing=True,
    ),
    Output(
        "train --resume --save",
        "full/run.ckpt",
        ("train", "--resume", "old.ckpt", "--steps", "6", "--save", "full/run.ckpt"),
        ((*_TRAIN, "--steps", "3", "--save", "old.ckpt"),),
    ),
    Output("crosscheck --out", "full/page.html", (*_CROSSCHECK, "--out", "full/page.html")),
    Output(
        "export .npz",
        "full/run.npz",
        ("export", "old.ckpt", "full/run.npz"),
        ((*_TRAIN, "--save", "old.ckpt"),),
    ),
    Output(
        "export .safetensors",
        "full/run.safetensors",
        ("export", "old.ckpt", "full/run.safetensors"),
        ((*_TRAIN, "--save", "old.ckpt"),),
    ),
    _train("--plot", "run.png", "--log", "safe/run.jsonl"),
    _train("--plot", "run.svg"),
    Output(
        "compare --jsonl",
        "full/run.jsonl",
        (*_COMPARE, "--jsonl", "full/run.jsonl", "--out", "safe/page.html"),
        is_largest=False,
    ),
    Output(
        "compare --out FILE.html",
        "full/page.html",
        (*_COMPARE, "--out", "full/page.html", "--jsonl", "safe/run.jsonl"),
    ),
    Output(
        "compare --out DIR: report.html",
        "full/report.html",
        (*_COMPARE, "--out", "full", "--jsonl", "safe/run.jsonl"),
    ),
    Output(
        "compare --out DIR: records.jsonl",
        "full/records.jsonl",
        (*_COMPARE, "--out", "full", "--jsonl", "safe/run.jsonl"),
        is_largest=False,
    ),
    Output(
        "ablate --jsonl",
        "full/run.jsonl",
        (*_ABLATE, "--jsonl", "full/run.jsonl", "--out", "safe/page.html"),
        is_largest=False,
    ),
    Output(
        "ablate --out FILE.html",
        "full/page.html",
        (*_ABLATE, "--out", "full/page.html", "--jsonl", "safe/run.jsonl"),
    ),
    Output("bench --out", f"full/{MEASURED}", (*_BENCH, "--out", f"full/{MEASURED}")),
    Output(
        "verify elementary --resume",
        "full/record.json",
        (*_ELEMENTARY, "--resume", "full/record.json"),
        is_record=True,
    ),
)
"""Every file, cheap ones first."""
