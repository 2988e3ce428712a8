"""Recordings: work on arrays that is done once, recorded, pruned, compiled and replayed.

The compiled engine of a run and the compiled tape of a session both execute their steps this way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import final

from numlean.autograd.indices import INDEX
from numlean.autograd.tensor import Tensor
from numlean.errors import MixedScalarError
from numlean.scalar.identity import name_both
from numlean.scalar.protocol import Scalar, Storage
from numlean.scalar.record import Record
from numlean_kernels.protocol import ProgramStep
from numlean_kernels.targets.dead_code import memory_of, prune


@final
@dataclass(frozen=True, eq=False)
class Recording:
    """A program on fixed arrays.

    Attributes:
        inputs: The arrays that take the values of a replay, by position.
        outputs: Tensors over the arrays that hold the results after a replay, by name.
        operations: The operations of a replay, in order.
        compile: Returns a function that executes operations.
    """

    inputs: tuple[Storage, ...]
    outputs: Mapping[str, Tensor]
    operations: Sequence[ProgramStep]
    compile: Callable[[Sequence[ProgramStep]], Callable[[], None]]

    @cached_property
    def run(self) -> Callable[[], None]:
        """Executes the operations; compiled when it is first needed."""
        return self.compile(self.operations)

    def replay(self, values: Sequence[Storage]) -> None:
        """Execute the operations again for other inputs."""
        for array, value in zip(self.inputs, values, strict=True):
            array[...] = value
        self.run()

    def result(self, name: str) -> Tensor:
        """Return a copy of an output as the last replay left it."""
        output = self.outputs[name]
        return output.like(output.data.copy())

    def __str__(self) -> str:
        names: dict[int, str] = {}
        lines = [f"{_name(names, x)}: input {x.shape} {x.dtype}" for x in self.inputs]
        for operation in self.operations:
            read = ", ".join(_name(names, x) for x in operation.read)
            written = ", ".join(
                f"{_name(names, z)}: {z.shape} {z.dtype}" for z in operation.written
            )
            lines.append(f"{written} = {operation}({read})")
        lines += [f"{name} {_name(names, z.data)}" for name, z in self.outputs.items()]
        return "\n".join(lines)


def _name(names: dict[int, str], array: Storage) -> str:
    return names.setdefault(memory_of(array), f"%{len(names)}")


@final
class Recorder:
    """Makes recordings: computes as Scalars do, and records the operations.

    A program may compute in several Scalars of one device, which record into one list.

    Attributes:
        scalar: The recording twin of the program's main Scalar.
        steps: The operations recorded since the last ``start``.
    """

    def __init__(self, scalar: Scalar, others: Sequence[Scalar] = ()) -> None:
        """Create a recorder.

        Args:
            scalar: The program's main Scalar.
            others: Others whose random streams the program starts at each step.
        """
        self._scalar = scalar
        self._inputs: tuple[Storage, ...] = ()
        self._outputs: dict[str, Tensor] = {}
        self.steps = Record()
        self.scalar = self.steps.twin(scalar)
        for other in others:
            self.steps.twin(other)

    def attach(self, tensor: Tensor) -> Tensor:
        """Return a tensor on the same array whose operations are recorded; indices as they are."""
        if tensor.scalar is INDEX:
            return tensor
        is_main = tensor.scalar == self._scalar
        return Tensor(self.scalar if is_main else self.steps.twin(tensor.scalar), tensor.data)

    def detach(self, tensor: Tensor, array: Storage) -> Tensor:
        """Return an array as a tensor of the same Scalar as a recorded one, but not recorded."""
        return Tensor(self.steps.original(tensor.scalar), array)

    def start(self, inputs: Sequence[Tensor]) -> list[Tensor]:
        """Start a recording; return its inputs, by position, with the values given."""
        self.steps.clear()
        self._outputs = {}
        copies = [t.like(self._scalar.device_copy(t.data, host_visible=True)) for t in inputs]
        self._inputs = tuple(t.data for t in copies)
        return [self.attach(t) for t in copies]

    def output(self, name: str, value: Tensor) -> None:
        """Record that a tensor is a result: each replay copies it to an array of its own.

        The value may be a view of an array that is written later.
        """
        z = self._scalar.device_copy(value.data, host_visible=True)
        self._outputs[name] = self.detach(value, z)
        self.scalar.copy_into(value.data, z)

    def finish(self, *, variables: Sequence[Storage], results: Sequence[Storage]) -> Recording:
        """Return the recorded work, without the operations that cannot change a result.

        Args:
            variables: The arrays besides the inputs whose values may change between replays.
            results: The arrays besides the outputs that are read after a replay.
        """
        read = [*(z.data for z in self._outputs.values()), *results]
        operations = prune(self.steps, [*self._inputs, *variables], read)
        make = partial(self._scalar.compile, results=read)
        return Recording(self._inputs, self._outputs, operations, make)

    def write_back(self, pairs: Sequence[tuple[Tensor, Tensor]]) -> None:
        """Record that destinations take the values of sources: ``(destination, source)``.

        A source that shares memory with any of the destinations is copied first.

        Raises:
            MixedScalarError: A source belongs to another Scalar than its destination.
        """
        for z, x in pairs:
            if x.scalar != z.scalar:
                raise MixedScalarError(
                    "the Scalars of a parameter or state and of its new value differ:"
                    f" {name_both(z.scalar, x.scalar)}"
                )
        destinations = {memory_of(destination.data) for destination, _ in pairs}
        changed = [(z.data, x.data) for z, x in pairs if x.data is not z.data]
        separate = [
            (z, self.scalar.copy(x) if memory_of(x) in destinations else x) for z, x in changed
        ]
        for destination, source in separate:
            self.scalar.copy_into(source, destination)
