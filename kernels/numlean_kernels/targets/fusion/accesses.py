"""Which steps of a program read and write which memory."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import final

from numlean_kernels.protocol import Array, ProgramStep
from numlean_kernels.targets.dead_code import memory_of


@final
@dataclass(frozen=True)
class Access:
    """An access of a step to memory.

    Attributes:
        step: The place of the step in the program.
        reads: Whether the step reads there.
        writes: Whether it writes there.
    """

    step: int
    reads: bool
    writes: bool


@final
class Accesses:
    """The accesses of a program to memory, in order."""

    def __init__(self, steps: Sequence[ProgramStep], kept: Sequence[Array] | None) -> None:
        """Note the accesses of all steps.

        Args:
            steps: The program.
            kept: The arrays that are read after it, or by steps that are not in it; None for all.
        """
        self._of_memory: dict[int, list[Access]] = defaultdict(list)
        self._kept = None if kept is None else {memory_of(x) for x in kept}
        for k, step in enumerate(steps):
            for memory, access in accesses_of(k, step):
                self._of_memory[memory].append(access)

    def of(self, memory: int) -> Sequence[Access]:
        """Return the accesses to some memory."""
        return self._of_memory.get(memory, ())

    def is_private(self, memory: int, steps: set[int]) -> bool:
        """Return whether only these steps use some memory, and the first one only writes there."""
        if self._kept is None or memory in self._kept:
            return False
        accesses = self.of(memory)
        return not accesses[0].reads and all(access.step in steps for access in accesses)


def accesses_of(place: int, step: ProgramStep) -> Iterator[tuple[int, Access]]:
    """Yield the memory that a step, at some place of a program, reads or writes; each once."""
    read, written = ({memory_of(x) for x in arrays} for arrays in (step.read, step.written))
    for memory in read | written:
        yield memory, Access(place, memory in read, memory in written)
