"""A target that does what another one does, and keeps a record from which it can be done again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, final

from numlean_kernels.protocol import (
    Array,
    Called,
    Launch,
    Launched,
    Loop,
    Moved,
    Operation,
    Table,
    Target,
)
from numlean_kernels.targets.delegating import BorrowedWords


@final
class RecordingTarget(BorrowedWords):
    """Runs kernels on another target and records each, with the arrays it was given.

    Attributes:
        operations: The record, in the order of what was done.
    """

    def __init__(self, inner: Target, operations: list[Operation]) -> None:
        super().__init__(inner)
        self.name = inner.name
        self.operations = operations

    @property
    def immediate(self) -> Target:
        """The other target."""
        return self._words

    def kernel(self, loop: Loop, table: Table) -> Launch:
        """The other target's kernel; each launch is recorded."""
        launch = self.immediate.kernel_of(loop, table)

        def launch_and_record(domain: tuple[int, ...], *arrays: Array) -> None:
            launch(domain, *arrays)
            self.operations.append(Launched(loop, table, domain, arrays))

        return launch_and_record

    def empty(self, shape: int | tuple[int, ...], dtype: Any) -> Array:
        """As the other target has it."""
        return self.immediate.empty(shape, dtype)

    def held(self, array: Array) -> Array:
        """As the other target has it."""
        return self.immediate.held(array)

    def exchanged(self, shape: int | tuple[int, ...], dtype: Any) -> Array:
        """As the other target has it."""
        return self.immediate.exchanged(shape, dtype)

    @property
    def host(self) -> Target:
        """As the other target has it."""
        return self.immediate.host

    def move(self, x: Array, z: Array) -> None:
        """Write elements into a view, and record it."""
        self.immediate.move(x, z)
        self.operations.append(Moved(x, z))

    def again(
        self, function: Callable[[], None], *, read: tuple[Array, ...] = (), written: Array
    ) -> None:
        """Record what no kernel does."""
        self.operations.append(Called(function, read, (written,)))
