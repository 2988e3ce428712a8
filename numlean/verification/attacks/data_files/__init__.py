"""Files of data, texts and weights under attack."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Final

from numlean.verification.attacks.attack import Attack, Outcome, Setting

_SUMMARIES: Final = {
    "csv": "text tables: altered bytes, hostile cells, options and encodings",
    "npy": "arrays: altered bytes, headers that lie, huge shapes, Python objects",
    "npz": "archives: altered bytes, rebuilt ones, bombs, encrypted and other members",
    "text": "texts for language models: altered bytes, many characters, odd line ends",
    "weights": "safetensors files: altered bytes, headers that lie, other files",
    "paths": "folders, devices, pipes, sockets, files of the system and odd names as files",
}


def _run(kind: str, setting: Setting) -> Iterator[Outcome]:
    from numlean.verification.attacks.data_files.attack import run  # imports numpy

    return run(kind, setting)


DATA_FILES: Final = tuple(
    Attack(f"data-{kind}", summary, 250 if kind == "paths" else 2500, partial(_run, kind))
    for kind, summary in _SUMMARIES.items()
)
"""An attack for each kind of file."""

__all__ = ["DATA_FILES"]
