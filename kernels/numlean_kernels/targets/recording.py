"""A target that does what another one does, and keeps a record from which it can be done again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, final

from numlean_kernels.targets.protocol import (
    Array,
    Called,
    Instructions,
    Launch,
    Launched,
    Loop,
    Moved,
    Operation,
    Routine,
    Table,
    Target,
)


@final
class RecordingTarget(Target):
    """Runs kernels on another target and records each, with the arrays it was given.

    Attributes:
        operations: The record, in the order of what was done.
    """

    def __init__(self, inner: Target, operations: list[Operation]) -> None:
        super().__init__()
        self._inner = inner
        self.name = inner.name
        self.operations = operations

    @property
    def immediate(self) -> Target:
        """The other target."""
        return self._inner

    def unsigned(self, bits: int) -> Callable[[Any], Any]:
        """As the other target has it."""
        return self._inner.unsigned(bits)

    def signed(self, bits: int) -> Callable[[Any], Any]:
        """As the other target has it."""
        return self._inner.signed(bits)

    def clz(self, bits: int) -> Routine:
        """As the other target has it."""
        return self._inner.clz(bits)

    def high_product(self, bits: int) -> Routine:
        """As the other target has it."""
        return self._inner.high_product(bits)

    def encoding_of(self, width: int) -> Routine:
        """As the other target has it."""
        return self._inner.encoding_of(width)

    def real_of(self, width: int) -> Routine:
        """As the other target has it."""
        return self._inner.real_of(width)

    def instructions(self, width: int) -> Instructions:
        """As the other target has it."""
        return self._inner.instructions(width)

    def routine(self, function: Routine) -> Routine:
        """As the other target has it."""
        return self._inner.routine(function)

    def kernel(self, loop: Loop, table: Table) -> Launch:
        """The other target's kernel; each launch is recorded."""
        launch = self._inner.kernel_of(loop, table)

        def launch_and_record(domain: tuple[int, ...], *arrays: Array) -> None:
            launch(domain, *arrays)
            self.operations.append(Launched(loop, table, domain, arrays))

        return launch_and_record

    def empty(self, shape: int | tuple[int, ...], dtype: Any) -> Array:
        """As the other target has it."""
        return self._inner.empty(shape, dtype)

    def held(self, array: Array) -> Array:
        """As the other target has it."""
        return self._inner.held(array)

    def move(self, x: Array, z: Array) -> None:
        """Write elements into a view, and record it."""
        self._inner.move(x, z)
        self.operations.append(Moved(x, z))

    def again(
        self, function: Callable[[], None], *, read: tuple[Array, ...] = (), written: Array
    ) -> None:
        """Record what no kernel does."""
        self.operations.append(Called(function, read, (written,)))
