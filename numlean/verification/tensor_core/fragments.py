"""The places of matrix elements in the registers of a warp, for the PTX instruction ``mma``.

The tables are those of NVIDIA's manual "Parallel Thread Execution ISA", section "Warp-level matrix
fragments", written as one row and column step for each bit of the lane and of the element's index.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, TypeAlias

import numpy as np

Words: TypeAlias = np.ndarray[Any, np.dtype[np.uint32]]
"""Encodings or registers of 32 bits."""
Indices: TypeAlias = np.ndarray[Any, np.dtype[np.intp]]
Step: TypeAlias = tuple[int, int]
"""Rows and columns."""

LANES: Final = 32
REGISTER: Final = 32
"""The bits of a register."""


@dataclass(frozen=True)
class Fragment:
    """The layout of a matrix in the registers of a warp.

    Element i of a lane is at the sum of the steps of the bits that are set in the lane's number and
    in i. The elements of a lane fill its registers in order, the low bits first.

    Attributes:
        shape: The rows and columns of the matrix.
        width: The bits of an element: 8, 16 or 32.
        lane: The step of each of the five bits of the lane's number.
        element: The step of each bit of the element's index.
    """

    shape: tuple[int, int]
    width: int
    lane: tuple[Step, Step, Step, Step, Step]
    element: tuple[Step, ...]

    @property
    def registers(self) -> int:
        """The registers of a lane."""
        return (self.width << len(self.element)) // REGISTER

    @cached_property
    def places(self) -> tuple[Indices, Indices]:
        """The row and the column of each element, of shape (lanes, elements)."""
        lanes = _sums(self.lane)[:, None]
        elements = _sums(self.element)[None, :]
        both = lanes + elements
        return both[..., 0], both[..., 1]

    def pack(self, matrices: Words) -> Words:
        """Return registers of shape (..., lanes, registers) for matrices of shape (..., R, C)."""
        rows, columns = self.places
        elements = np.asarray(matrices, np.uint32)[..., rows, columns]
        parts = REGISTER // self.width
        apart = elements.reshape(*elements.shape[:-1], self.registers, parts)
        shifts = (np.arange(parts) * self.width).astype(np.uint32)
        registers: Words = np.bitwise_or.reduce(apart << shifts, axis=-1)
        return registers

    def elements(self, registers: Words) -> Words:
        """Return the elements of each lane, of shape (..., lanes, elements)."""
        parts = REGISTER // self.width
        shifts = (np.arange(parts) * self.width).astype(np.uint32)
        mask = np.uint32((1 << self.width) - 1)
        apart = np.asarray(registers, np.uint32)[..., None] >> shifts & mask
        return apart.reshape(*apart.shape[:-2], len(self.places[0][0]))


def _sums(steps: tuple[Step, ...]) -> Indices:
    """Return the sum of the steps of the bits of each number, of shape (2**bits, 2)."""
    numbers = np.arange(1 << len(steps))
    bits = numbers[:, None] >> np.arange(len(steps)) & 1
    return bits @ np.array(steps, np.intp).reshape(-1, 2)
