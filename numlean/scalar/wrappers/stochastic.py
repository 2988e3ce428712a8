"""A Scalar whose operations round up or down at random, in proportion to the distance.

The random bits are a function of the seed, the step, the index of the operation within the step and
the element's place in the result, so they are the same on every device and for any number of
threads.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final, final

import numpy as np
from numpy.typing import ArrayLike

from numlean.errors import NumleanError
from numlean.scalar import shapes
from numlean.scalar.conversion import Conversion
from numlean.scalar.flags import Flags
from numlean.scalar.kernel_scalar import KernelScalar, casts, drawn_results
from numlean.scalar.kernel_scalar.elementwise import count
from numlean.scalar.kernel_scalar.exact_products import random_product
from numlean.scalar.kernel_scalar.product_operands import numbers_or_none
from numlean.scalar.kernel_scalar.random_words import random_words
from numlean.scalar.noise import NoiseStream
from numlean.scalar.operations import Kind, operations
from numlean.scalar.protocol import Indices, Numbers, Scalar, Storage
from numlean.scalar.real_numbers import integers
from numlean.scalar.registry import get_scalar
from numlean.scalar.wrappers.composed import COMPOSED
from numlean.scalar.wrappers.wrapper import WrappedScalar
from numlean_kernels.loops.elementwise import elementwise
from numlean_kernels.loops.gather_scatter import SCATTER_ADD_STOCHASTIC
from numlean_kernels.protocol import ProgramStep, kernel_for

_ROUNDED: Final = operations(kind=Kind.ARITHMETIC)


@final
class StochasticScalar(WrappedScalar):
    """Stochastic rounding of add, sub, mul, div, sqrt, fma, scaleb, casts and exact products.

    ``from_float`` draws too, if one of the numbers has to be rounded.

    A result between two neighbours goes to the upper one with the probability of its distance from
    the lower, in units of 2**(p-63) of their distance, p being the format's precision: 2**-39 for
    binary32, 2**-10 for binary64. Matrix products and sums round every term so. Everything
    else is the inner Scalar's: elementary functions, ``from_int``, ``from_exact``, ``from_string``.

    Attributes:
        inner: The Scalar of the same format that rounds to nearest.
        rounded: The operations that take a word of random bits after their operands. Its rounding
            is ``stochastic`` or ``stochastic_a:N``.
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
        if operation == "from_float":
            return self._from_float(*operands, **options)
        if operation == "exact_product":
            return self._exact_product(*operands, **options)
        if operation == "scatter_add":
            return self._scatter_add(*operands)
        if operation in COMPOSED:
            z = self._in_one_kernel(operation, *operands, **options)
            return COMPOSED[operation](self, *operands, **options) if z is None else z
        return call(*operands, **options)

    def _in_one_kernel(self, operation: str, *operands: Any, **options: Any) -> Storage | None:
        """Return a product or a sum by a kernel that draws; None to compose it of operations."""
        if not self.has_fast_kernels:
            return None
        return drawn_results.of_operation(
            self.rounded, self.stream, operation, *operands, **options
        )

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

    @property
    def has_fast_kernels(self) -> bool:
        """Whether its rounded operations are computed in hardware floats, where they can be."""
        return self.rounded.table.same_bits_as is not None

    def __reduce__(self) -> tuple[Any, ...]:
        found = self._name, self.device, self.has_fast_kernels
        return restore_stochastic, (*found, vars(self.stream).copy())

    def __copy__(self) -> StochasticScalar:
        return StochasticScalar(self._name, self.inner, self.rounded, self.stream)

    def with_reset_stream(self) -> StochasticScalar:
        """Return the same arithmetic at the start of its stream."""
        return StochasticScalar(self._name, self.inner, self.rounded, self._fresh_stream())

    def _fresh_stream(self) -> NoiseStream:
        return NoiseStream(self.stream.seed, belongs_to_run=True)

    def with_recorder(self, operations: list[ProgramStep]) -> StochasticScalar:
        """Return the same arithmetic with a recorder. It draws from the same stream."""
        rounded = self.rounded.with_recorder(operations)
        nearest = replace(self.inner, target=rounded.target)
        return StochasticScalar(self._name, nearest, rounded, self.stream)

    def start_step(self, step: int) -> None:
        """Move to a step's random bits."""
        self.stream.start_step(step)

    def _scaleb(self, x: Storage, n: ArrayLike, *, flags: Flags | None = None) -> Storage:
        powers = integers(n, "scaleb")
        operands = shapes.broadcast("scaleb", (*self.rounded.fit_operands("scaleb", (x,)), powers))
        return self._draw("scaleb", tuple(map(self.rounded.copy, operands)), flags)

    def _from_float(
        self, values: ArrayLike, *, rounding: str | None = None, overflow: str | None = None
    ) -> Storage:
        conversion = self._conversion(rounding, overflow, None)
        if conversion.is_random:
            return casts.enter_values(self.rounded, values, conversion, self.stream)
        return self.inner.from_float(values, rounding=conversion.rounding, overflow=overflow)

    def _cast_from(
        self,
        source: Scalar,
        x: Storage,
        *,
        rounding: str | None = None,
        overflow: str | None = None,
        seed: int | None = None,
        flags: Flags | None = None,
    ) -> Storage:
        conversion = self._conversion(rounding, overflow, seed)
        if not conversion.is_random:
            options = conversion.options()
            return self.inner.cast_from(source, x, **options, flags=flags)
        own, is_flagged = self.rounded, flags is not None
        z, raised = casts.convert(own, source, x, conversion, self.stream, flagged=is_flagged)
        if flags is not None:
            flags.count(count(own, raised.reshape(-1)))
        return z

    def cast_flagged(
        self,
        source: Scalar,
        x: Storage,
        *,
        rounding: str | None = None,
        overflow: str | None = None,
        seed: int | None = None,
    ) -> tuple[Storage, np.ndarray[Any, np.dtype[np.uint8]]]:
        """Return numbers as ``cast_from`` does and the flags of each, as bits of an integer."""
        conversion = self._conversion(rounding, overflow, seed)
        return casts.convert(self.rounded, source, x, conversion, self.stream, flagged=True)

    def _conversion(
        self, rounding: str | None, overflow: str | None, seed: int | None
    ) -> Conversion:
        own = self.rounded.rounding if rounding is None else rounding
        return Conversion.of(own, overflow, seed)

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
        if flags is None and self.rounded.target.computes_rows:
            return drawn_results.elementwise(self.rounded, self.stream, name, operands)
        random_bits = self.random_bits(operands[0].shape)
        loop = elementwise(name, len(operands) + 1)
        return self.rounded.run(loop, (*operands, random_bits), flags=flags)

    def random_bits(self, shape: tuple[int, ...]) -> np.ndarray[Any, np.dtype[np.uint64]]:
        """Return a word of random bits for each element of an operation's result."""
        return random_words(self.rounded.target, self.stream, shape)


def restore_stochastic(
    name: str, device: str, fast_kernels: bool, stream: dict[str, Any]
) -> StochasticScalar:
    """Return the Scalar that ``pickle`` kept by its name, at the position of its stream.

    Raises:
        NumleanError: The name is that of another Scalar.
    """
    usual = get_scalar(name, device, fast_kernels=fast_kernels)
    if not isinstance(usual, StochasticScalar):
        raise NumleanError(f"{name} does not round at random")
    return StochasticScalar(name, usual.inner, usual.rounded, NoiseStream(**stream))
