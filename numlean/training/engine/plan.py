"""A step as a graph of kernels on fixed arrays."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from numlean.scalar.protocol import Scalar, Storage, device_copy
from numlean_kernels.protocol import ProgramStep
from numlean_kernels.targets.dead_code import memory_of, pruned


class Plan:
    """What is done at each step on a batch of some shape.

    Attributes:
        recorder: The Scalar whose operations become the plan, until it is finished.
        inputs: The arrays that are filled before each replay.
        loss: Where the loss is afterwards.
        operations: What a replay does, in order.
    """

    def __init__(self, scalar: Scalar, inputs: tuple[Storage, ...]) -> None:
        self._scalar = scalar
        self._recorded: list[ProgramStep] = []
        self.recorder = scalar.with_recorder(self._recorded)
        self.inputs = inputs
        self.loss: Storage = np.empty(())
        self.operations: list[ProgramStep] = []
        self._run: Callable[[], None] | None = None

    def finish(self, loss: Storage, moves: Sequence[tuple[Storage, Storage]]) -> None:
        """Record that arrays are written back where they will be read; nothing comes after.

        They are left as they were if the plan cannot be made.
        """
        kept = [place for place, _ in moves]
        before = [np.array(place) for place in kept]
        self.loss = device_copy(self._scalar, loss, host_visible=True)
        # The loss may be a view of what is written back.
        self.recorder.copy_into(loss, self.loss)
        try:
            for place, new in moves:
                self.recorder.copy_into(new, place)
            self.operations = pruned(self._recorded, [*self.inputs, *kept], [self.loss, *kept])
            self._run = self._scalar.compile(self.operations)
        except BaseException:
            for place, values in zip(kept, before, strict=True):
                place[...] = values
            raise

    def replay(self, *inputs: Storage) -> None:
        """Do it all again, for other inputs."""
        for place, new in zip(self.inputs, inputs, strict=True):
            place[...] = new
        assert self._run is not None
        self._run()

    def __str__(self) -> str:
        names: dict[int, str] = {}
        lines = [f"{_named(names, x)}: input {x.shape} {x.dtype}" for x in self.inputs]
        for operation in self.operations:
            read = ", ".join(_named(names, x) for x in operation.read)
            written = ", ".join(
                f"{_named(names, z)}: {z.shape} {z.dtype}" for z in operation.written
            )
            lines.append(f"{written} = {operation}({read})")
        return "\n".join([*lines, f"loss {_named(names, self.loss)}"])


def _named(names: dict[int, str], array: Storage) -> str:
    return names.setdefault(memory_of(array), f"%{len(names)}")
