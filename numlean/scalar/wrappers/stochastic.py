"""A Scalar whose operations round up or down at random, in proportion to the distance.

The random bits are a function of the seed, the step, the index of the operation within the step and
the element's place in the result, so they are the same on every device and for any number of
threads.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final, final

import numpy as np
from numpy.typing import ArrayLike

from numlean.errors import NumleanError, UnavailableError
from numlean.scalar import shapes
from numlean.scalar.flags import Flags
from numlean.scalar.kernel_scalar import KernelScalar
from numlean.scalar.kernel_scalar.elementwise import count
from numlean.scalar.kernel_scalar.exact_products import random_product
from numlean.scalar.kernel_scalar.product_operands import numbers_or_none
from numlean.scalar.operations import Kind, operations
from numlean.scalar.protocol import Indices, Numbers, Scalar, Storage
from numlean.scalar.real_numbers import integers
from numlean.scalar.registry import get_scalar
from numlean.scalar.wrappers.composed import COMPOSED
from numlean.scalar.wrappers.wrapper import WrappedScalar
from numlean_kernels.ieee.convert import cast_name
from numlean_kernels.loops.elementwise import elementwise, filled
from numlean_kernels.loops.gather_scatter import SCATTER_ADD_STOCHASTIC
from numlean_kernels.protocol import ProgramStep, kernel_for
from numlean_kernels.tables.philox import philox_table

_MOST_STEPS: Final = 1 << 32
_MOST_OPERATIONS: Final = 1 << 32


@dataclass
class NoiseStream:
    """The position of a run in a stream of random bits.

    Attributes:
        seed: Selects the stream.
        step: The step of the run.
        operation: The number of operations of the step that have drawn from it.
    """

    seed: int
    step: int = 0
    operation: int = 0

    def key_of(self, operation: int) -> np.ndarray[Any, np.dtype[np.uint64]]:
        """Return the key of an operation's bits and the upper half of their counter.

        The next operation to draw is the one after it.
        """
        if operation >= _MOST_OPERATIONS:
            raise NumleanError(f"step {self.step} has more than {_MOST_OPERATIONS} operations")
        self.operation = operation + 1
        return np.array([self.seed, self.step << 32 | operation], dtype=np.uint64)


_ROUNDED: Final = operations(kind=Kind.ARITHMETIC)


@final
class StochasticScalar(WrappedScalar):
    """Stochastic rounding of add, sub, mul, div, sqrt, fma, scaleb, casts and exact products.

    A result between two neighbours goes to the upper one with the probability of its distance from
    the lower, in units of 2**(p-63) of their distance, p being the format's precision: 2**-39 for
    binary32, 2**-10 for binary64. Matrix products and sums round every term so. Everything
    else, conversions and elementary functions included, is the inner Scalar's.

    Attributes:
        inner: The Scalar of the same format that rounds to nearest.
        rounded: The operations that take a word of random bits after their operands.
        stream: The source of random bits.
    """

    inner: KernelScalar
    is_replayable = True

    def __init__(
        self, name: str, nearest: KernelScalar, rounded: KernelScalar, stream: NoiseStream
    ) -> None:
        super().__init__(nearest)
        self.rounded = rounded
        self.stream = stream
        self._name = name

    def around(
        self,
        operation: str,
        call: Callable[..., Any],
        operands: tuple[Any, ...],
        options: dict[str, Any],
    ) -> Any:
        """Round an operation at random, or leave it to the inner Scalar."""
        if operation in _ROUNDED:
            fitted = self.rounded.fit_operands(operation, operands)
            return self._draw(operation, fitted, options.get("flags"))
        if operation == "scaleb":
            return self._scaleb(*operands, **options)
        if operation == "cast_from":
            return self._cast_from(*operands, **options)
        if operation == "exact_product":
            return self._exact_product(*operands, **options)
        if operation == "scatter_add":
            return self._scatter_add(*operands)
        if operation in COMPOSED:
            return COMPOSED[operation](self, *operands, **options)
        return call(*operands, **options)

    @property
    def name(self) -> str:
        """The name under which users ask for it."""
        return self._name

    @property
    def rounding(self) -> str:
        """Stochastic."""
        return "stochastic"

    @property
    def is_deterministic(self) -> bool:
        """Return False: results depend on random bits."""
        return False

    @property
    def reference_dtype(self) -> str:
        """Return its own name."""
        return self._name

    def describe(self) -> str:
        """Return one line for people."""
        seed = f"stochastic with seed {self.stream.seed}"
        return f"{self.name}: {self.inner.summary}, {seed}, on {self.device}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, StochasticScalar) and self._computes == other._computes

    def __hash__(self) -> int:
        return hash(self._computes)

    @property
    def _computes(self) -> tuple[KernelScalar, KernelScalar, int]:
        """Return everything that determines the bits and the device. The name is not part of it."""
        return self.inner, self.rounded, self.stream.seed

    def __reduce__(self) -> tuple[Any, ...]:
        return restore_stochastic, (self._name, self.device, vars(self.stream).copy())

    def __copy__(self) -> StochasticScalar:
        return StochasticScalar(self._name, self.inner, self.rounded, self.stream)

    def with_reset_stream(self) -> StochasticScalar:
        """Return the same arithmetic at the start of its stream."""
        return StochasticScalar(self._name, self.inner, self.rounded, NoiseStream(self.stream.seed))

    def with_recorder(self, operations: list[ProgramStep]) -> StochasticScalar:
        """Return the same arithmetic with a recorder. It draws from the same stream."""
        rounded = self.rounded.with_recorder(operations)
        nearest = replace(self.inner, target=rounded.target)
        return StochasticScalar(self._name, nearest, rounded, self.stream)

    def start_step(self, step: int) -> None:
        """Move to a step's random bits."""
        if not 0 <= step < _MOST_STEPS:
            raise NumleanError(
                f"stochastic rounding has random bits for steps 0 to {_MOST_STEPS - 1}, got {step}"
            )
        self.stream.step, self.stream.operation = step, 0

    def _scaleb(self, x: Storage, n: ArrayLike, *, flags: Flags | None = None) -> Storage:
        powers = integers(n, "scaleb")
        operands = shapes.broadcast("scaleb", (*self.rounded.fit_operands("scaleb", (x,)), powers))
        return self._draw("scaleb", tuple(map(self.rounded.copy, operands)), flags)

    def _cast_from(self, source: Scalar, x: Storage, *, flags: Flags | None = None) -> Storage:
        encodings = self.rounded.encodings_of(source, x)
        if encodings is None or source.format is None:
            raise UnavailableError(
                f"{self.name} rounds only encodings at random, and {source.name} has none: cast its"
                " numbers to float64 first"
            )
        return self._draw(cast_name(source.format), (encodings,), flags)

    def _exact_product(
        self,
        left: Scalar,
        a: Storage,
        right: Scalar,
        b: Storage,
        *further: Any,
        flags: Flags | None = None,
    ) -> Storage:
        c = numbers_or_none("exact_product", *further) if further else None
        operands = Numbers(left, a), Numbers(right, b), c
        z, raised = random_product(self.rounded, *operands, draw=self.random_bits)
        if flags is not None:
            flags.count(count(self.rounded, raised))
        return z

    def _scatter_add(self, x: Storage, index: Indices, shape: tuple[int, ...]) -> Storage:
        count, width = shapes.cells(x, index, shape)
        starts, sources = self.rounded.group_by_cell(index, count)
        x = self.rounded.fit_operands("scatter_add", (x,))[0].reshape(index.size, width)
        target, random_bits = self.rounded.target, self.random_bits(x.shape)
        z = target.empty((count, width), self.storage_dtype)
        add = kernel_for(target, SCATTER_ADD_STOCHASTIC, self.rounded.table)
        add(z.shape, x, starts, sources, random_bits, z)
        return z.reshape(shape)

    def _draw(self, name: str, operands: tuple[Storage, ...], flags: Flags | None) -> Storage:
        """Run an operation with a word of random bits for each element."""
        random_bits = self.random_bits(operands[0].shape)
        loop = elementwise(name, len(operands) + 1)
        return self.rounded.run(loop, (*operands, random_bits), flags=flags)

    def random_bits(self, shape: tuple[int, ...]) -> np.ndarray[Any, np.dtype[np.uint64]]:
        """Return a word of random bits for each element of an operation's result."""
        target = self.rounded.target
        random_bits = target.empty(shape, np.uint64)
        draw = kernel_for(target, filled("philox"), philox_table(target))
        operation = self.stream.operation
        key = target.empty_host_visible(2, np.uint64)
        np.copyto(key, self.stream.key_of(operation))
        target.on_replay(lambda: np.copyto(key, self.stream.key_of(operation)), written=key)
        draw((random_bits.size,), key, random_bits.reshape(-1))
        return random_bits


def restore_stochastic(name: str, device: str, stream: dict[str, int]) -> StochasticScalar:
    """Return the Scalar that ``pickle`` kept by its name, at the position of its stream.

    Raises:
        NumleanError: The name is that of another Scalar.
    """
    usual = get_scalar(name, device)
    if not isinstance(usual, StochasticScalar):
        raise NumleanError(f"{name} does not round at random")
    return StochasticScalar(name, usual.inner, usual.rounded, NoiseStream(**stream))
