"""A transcription of the rules of matrix units in exact integers, to compare units with."""

from numlean.testing.matrix_units.dot_drawing import DotDrawing, DotProducts
from numlean.testing.matrix_units.reference import (
    MatrixUnitReference,
    drawing_of_unit,
    reference_of_unit,
)
from numlean.testing.matrix_units.scaled import draw_scales, scaled_dots
from numlean.testing.matrix_units.scaled_batches import scaled_dots_in_batches

__all__ = [
    "DotDrawing",
    "DotProducts",
    "MatrixUnitReference",
    "draw_scales",
    "drawing_of_unit",
    "reference_of_unit",
    "scaled_dots",
    "scaled_dots_in_batches",
]
