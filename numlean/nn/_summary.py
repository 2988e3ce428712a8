"""An overview of a model: its layers, their output shapes and their numbers of parameters."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from typing import Final

from numlean.arguments import checked
from numlean.errors import ShapeError
from numlean.nn.composite import Composite
from numlean.nn.layer import Layer, Shape
from numlean.text_table import TextTable

_HEADINGS: Final = ("", "layer", "output shape", "parameters", "buffers")
_ALIGN: Final = "<<<>"
_INDENT: Final = "  "


@dataclass(frozen=True)
class SummaryRow:
    """A layer in a summary.

    Attributes:
        place: The indices that lead to the layer, joined by dots, as in names of parameters.
        layer: The layer's name; of a layer with children, only its class.
        output_shape: The shape of a sample's output; None within a layer that is not a
            ``Composite``, since only that layer defines the inputs of its children.
        parameters: The count of trained numbers, including those of its children.
        buffers: The count of other numbers, including those of its children.
    """

    place: str
    layer: str
    output_shape: Shape | None
    parameters: int
    buffers: int


@dataclass(frozen=True)
class Summary:
    """The result of ``summary``; as a string, a table.

    Attributes:
        input_shape: The shape of a sample.
        rows: The layers in order, each followed by its children.
        parameters: The count of trained numbers in the model.
        buffers: The count of other numbers in the model.
    """

    input_shape: Shape
    rows: tuple[SummaryRow, ...]
    parameters: int
    buffers: int

    def __str__(self) -> str:
        return self._table().to_text()

    def _repr_html_(self) -> str:
        return self._table().to_html()

    def _table(self) -> TextTable:
        lines: list[tuple[str, ...]] = [("", "input", str(self.input_shape), "", "")]
        lines += [_cells(row) for row in self.rows]
        lines.append(("", "total", "", f"{self.parameters:,}", f"{self.buffers:,}"))
        return TextTable(_HEADINGS, tuple(lines), _ALIGN)


@checked
def summary(model: Layer, sample_shape: Shape | None = None) -> Summary:
    """Summarize a model for samples of a shape, by default the one that the model defines.

    Raises:
        ShapeError: No shape is given and the model does not define one, or the model does not
            accept samples of this shape.
    """
    shape = model.input_shape if sample_shape is None else sample_shape
    if shape is None:
        raise ShapeError(f"{model.name} takes samples of several shapes; pass one as sample_shape")
    model.output_shape(shape)
    rows = _rows((model,), shape, "") if not model.children else _children_rows(model, shape, "")
    counts = (_count(model, trained=trained) for trained in (True, False))
    return Summary(shape, tuple(rows), *counts)


def _rows(layers: tuple[Layer, ...], shape: Shape | None, prefix: str) -> Iterator[SummaryRow]:
    """Yield rows of layers applied one after the other; of shape None, the shapes are unknown."""
    for index, layer in enumerate(layers):
        place = f"{prefix}{index}"
        output_shape = None if shape is None else layer.output_shape(shape)
        yield _row(place, layer, output_shape)
        yield from _children_rows(layer, shape, f"{place}.")
        shape = output_shape


def _children_rows(layer: Layer, shape: Shape | None, prefix: str) -> Iterator[SummaryRow]:
    return _rows(layer.children, shape if isinstance(layer, Composite) else None, prefix)


def _row(place: str, layer: Layer, output_shape: Shape | None) -> SummaryRow:
    name = type(layer).__name__ if layer.children else layer.name
    counts = (_count(layer, trained=trained) for trained in (True, False))
    return SummaryRow(place, name, output_shape, *counts)


def _count(layer: Layer, *, trained: bool) -> int:
    return sum(prod(p.shape) for p in layer.parameters if p.is_trainable is trained)


def _cells(row: SummaryRow) -> tuple[str, ...]:
    indent = _INDENT * row.place.count(".")
    shape = "" if row.output_shape is None else str(row.output_shape)
    counts = (f"{n:,}" if n else "" for n in (row.parameters, row.buffers))
    return (row.place, indent + row.layer, shape, *counts)
