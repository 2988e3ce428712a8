"""Comparisons of matrix units with the exact reference, and with recorded results."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np

from numlean.executors.executor import HERE, Executor
from numlean.precision.matrix_units import MatrixUnit, get_matrix_unit
from numlean.testing.matrix_units import (
    DotProducts,
    draw_scales,
    drawing_of_unit,
    reference_of_unit,
    scaled_dots_in_batches,
)
from numlean.verification.encoding import is_nan
from numlean.verification.matrix_units.recorded_numbers import Codes, differing
from numlean.verification.matrix_units.recordings import Recording

BATCH: Final = 4096
"""The random dot products that are drawn together, of one length."""

_SHOWN: Final = 3
"""The mismatches of a batch that are kept."""

_GROUPS: Final = 3
"""The most groups of an instruction that a random dot product has."""


@dataclass(frozen=True)
class Mismatch:
    """A dot product with another result than the expected one; all are encodings.

    Attributes:
        place: The number of the dot product.
        a: The operands on the left.
        b: The operands on the right.
        c: The accumulator to begin with.
        expected: The reference's result, or the recorded one.
        actual: The unit's result.
        scales: The scales of a and of b; empty if there are none.
    """

    place: int
    a: tuple[int, ...]
    b: tuple[int, ...]
    c: int
    expected: int
    actual: int
    scales: tuple[tuple[int, ...], ...] = ()


@dataclass(frozen=True)
class Outcome:
    """The result of a comparison.

    Attributes:
        cases: The dot products compared.
        mismatches: Those with different results.
        nans: Those of the mismatches in which both results are NaNs, of different bits.
        shown: The first mismatches.
    """

    cases: int = 0
    mismatches: int = 0
    nans: int = 0
    shown: tuple[Mismatch, ...] = ()

    def __add__(self, other: Outcome) -> Outcome:
        return Outcome(
            self.cases + other.cases,
            self.mismatches + other.mismatches,
            self.nans + other.nans,
            (self.shown + other.shown)[:_SHOWN],
        )


def compare_random(
    name: str, count: int, seed: int, *, device: str = "cpu", executor: Executor = HERE
) -> Iterator[Outcome]:
    """Yield the outcome of each batch of structured random dot products.

    Args:
        name: The unit.
        count: The number of dot products; the seed and their number determine them.
        seed: The seed.
        device: The device that the unit computes on.
        executor: Compares the batches.
    """
    work = partial(_compare_batch, name, count, seed, device)
    yield from executor.in_order(work, range(batches_of(count)), name)


def batches_of(count: int) -> int:
    """Return the number of batches of so many random dot products."""
    return -(-count // BATCH)


def draw_batch(unit: MatrixUnit, count: int, seed: int, number: int) -> DotProducts:
    """Return the dot products of a batch, all of one length of up to three groups.

    Args:
        unit: The unit that they are for.
        count: The number of dot products in all batches.
        seed: The seed.
        number: The number of the batch.
    """
    drawing = drawing_of_unit(unit.unit, seed, number)
    group = unit.unit.rule.instruction
    rng = drawing.rng
    lengths = (group, group, 2 * group, int(rng.integers(1, _GROUPS * group + 1)))
    n = min(BATCH, count - number * BATCH)
    return drawing.draw(n, lengths[int(rng.integers(len(lengths)))])


def _compare_batch(name: str, count: int, seed: int, device: str, number: int) -> Outcome:
    unit = get_matrix_unit(name)
    dots, first = draw_batch(unit, count, seed, number), number * BATCH
    if unit.unit.scales is None:
        expected = reference_of_unit(unit.unit).dot(*dots)
        actual = unit.dot(*dots, device=device)
        return _outcome(unit, dots, expected, actual, expected != actual, first)
    scales = draw_scales(unit.unit, *dots.a.shape, seed, number)
    expected = scaled_dots_in_batches(unit.unit, *dots, scales)
    actual = unit.dot(*dots, scales=scales, device=device)
    return _outcome(unit, dots, expected, actual, expected != actual, first, scales)


def compare_recorded(unit: MatrixUnit, recording: Recording, *, device: str = "cpu") -> Outcome:
    """Return the outcome of a comparison with recorded results."""
    actual = unit.dot(recording.a, recording.b, recording.c, device=device)
    different = differing(recording.d, actual, unit.unit.output)
    dots = DotProducts(recording.a, recording.b, recording.c)
    return _outcome(unit, dots, recording.d.codes, actual, different, 0)


def _outcome(
    unit: MatrixUnit,
    dots: DotProducts,
    expected: Codes,
    actual: Codes,
    different: Codes,
    first: int,
    scales: tuple[Codes, ...] = (),
) -> Outcome:
    where, output = np.flatnonzero(different), unit.unit.output
    nans = is_nan(output, expected[where]) & is_nan(output, actual[where])
    shown = tuple(
        Mismatch(
            first + int(i),
            tuple(dots.a[i].tolist()),
            tuple(dots.b[i].tolist()),
            int(dots.c[i]),
            int(expected[i]),
            int(actual[i]),
            tuple(tuple(each[i].tolist()) for each in scales),
        )
        for i in where[:_SHOWN]
    )
    return Outcome(len(expected), len(where), int(nans.sum()), shown)
