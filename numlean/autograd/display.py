"""Tensors as text and as HTML, with the shortest decimals that identify the numbers."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import TYPE_CHECKING, Final

import numpy as np

from numlean.autograd.indices import INDEX
from numlean.text_table import TextTable

if TYPE_CHECKING:
    from numlean.autograd.tensor import Tensor

_MOST_ELEMENTS: Final = 200
"""The greatest number of elements that are all shown; of more, the first and last three an axis."""

_EDGE: Final = 3


def as_text(x: Tensor) -> str:
    """Return the numbers, the dtype, the device and the shape."""
    head = "Tensor("
    watched = ", watched" if x.tape is not None else ""
    shape = f", shape={x.shape}" if x.size > _MOST_ELEMENTS or not x.size else ""
    texts = _Texts(x)
    measured: list[str] = []

    def measure(place: int) -> str:
        measured.append(texts(place))
        return "0"

    _arranged(x, head, measure)  # numpy asks for the elements that it shows
    width = max(map(len, measured), default=0)
    numbers = _arranged(x, head, lambda place: f"{texts(place):>{width}}")
    return f"{head}{numbers}, {x.dtype} on {x.scalar.device}{shape}{watched})"


def as_html(x: Tensor) -> str:
    """Return a table of a tensor with at most two axes; other tensors as text."""
    if x.ndim > 2 or not x.size:
        return f"<pre>{escape(as_text(x))}</pre>"
    matrix = _places(x).reshape(x.shape if x.ndim == 2 else (1, x.size))
    rows, columns = (_shown(extent) for extent in matrix.shape)
    texts = _Texts(x)
    cells = tuple(
        tuple("..." if None in (i, k) else texts(int(matrix[i, k])) for k in columns) for i in rows
    )
    title = f"Tensor of {x.dtype} on {x.scalar.device}, shape {x.shape}"
    return TextTable((), cells, ">", title).to_html()


def _shown(extent: int) -> list[int | None]:
    """Return the places along an axis that are shown; None stands for those in between."""
    if extent <= 4 * _EDGE:
        return list(range(extent))
    return [*range(_EDGE), None, *range(extent - _EDGE, extent)]


def _places(x: Tensor) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    return np.arange(x.size).reshape(x.shape)


def _arranged(x: Tensor, head: str, text: Callable[[int], str]) -> str:
    """Return the texts of elements in brackets, as numpy arranges an array after a head."""
    return np.array2string(
        _places(x),
        separator=", ",
        prefix=head,
        threshold=_MOST_ELEMENTS,
        edgeitems=_EDGE,
        formatter={"int_kind": text},  # type: ignore[arg-type]
    )


class _Texts:
    """The elements of a tensor as text, by their place in C order."""

    def __init__(self, x: Tensor) -> None:
        self._x = x
        self._flat = x.data.reshape(-1)
        self._known: dict[int, str] = {}

    def __call__(self, place: int) -> str:
        """Return the text of an element."""
        k = int(place)
        if k not in self._known:
            one = self._flat[k : k + 1]
            is_index = self._x.scalar is INDEX
            self._known[k] = str(one[0]) if is_index else self._x.scalar.to_string(one)[0]
        return self._known[k]
