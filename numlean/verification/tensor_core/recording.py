"""Execute test vectors of matrix units on a real tensor core, and record the results."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from numlean.analysis.matrix_units.vectors import UnitVectors, archive_bytes
from numlean.display_text import escape_line
from numlean.errors import NumleanError, UnavailableError
from numlean.verification.tensor_core.fragments import Words
from numlean.verification.tensor_core.gpu import Gpu, driver_version, run_on
from numlean.verification.tensor_core.instructions import MmaInstruction, instruction_for
from numlean.verification.tensor_core.kernel import KERNEL, kernel_ptx
from numlean_kernels.matrix_units.chips import OPERANDS

_BATCH_BYTES: Final = 1 << 26
"""The memory of the registers of one launch, about."""


@dataclass(frozen=True, eq=False)
class Recording:
    """The results of a GPU.

    Attributes:
        vectors: The dot products.
        result: The encodings of the results in the output's format, of shape (N,).
        about: The GPU, its driver and the instruction.
    """

    vectors: UnitVectors
    result: Words
    about: dict[str, Any]

    def agreement(self) -> dict[str, int]:
        """Return how many results are those of each unit that the vectors name.

        NaNs are compared bit for bit, as all encodings.
        """
        answers = self.vectors.answers
        return {name: int((each == self.result).sum()) for name, each in answers.items()}

    def to_bytes(self) -> bytes:
        """Return the numpy archive that ``numlean verify matrix-unit --against`` reads."""
        return archive_bytes(self.vectors, self.result, self.about)

    def __str__(self) -> str:
        """Return the GPU, and the units with which it agrees."""
        about, count = self.about, len(self.vectors)
        driver = f", driver {about['driver']}" if about["driver"] else ""
        gpu = f"{about['gpu']} (compute capability {about['capability']})"
        lines = [
            f"{gpu}{driver}, {about['library']}",
            f"{about['ptx_instruction']}: {count} dot products",
        ]
        for name, equal in self.agreement().items():
            lines.append(f"  {name}: {equal} of {count} results are the unit's")
            unequal = np.nonzero(self.vectors.answers[name] != self.result)[0][:3]
            lines += [f"    {self._difference(name, row)}" for row in unequal]
        return "\n".join(map(escape_line, lines))

    def _difference(self, unit: str, row: int) -> str:
        digits = self.vectors.output_format.width // 4
        ours = int(self.vectors.answers[unit][row])
        return (
            f"{self.vectors.names[row]}: the GPU gives {int(self.result[row]):#0{digits + 2}x},"
            f" the unit {ours:#0{digits + 2}x}"
        )


def record(vectors: UnitVectors, gpu: Gpu) -> Recording:
    """Execute dot products on a GPU: one chain of ``mma`` instructions in ascending k for each.

    First, products whose sums are exact are executed, to check the kernel.

    Raises:
        UnavailableError: There is no ``mma`` instruction for the formats on this GPU, or the kernel
            cannot be executed.
        NumleanError: The kernel gives wrong results.
    """
    if vectors.instruction not in ("", "mma"):
        raise UnavailableError(
            f"the vectors are for the instruction {vectors.instruction}; only mma can be executed"
        )
    instruction = instruction_for(vectors.operands, vectors.output, gpu.capability)
    _check_kernel(instruction, gpu)
    result = _execute(instruction, gpu, vectors.a, vectors.b, vectors.c)
    about = {
        "gpu": gpu.name,
        "capability": ".".join(map(str, gpu.capability)),
        "driver": driver_version(),
        "library": gpu.library,
        "operands": vectors.operands,
        "output": vectors.output,
        "instruction": "mma",
        "ptx_instruction": instruction.opcode,
    }
    return Recording(vectors, result, about)


def _execute(instruction: MmaInstruction, gpu: Gpu, a: Words, b: Words, c: Words) -> Words:
    """Return the results of dot products in the output's format."""
    ptx = kernel_ptx(instruction)
    k = instruction.k
    chunks = -(-a.shape[1] // k)
    width = chunks * k - a.shape[1]
    a, b = (np.pad(x, ((0, 0), (0, width))) for x in (a, b))
    parts = []
    for part in _batches(len(c), chunks * (instruction.a.registers + instruction.b.registers)):
        inputs = pack_operands(instruction, a[part], b[part], c[part])
        registers = run_on(gpu, ptx, KERNEL, inputs, chunks)
        parts.append(_common(instruction, registers))
    return np.concatenate(parts)


def pack_operands(
    instruction: MmaInstruction, a: Words, b: Words, c: Words
) -> tuple[Words, Words, Words]:
    """Return the registers of A, B and C.

    Every row of A holds a and every column of B holds b, so that every element of D is the dot
    product: if they are not all equal, something is wrong.

    Args:
        instruction: The instruction.
        a: Operands of shape (N, chunks * k).
        b: Likewise.
        c: Accumulators of shape (N,).
    """
    (m, k), n = instruction.a.shape, instruction.b.shape[1]
    chunked = (len(c), a.shape[1] // k, k)
    rows = np.broadcast_to(a.reshape(chunked)[..., None, :], (*chunked[:2], m, k))
    columns = np.broadcast_to(b.reshape(chunked)[..., None], (*chunked[:2], k, n))
    everywhere = np.broadcast_to(c[:, None, None], (len(c), m, n))
    return (
        instruction.a.pack(rows),
        instruction.b.pack(columns),
        instruction.d.pack(everywhere),
    )


def _batches(count: int, registers: int) -> Iterator[slice]:
    size = max(1, _BATCH_BYTES // (4 * 32 * registers))
    return (slice(start, start + size) for start in range(0, count, size))


def _common(instruction: MmaInstruction, registers: Words) -> Words:
    """Return the element that each D consists of."""
    elements = instruction.d.elements(registers)
    elements = elements.reshape(len(elements), -1)
    unequal = (elements != elements[:, :1]).any(axis=1)
    if unequal.any():
        row = int(np.argmax(unequal))
        found = ", ".join(f"{each:#x}" for each in np.unique(elements[row])[:4])
        raise NumleanError(
            f"{instruction.opcode}: product {row} of a launch has different results in one matrix"
            f" of equal rows and columns: {found}; nothing is recorded"
        )
    first: Words = elements[:, 0]
    return first


def _check_kernel(instruction: MmaInstruction, gpu: Gpu) -> None:
    """Execute products of which one term is not zero, with c = 0 and c = 1: their sums are exact.

    Raises:
        NumleanError: A result is wrong.
    """
    k, (one, one_out) = instruction.k, instruction.ones
    rows = np.arange(2 * k)
    exponents, has_c = rows % 4, rows // 4 % 2
    a, b = (np.zeros((2 * k, 2 * k), np.uint32) for _ in range(2))
    a[rows, rows] = one
    b[rows, rows] = one + _step_of(instruction.operands) * exponents
    c = (one_out * has_c).astype(np.uint32)
    wanted = _encodings_of(instruction.output, 2.0**exponents + has_c)
    found = _execute(instruction, gpu, a, b, c)
    if not np.array_equal(found, wanted):
        row = int(np.argmax(found != wanted))
        raise NumleanError(
            f"{instruction.opcode} on {gpu.name}: 2**{exponents[row]} at k = {row} and"
            f" c = {has_c[row]} give {int(found[row]):#x} and not {int(wanted[row]):#x}; nothing is"
            " recorded"
        )


def _step_of(operands: str) -> int:
    """Return the difference of the encodings of 2 and 1."""
    return 1 << OPERANDS[operands].format.trailing_bits


def _encodings_of(output: str, values: Any) -> Words:
    """Return the encodings of numbers that the output has."""
    numbers = values.astype(np.float32 if output == "fp32" else np.float16)
    words: Words = numbers.view(f"u{numbers.itemsize}").astype(np.uint32)
    return words
