"""The small tables of scikit-learn, read from its files without importing it, which takes a second.

The numbers are those of ``sklearn.datasets.load_digits`` and so on. If an installation has its
files elsewhere, that function is called.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import numpy as np

from numlean.nn.layer import Floats

_DATA: Final = Path("datasets") / "data"


@dataclass(frozen=True)
class InstalledTable:
    """A table that scikit-learn contains.

    Attributes:
        function: The function of ``sklearn.datasets`` that returns it.
        file: The file of its numbers.
        targets: The file of the targets; None if they are the last column of ``file``.
        delimiter: The delimiter of cells; None is any white space.
        header: The number of lines before the numbers.
        options: The keyword arguments of the function.
    """

    function: str
    file: str
    targets: str | None = None
    delimiter: str | None = ","
    header: int = 0
    options: tuple[tuple[str, Any], ...] = ()

    def load(self) -> tuple[Floats, Floats]:
        """Return the inputs, of shape (samples, columns), and the targets, of shape (samples,)."""
        folder = _folder()
        if folder is None or not (folder / self.file).is_file():
            found = getattr(import_module("sklearn.datasets"), self.function)(**dict(self.options))
            return found.data, found.target.astype(np.float64)
        numbers = self._read(folder / self.file)
        if self.targets is None:
            return numbers[:, :-1], numbers[:, -1]
        return numbers, self._read(folder / self.targets)

    def _read(self, path: Path) -> Floats:
        return np.loadtxt(path, delimiter=self.delimiter, skiprows=self.header)


def one_hot(classes: Floats, count: int) -> Floats:
    """Return classes, which are integers from 0, as rows with a single 1."""
    return np.asarray(np.eye(count)[classes.astype(np.intp)])


def _folder() -> Path | None:
    """Return the folder of scikit-learn's files; None if it is not installed as a folder."""
    spec = find_spec("sklearn")
    places = None if spec is None else spec.submodule_search_locations
    return Path(places[0]) / _DATA if places else None
