"""Numba's simulation of a GPU: threads and routines are Python's."""

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
    """A simulated GPU. Blocks and parts are so small that small arrays need several."""

    words = PYTHON
    threads = 3
    side = 2
    reach: Mapping[int, int] = {0: 2, 32: 2, 64: 2}
    alignment = None
    part = 4
    bound = int  # type: ignore[assignment]

    def instructions(self, width: int) -> Instructions:
        """Return the arithmetic of numpy scalars."""
        return self.words.instructions(width)

    def function(self, cell: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function with numpy's warnings disabled, which each thread would enable."""

        def quiet(*arguments: Any) -> Any:
            with np.errstate(all="ignore"):
                return cell(*arguments)

        return quiet

    def allocate(self, size: int) -> Array:
        """Allocate ordinary memory."""
        return np.empty(size, np.uint8)

    def allocate_for_exchange(self, size: int) -> Array:
        """Allocate ordinary memory."""
        return self.allocate(size)

    def compiled(self, config: LaunchConfig, key: str) -> Any:
        """Return numba's simulated kernel."""
        return cuda.jit(config.kernel)

    def launcher(
        self, compiled: Any, grid: Grid, arrays: Sequence[Array], outputs: int
    ) -> Launcher:
        """Return a function that runs a kernel to its end in Python threads."""

        def launch(_: Any) -> None:
            cells = tuple(map(as_python_numbers, arrays))
            compiled[grid.blocks, grid.threads](grid.extents, cells)
            for array, cell in zip(arrays[-outputs:], cells[-outputs:], strict=True):
                array[...] = cell

        return launch

    def sequence(self, launchers: Sequence[Launcher]) -> Callable[[], None]:
        """Return a function that runs kernels one after the other."""

        def launch_all() -> None:
            for launch in launchers:
                launch(0)

        return launch_all

    def synchronise(self) -> None:
        """Do nothing: every launch waits for its end."""
