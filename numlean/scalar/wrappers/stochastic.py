"""A Scalar whose operations round up or down at random, in proportion to the distance.

The random bits are a function of a seed, a step, which operation of the step asks for them, and the
element's place in its result, so they are the same on every device and for any number of threads.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Final, final

import numpy as np
from numpy.typing import ArrayLike

from numlean.errors import NumleanError
from numlean.scalar import checks, shapes
from numlean.scalar.flags import Flags
from numlean.scalar.kernel_scalar import KernelScalar
from numlean.scalar.protocol import Axis, Contraction, Indices, Order, Storage
from numlean.scalar.wrappers import composed
from numlean_kernels.loops.elementwise import elementwise, filled
from numlean_kernels.loops.gather_scatter import SCATTER_ADD_STOCHASTIC
from numlean_kernels.protocol import ProgramStep, kernel_for
from numlean_kernels.tables.philox import philox_table

_MOST_STEPS: Final = 1 << 32
_MOST_OPERATIONS: Final = 1 << 32


@dataclass
class NoiseStream:
    """Where in the stream of random bits a run is.

    Attributes:
        seed: Names the stream.
        step: The step of the run.
        operation: How many operations of the step have drawn from it.
    """

    seed: int
    step: int = 0
    operation: int = 0

    def key_of(self, operation: int) -> np.ndarray[Any, np.dtype[np.uint64]]:
        """The key of an operation's bits, and the upper half of their counter.

        What draws next is the operation after it.
        """
        if operation >= _MOST_OPERATIONS:
            raise NumleanError(f"step {self.step} has more than {_MOST_OPERATIONS} operations")
        self.operation = operation + 1
        return np.array([self.seed, self.step << 32 | operation], dtype=np.uint64)


@final
@dataclass(frozen=True, eq=False)
class StochasticScalar:
    """Stochastic rounding of add, sub, mul, div, sqrt, fma and scale_b; see :mod:`.scalar`.

    A result between two neighbours goes to the upper one with the probability of its distance from
    the lower, in units of 2**(p-63) of their distance, p being the format's precision: 2**-39 for
    binary32, 2**-10 for binary64. Matrix products and sums round every term so. Everything
    else, conversions and elementary functions among it, is the nearest Scalar's.

    Attributes:
        name: The name under which users ask for it.
        nearest: The Scalar of the same format that rounds to nearest.
        rounded: The operations that take a word of random bits after their operands.
        stream: Where the bits come from.
    """

    name: str
    nearest: KernelScalar
    rounded: KernelScalar
    stream: NoiseStream = field(repr=False)

    rounding = "stochastic"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, StochasticScalar) and self._computes == other._computes

    def __hash__(self) -> int:
        return hash(self._computes)

    @property
    def _computes(self) -> tuple[KernelScalar, KernelScalar, int]:
        """Return what decides the bits and where they are computed. The name does not."""
        return self.nearest, self.rounded, self.stream.seed

    def __getattr__(self, name: str) -> Any:
        return getattr(self.nearest, name)

    def describe(self) -> str:
        """One line for people."""
        seed = f"stochastic with seed {self.stream.seed}"
        return f"{self.name}: {self.nearest.summary}, {seed}, on {self.nearest.device}"

    def with_reset_stream(self) -> StochasticScalar:
        """The same arithmetic at the start of its stream."""
        return replace(self, stream=NoiseStream(self.stream.seed))

    def with_recorder(self, operations: list[ProgramStep]) -> StochasticScalar:
        """The same arithmetic, drawing from the same stream, whose operations are also recorded."""
        rounded = self.rounded.with_recorder(operations)
        return replace(self, nearest=replace(self.nearest, target=rounded.target), rounded=rounded)

    def start_step(self, step: int) -> None:
        """Take random bits from what the stream has for a step."""
        if not 0 <= step < _MOST_STEPS:
            raise NumleanError(f"stochastic rounding knows steps 0 to {_MOST_STEPS - 1}: {step}")
        self.stream.step, self.stream.operation = step, 0

    def add(self, x: Storage, y: Storage, *, flags: Flags | None = None) -> Storage:
        """The sums."""
        return self._rounded("add", x, y, flags=flags)

    def sub(self, x: Storage, y: Storage, *, flags: Flags | None = None) -> Storage:
        """The differences."""
        return self._rounded("sub", x, y, flags=flags)

    def mul(self, x: Storage, y: Storage, *, flags: Flags | None = None) -> Storage:
        """The products."""
        return self._rounded("mul", x, y, flags=flags)

    def div(self, x: Storage, y: Storage, *, flags: Flags | None = None) -> Storage:
        """The quotients."""
        return self._rounded("div", x, y, flags=flags)

    def sqrt(self, x: Storage, *, flags: Flags | None = None) -> Storage:
        """The square roots."""
        return self._rounded("sqrt", x, flags=flags)

    def fma(self, x: Storage, y: Storage, z: Storage, *, flags: Flags | None = None) -> Storage:
        """Each x * y + z, rounded once."""
        return self._rounded("fma", x, y, z, flags=flags)

    def scaleb(self, x: Storage, n: ArrayLike, *, flags: Flags | None = None) -> Storage:
        """Each x * 2**n, rounded once."""
        powers = checks.as_dtype(n, np.int64, "scaleb")
        operands = shapes.broadcast("scaleb", (*self.rounded.fitted("scaleb", (x,)), powers))
        return self._drawn("scaleb", tuple(map(self.rounded.copy, operands)), flags)

    def matmul(self, a: Storage, b: Storage, *, contraction: Contraction = "separate") -> Storage:
        """The product of two matrices, term by term."""
        return composed.matmul(self, a, b, contraction)

    def bmm(self, a: Storage, b: Storage, *, contraction: Contraction = "separate") -> Storage:
        """The products of matrices in batches, term by term."""
        return composed.bmm(self, a, b, contraction)

    def sum(
        self, x: Storage, axis: Axis = None, *, keepdims: bool = False, reduction: Order = "ordered"
    ) -> Storage:
        """The sums along axes, term by term."""
        return composed.sum_axes(self, x, axis, keepdims, reduction)

    def scatter_add(self, x: Storage, index: Indices, shape: tuple[int, ...]) -> Storage:
        """An array into whose cells elements are added, each with random bits of its own."""
        count, width = shapes.cells(x, index, shape)
        starts, sources = self.rounded.grouped(index, count)
        x = self.rounded.fitted("scatter_add", (x,))[0].reshape(index.size, width)
        target, random_bits = self.rounded.target, self._noise(x.shape)
        z = target.empty((count, width), self.storage_dtype)
        add = kernel_for(target, SCATTER_ADD_STOCHASTIC, self.rounded.table)
        add(z.shape, x, random_bits, starts, sources, z)
        return z.reshape(shape)

    def _rounded(self, name: str, *operands: Storage, flags: Flags | None) -> Storage:
        return self._drawn(name, self.rounded.fitted(name, operands), flags)

    def _drawn(self, name: str, operands: tuple[Storage, ...], flags: Flags | None) -> Storage:
        loop, random_bits = elementwise(name, len(operands) + 1), self._noise(operands[0].shape)
        return self.rounded.run(loop, (*operands, random_bits), flags=flags)

    def _noise(self, shape: tuple[int, ...]) -> np.ndarray[Any, np.dtype[np.uint64]]:
        """A word of random bits for each element of an operation's result."""
        target = self.rounded.target
        random_bits = target.empty(shape, np.uint64)
        draw = kernel_for(target, filled("philox"), philox_table(target))
        operation = self.stream.operation
        key = target.empty_host_visible(2, np.uint64)
        np.copyto(key, self.stream.key_of(operation))
        target.on_replay(lambda: np.copyto(key, self.stream.key_of(operation)), written=key)
        draw((random_bits.size,), key, random_bits.reshape(-1))
        return random_bits
