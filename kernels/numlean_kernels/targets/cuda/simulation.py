"""A GPU as numba simulates it: threads are Python's, routines the Python they are written in."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, final

import numpy as np
from numba import cuda

from numlean_kernels.protocol import Array, Instructions
from numlean_kernels.targets.cuda.device import Device, Launcher
from numlean_kernels.targets.cuda.launch_config import Grid, LaunchConfig
from numlean_kernels.targets.python import PYTHON, as_python_numbers


@final
class Simulation(Device):
    """Its blocks and parts are so small that small arrays have several."""

    words = PYTHON
    threads = 3
    side = 2
    reach: Mapping[int, int] = {0: 2, 32: 2, 64: 2}
    alignment = None
    part = 4
    bound = int  # type: ignore[assignment]

    def instructions(self, width: int) -> Instructions:
        """What numpy scalars do."""
        return self.words.instructions(width)

    def function(self, cell: Callable[..., Any]) -> Callable[..., Any]:
        """The function; each thread has numpy's default answer to overflow."""

        def quiet(*arguments: Any) -> Any:
            with np.errstate(all="ignore"):
                return cell(*arguments)

        return quiet

    def allocate(self, size: int) -> Array:
        """Memory like any other."""
        return np.empty(size, np.uint8)

    def allocate_for_exchange(self, size: int) -> Array:
        """The same."""
        return self.allocate(size)

    def compiled(self, form: LaunchConfig, identity: str) -> Any:
        """Numba's simulated kernel."""
        return cuda.jit(form.kernel)

    def launcher(
        self, compiled: Any, grid: Grid, arrays: Sequence[Array], outputs: int
    ) -> Launcher:
        """What has Python's threads run a kernel to its end."""

        def launch(_: Any) -> None:
            cells = tuple(map(as_python_numbers, arrays))
            compiled[grid.blocks, grid.threads](grid.extents, cells)
            for array, cell in zip(arrays[-outputs:], cells[-outputs:], strict=True):
                array[...] = cell

        return launch

    def together(self, launchers: Sequence[Launcher]) -> Callable[[], None]:
        """What runs kernels one after the other."""

        def launch_all() -> None:
            for launch in launchers:
                launch(0)

        return launch_all

    def synchronise(self) -> None:
        """There is nothing to wait for."""
