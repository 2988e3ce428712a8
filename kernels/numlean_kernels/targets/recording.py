"""A target that delegates to another one and records every step for replay."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, final

from numlean_kernels.protocol import (
    Array,
    CopyCall,
    HostCall,
    KernelCall,
    Launch,
    Loop,
    ProgramStep,
    Table,
    Target,
)
from numlean_kernels.targets.delegating import DelegatingTarget


@final
class RecordingTarget(DelegatingTarget):
    """Runs kernels on another target and records each, with its arrays.

    Attributes:
        operations: The recorded steps, in the order in which they ran.
    """

    def __init__(self, inner: Target, operations: list[ProgramStep]) -> None:
        super().__init__(inner)
        self.name = inner.name
        self.compiles, self.looks_up_codes = inner.compiles, inner.looks_up_codes
        self.computes_rows, self.has_float_phases = inner.computes_rows, inner.has_float_phases
        self.multiplies_views = inner.multiplies_views
        self.operations = operations

    @property
    def recorder(self) -> list[ProgramStep] | None:
        """The recorded steps."""
        return self.operations

    @property
    def without_recorder(self) -> Target:
        """The other target."""
        return self._words

    def kernel(self, loop: Loop, table: Table) -> Launch:
        """Return the kernel of the other target, which records each launch."""
        launch = self.without_recorder.kernel_of(loop, table)

        def launch_and_record(domain: tuple[int, ...], *arrays: Array) -> None:
            launch(domain, *arrays)
            self.operations.append(KernelCall(loop, table, domain, arrays))

        return launch_and_record

    def empty(self, shape: int | tuple[int, ...], dtype: Any) -> Array:
        """Return a new array of the other target."""
        return self.without_recorder.empty(shape, dtype)

    def to_device(self, array: Array) -> Array:
        """Return the array in the memory of the other target."""
        return self.without_recorder.to_device(array)

    def empty_host_visible(self, shape: int | tuple[int, ...], dtype: Any) -> Array:
        """Return a new host-visible array of the other target."""
        return self.without_recorder.empty_host_visible(shape, dtype)

    @property
    def host(self) -> Target:
        """The host of the other target."""
        return self.without_recorder.host

    def copy_into(self, x: Array, z: Array) -> None:
        """Write elements into a view, and record the copy."""
        self.without_recorder.copy_into(x, z)
        self.operations.append(CopyCall(x, z))

    def on_replay(
        self, function: Callable[[], None], *, read: tuple[Array, ...] = (), written: Array
    ) -> None:
        """Record a function that runs on the host."""
        self.operations.append(HostCall(function, read, (written,)))
