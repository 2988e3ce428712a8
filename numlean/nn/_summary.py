"""A model at a glance: layers, the shapes of their outputs, and how many numbers they hold."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from typing import Final

from numlean.errors import ShapeError
from numlean.nn.layer import Layer, Shape
from numlean.nn.sequential import Composite

_HEADINGS: Final = ("", "layer", "output shape", "parameters", "buffers")
_GAP: Final = "  "


@dataclass(frozen=True)
class Row:
    """A layer in a summary.

    Attributes:
        place: The indices that lead to it, joined by dots, as in parameters' names.
        layer: The layer's name; a composite's is that of its kind.
        output_shape: The shape of a sample's output.
        parameters: Numbers that are trained, its own and those of the layers within.
        buffers: The other numbers, likewise.
    """

    place: str
    layer: str
    output_shape: Shape
    parameters: int
    buffers: int


@dataclass(frozen=True)
class Summary:
    """What ``summary`` gives; as a string, a table.

    Attributes:
        input_shape: The shape of a sample.
        rows: The layers in order, those within a layer after it.
        parameters: Numbers that are trained, in all.
        buffers: Other numbers, in all.
    """

    input_shape: Shape
    rows: tuple[Row, ...]
    parameters: int
    buffers: int

    def __str__(self) -> str:
        lines: list[tuple[str, ...]] = [_HEADINGS, ("", "input", str(self.input_shape), "", "")]
        lines += [_cells(row) for row in self.rows]
        lines.append(("", "total", "", f"{self.parameters:,}", f"{self.buffers:,}"))
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        return "\n".join(_line(line, widths) for line in lines)


def summary(model: Layer, sample_shape: Shape | None = None) -> Summary:
    """What a model consists of, for samples of a shape; by default the one it takes.

    Raises:
        ShapeError: No shape is given and the model takes several, or it does not take this one.
    """
    shape = model.input_shape if sample_shape is None else sample_shape
    if shape is None:
        raise ShapeError(f"{model.name} takes samples of several shapes: give one, sample_shape")
    model.output_shape(shape)
    layers = model.layers if isinstance(model, Composite) else (model,)
    rows = tuple(_within(layers, shape, ""))
    return Summary(shape, rows, _count(model, trained=True), _count(model, trained=False))


def _within(layers: tuple[Layer, ...], shape: Shape, prefix: str) -> Iterator[Row]:
    for index, layer in enumerate(layers):
        place = f"{prefix}{index}"
        yield _row(place, layer, shape)
        if isinstance(layer, Composite):
            yield from _within(layer.layers, shape, f"{place}.")
        shape = layer.output_shape(shape)


def _row(place: str, layer: Layer, shape: Shape) -> Row:
    name = type(layer).__name__ if isinstance(layer, Composite) else layer.name
    counts = (_count(layer, trained=trained) for trained in (True, False))
    return Row(place, name, layer.output_shape(shape), *counts)


def _count(layer: Layer, *, trained: bool) -> int:
    return sum(prod(p.shape) for p in layer.parameters if p.is_trainable is trained)


def _cells(row: Row) -> tuple[str, ...]:
    indent = _GAP * row.place.count(".")
    counts = (f"{n:,}" if n else "" for n in (row.parameters, row.buffers))
    return (row.place, indent + row.layer, str(row.output_shape), *counts)


def _line(cells: tuple[str, ...], widths: list[int]) -> str:
    texts = (cell.ljust(width) for cell, width in zip(cells[:3], widths[:3], strict=True))
    numbers = (cell.rjust(width) for cell, width in zip(cells[3:], widths[3:], strict=True))
    return _GAP.join((*texts, *numbers)).rstrip()
