"""Launches of loops over numbers in limbs: by kernels, or by numpy where numbers only move.

A launch that computes returns a number other than 0 if the exponent of a result does not fit; then
the loop is run again, on exact values.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import numpy as np

from numlean_kernels.limbs import fixed_kernels, kernels, layout
from numlean_kernels.limbs.constants import row_limbs
from numlean_kernels.limbs.function_kernels import ARITIES, constants_for, function_kernel
from numlean_kernels.limbs.layout import HEAD, MINUS
from numlean_kernels.loops import gather_scatter as moving
from numlean_kernels.loops.elementwise import broadcast_operand, elementwise
from numlean_kernels.loops.matmul import MATMUL, MATMUL_FMA
from numlean_kernels.loops.reduce import ARGMAX, MAX, SUM_ORDERED, SUM_PAIRWISE
from numlean_kernels.loops.row_sums import SUM_ORDERED_ROWS
from numlean_kernels.protocol import Array, Launch, Loop
from numlean_kernels.targets.parallel.calls import share_calls
from numlean_kernels.targets.parallel.partition import cut
from numlean_kernels.threads import THREADS

_LESS, _EQUAL = 1, 2

_FEWEST_OPERATIONS: Final = 2048
"""The operations from which several threads are faster: one takes about 0.1 µs."""

_FUNCTION_OPERATIONS: Final = 16
"""The operations that one of ``FUNCTIONS`` takes, at least."""


@dataclass(frozen=True)
class LimbLaunches:
    """Makes the launches of one precision.

    Attributes:
        precision: The bits of numbers.
        others: Makes the launches of loops that have no kernel here.
        enclose: Returns a function of ``FUNCTIONS``, by its name, of arrays, by enclosures.
        is_limited: Returns whether functions of long numbers are refused, as ``enclose`` does.
        has_long: Returns whether there may be numbers whose exponents do not fit.
    """

    precision: int
    others: Callable[[Loop], Launch]
    enclose: Callable[..., Array]
    is_limited: Callable[[], bool]
    has_long: Callable[[], bool]

    def __call__(self, loop: Loop) -> Launch:
        """Return the launch of a loop.

        Raises:
            KeyError: There is no routine that the loop uses.
        """
        source = loop.source
        if source in _MOVES:
            return partial(_MOVES[source], self)
        if source in _LOOPS:
            return self._guarded(partial(_LOOPS[source], self), loop)
        name, _, single = source.name.partition(" single")
        if name in _ELEMENTWISE:
            arity, run = _ELEMENTWISE[name]
            whole = elementwise(name, arity)
            if source is whole or (single and source is broadcast_operand(name, int(single))):
                return self._guarded(partial(run, self, name), loop)
        return self.others(loop)

    def _guarded(self, launch: Callable[..., Any], loop: Loop) -> Launch:
        """Return a launch that leaves numbers and results whose exponents do not fit to others."""
        if loop.source.name in FUNCTIONS:
            run: Callable[..., None] = partial(_enclosed, self, loop.source.name)
        else:

            def run(domain: tuple[int, ...], *arrays: Array) -> None:
                self.others(loop)(domain, *arrays)

        def guarded(domain: tuple[int, ...], *arrays: Array) -> None:
            read = arrays[: -loop.outputs] or arrays  # what is written may contain anything
            if (self.has_long() and any(map(_is_long, read))) or launch(domain, *arrays):
                run(domain, *arrays)

        return guarded

    @property
    def limbs(self) -> np.uint64:
        """The limbs of a number."""
        return np.uint64(layout.limbs_of(self.precision))

    @property
    def words(self) -> np.uint64:
        """The words of a number."""
        return self.limbs + np.uint64(HEAD)

    @property
    def work_words(self) -> int:
        """The words of memory that any kernel needs for itself, on lines of its own."""
        limbs = int(self.limbs)
        return max(kernels.work_words(limbs), kernels.function_words(limbs)) + 8

    def work(self) -> Array:
        """Return memory that a kernel needs."""
        return np.empty(kernels.work_words(int(self.limbs)), np.uint64)


def _address(x: Array) -> np.uint64:
    return np.uint64(x.ctypes.data)  # the array interface would describe all fields


def _place(x: Array, words: int) -> np.uint64:
    return np.uint64(x.ctypes.data + 8 * words)


def _cell(s: LimbLaunches, x: Array, index: int) -> np.uint64:
    """Return the address of a number of an array in C order."""
    return _place(x, index * int(s.words))


def _rows(x: Array) -> Array:
    """Return numbers as rows of words, of the same memory."""
    words = x.dtype.itemsize // 8
    rows: Array = x.reshape(-1).view(np.uint64).reshape(-1, words)
    return rows


def _is_long(x: Array) -> bool:
    """Return whether the exponent of one of several numbers does not fit."""
    if x.dtype.kind != "V":
        return False
    return bool((np.abs(x["exponent"]) > layout.MOST_EXPONENT).any())


def _whole(x: Array) -> Array:
    """Return numbers as elements that numpy copies as a whole, of the same memory."""
    return x.view(np.dtype((np.void, x.dtype.itemsize)))


def _step(s: LimbLaunches, x: Array, count: int) -> np.uint64:
    """Return the words from one operand to the next: none if one number is all operands."""
    return np.uint64(0) if x.size == 1 and count != 1 else s.words


def _operand_places(
    s: LimbLaunches, operands: Sequence[Array], count: int, start: int
) -> list[np.uint64]:
    """Return the address of each operand of a cell, and the words to that of the next cell."""
    steps = [_step(s, x, count) for x in operands]
    pairs = zip(operands, steps, strict=True)
    return [word for x, step in pairs for word in (_place(x, start * int(step)), step)]


_NAMES: Final = {"add": fixed_kernels.ADD, "sub": fixed_kernels.SUB, "mul": fixed_kernels.MUL}


def _shared(
    s: LimbLaunches,
    run: Any,
    count: int,
    operations: int,
    arguments: Callable[[int, int, np.uint64], tuple[Any, ...]],
) -> int:
    """Run a kernel over a number of cells, by several threads if it has many operations.

    Args:
        s: The launches.
        run: The kernel.
        count: The cells.
        operations: The operations on numbers in all cells.
        arguments: ``arguments(start, stop, t)`` returns those for some cells; t is the address of
            memory for the kernel.

    Returns:
        Not 0 if the kernel returns another word than 0 for a cell.
    """
    threads = THREADS.count if operations >= _FEWEST_OPERATIONS else 1
    parts = cut(count, threads, (1,)) if threads > 1 else [(0, count)]
    work = np.empty((len(parts), s.work_words), np.uint64)
    calls = [arguments(*part, _address(work[k])) for k, part in enumerate(parts)]
    return int(any(share_calls(run, calls)))


def _arithmetic(
    s: LimbLaunches, name: str, domain: tuple[int, ...], x: Array, y: Array, z: Array
) -> int:
    (count,) = domain

    def arguments(start: int, stop: int, t: np.uint64) -> tuple[Any, ...]:
        places = _operand_places(s, (x, y), count, start)
        cells = np.uint64(stop - start), *places, _cell(s, z, start)
        if name == "div":
            return (*cells, s.limbs, np.uint64(s.precision), t)
        return (np.int64(_NAMES[name]), *cells, np.uint64(s.precision), t)

    run = kernels.divide if name == "div" else fixed_kernels.add_sub_mul(int(s.limbs))
    return _shared(s, run, count, count, arguments)


def _sqrt(s: LimbLaunches, name: str, domain: tuple[int, ...], x: Array, z: Array) -> int:
    def arguments(start: int, stop: int, t: np.uint64) -> tuple[Any, ...]:
        places = _cell(s, x, start), _cell(s, z, start)
        return np.uint64(stop - start), *places, s.limbs, np.uint64(s.precision), t

    return _shared(s, kernels.square_roots, domain[0], domain[0], arguments)


def _fma(
    s: LimbLaunches, name: str, domain: tuple[int, ...], x: Array, y: Array, c: Array, z: Array
) -> int:
    def arguments(start: int, stop: int, t: np.uint64) -> tuple[Any, ...]:
        places = [_cell(s, each, start) for each in (x, y, c, z)]
        return np.uint64(stop - start), *places, s.limbs, np.uint64(s.precision), t

    return _shared(s, kernels.fused, domain[0], domain[0], arguments)


def _signed(header: Array) -> Array:
    """Return the bit of the sign where a number has a sign: where it is finite or infinite."""
    return (((header & layout.KIND) - np.uint64(1)) < np.uint64(2)) * np.uint64(MINUS)


def _sign(s: LimbLaunches, name: str, domain: tuple[int, ...], x: Array, *others: Array) -> int:
    z = _rows(others[-1])
    z[...] = _rows(x)
    header = z[:, 0]
    if name == "neg":
        header ^= _signed(header)
        return 0
    header &= np.uint64(layout.KIND)
    if name == "copy_sign":
        header |= _signed(header) & _rows(others[0])[:, 0]
    return 0


FUNCTIONS: Final = frozenset(ARITIES)
"""The elementary functions that have kernels."""


def _function(s: LimbLaunches, name: str, domain: tuple[int, ...], *arrays: Array) -> int:
    (count,), limbs = domain, int(s.limbs)
    *operands, z = arrays
    if s.is_limited():
        return 1
    run, c, left = function_kernel(name), constants_for(name, limbs), np.empty(count, np.uint8)

    def arguments(start: int, stop: int, t: np.uint64) -> tuple[Any, ...]:
        places = _operand_places(s, operands, count, start)
        constants = _address(c.rows), np.uint64(row_limbs(limbs))
        own = _cell(s, z, start), s.limbs, np.uint64(s.precision), *constants, t
        return np.uint64(stop - start), *places, *own, left[start:stop]

    if _shared(s, run, count, count * _FUNCTION_OPERATIONS, arguments):
        places = left != 0
        z[places] = s.enclose(name, *(np.broadcast_to(x, count)[places] for x in operands))
    return 0


def _enclosed(s: LimbLaunches, name: str, domain: tuple[int, ...], *arrays: Array) -> None:
    *operands, z = arrays
    z[...] = s.enclose(name, *(np.broadcast_to(x, domain) for x in operands))


_EXTREMA: Final = {
    "minimum": kernels.MINIMUM,
    "maximum": kernels.MAXIMUM,
    "min_num": kernels.MIN_NUM,
    "max_num": kernels.MAX_NUM,
}
_RELATIONS: Final = {"compare": 0, "lt": _LESS, "eq": _EQUAL, "le": _LESS | _EQUAL}


def _ordered(
    s: LimbLaunches, name: str, domain: tuple[int, ...], x: Array, y: Array, z: Array
) -> int:
    (count,) = domain
    operands = _address(x), _step(s, x, count), _address(y), _step(s, y, count)
    if name in _RELATIONS:
        of = np.int64(_RELATIONS[name])
        kernels.relations(np.uint64(count), *operands, z.view(np.int8), s.limbs, of)
    else:
        kind = np.int64(_EXTREMA[name])
        kernels.extrema(kind, np.uint64(count), *operands, _address(z), s.limbs)
    return 0


_ELEMENTWISE: Final[dict[str, tuple[int, Callable[..., int]]]] = {
    **dict.fromkeys(("add", "sub", "mul", "div"), (2, _arithmetic)),
    **dict.fromkeys((*_EXTREMA, *_RELATIONS), (2, _ordered)),
    **dict.fromkeys(("neg", "abs"), (1, _sign)),
    "copy_sign": (2, _sign),
    **{name: (arity, _function) for name, arity in ARITIES.items()},
    "sqrt": (1, _sqrt),
    "fma": (3, _fma),
}


def _products(
    s: LimbLaunches, domain: tuple[int, ...], a: Array, b: Array, c: Array, *, is_fused: bool
) -> int:
    (batch, rows, columns), inner = domain, a.shape[2]
    is_single = batch == 1

    def arguments(start: int, stop: int, t: np.uint64) -> tuple[Any, ...]:
        count, height = (1, stop - start) if is_single else (stop - start, rows)
        first_row, first = (start, 0) if is_single else (start * rows, start)
        shape = (np.uint64(extent) for extent in (count, height, inner, columns))
        places = _cell(s, a, first_row * inner), _cell(s, b, first * inner * columns)
        limbs = (s.limbs,) if is_fused else ()
        own = *limbs, np.uint64(s.precision), t
        return *shape, *places, _cell(s, c, first_row * columns), *own

    operations = batch * rows * columns * inner
    run = kernels.fused_products if is_fused else fixed_kernels.products(int(s.limbs))
    return _shared(s, run, rows if is_single else batch, operations, arguments)


def _shape(x: Array) -> tuple[np.uint64, ...]:
    return tuple(np.uint64(extent) for extent in x.shape)


def _sum(s: LimbLaunches, domain: tuple[int, ...], x: Array, z: Array) -> int:
    outer, terms, inner = x.shape

    def arguments(start: int, stop: int, t: np.uint64) -> tuple[Any, ...]:
        shape = (np.uint64(extent) for extent in (stop - start, terms, inner))
        places = _cell(s, x, start * terms * inner), _cell(s, z, start * inner)
        return *shape, *places, s.limbs, np.uint64(s.precision), t

    return _shared(s, kernels.ordered_sums, outer, x.size, arguments)


def _sum_of_rows(s: LimbLaunches, domain: tuple[int, ...], x: Array, z: Array) -> int:
    return _sum(s, domain, x[:, :, np.newaxis], z)


def _pairwise(s: LimbLaunches, domain: tuple[int, ...], work: Array) -> int:
    t = s.work()
    own = s.limbs, np.uint64(s.precision), _address(t)
    copy = work.copy()
    beyond = kernels.pairwise_sums(*_shape(work), _address(copy), *own)
    if not beyond:
        _whole(work)[...] = _whole(copy)
    return int(beyond)


def _scatter_add(
    s: LimbLaunches, domain: tuple[int, ...], x: Array, starts: Array, sources: Array, z: Array
) -> int:
    cells, width = domain[0], domain[1] if len(domain) > 1 else 1
    t = s.work()
    own = s.limbs, np.uint64(s.precision), _address(t)
    extents = np.uint64(cells), np.uint64(width)
    return int(kernels.sums_into_cells(*extents, _address(x), starts, sources, _address(z), *own))


def _argmax(s: LimbLaunches, domain: tuple[int, ...], x: Array, z: Array) -> int:
    kernels.greatest(*_shape(x), _address(x), z, s.limbs)
    return 0


def _max(s: LimbLaunches, domain: tuple[int, ...], x: Array, z: Array) -> int:
    places = np.empty(z.shape, np.int64)
    _argmax(s, domain, x, places)
    _take_along_axis(s, domain, x, places, z)
    return 0


def _take(s: LimbLaunches, domain: tuple[int, ...], x: Array, index: Array, z: Array) -> None:
    if x.size:
        _whole(z)[...] = _whole(x)[np.maximum(index, 0)]
    _rows(z).reshape(*z.shape, -1)[index < 0] = 0


def _where(s: LimbLaunches, domain: tuple[int, ...], condition: Array, x: Array, z: Array) -> None:
    np.multiply(_rows(x), condition.reshape(-1, 1), out=_rows(z))


def _choose(
    s: LimbLaunches, domain: tuple[int, ...], condition: Array, x: Array, y: Array, z: Array
) -> None:
    _rows(z)[...] = np.where(condition.reshape(-1, 1), _rows(x), _rows(y))


def _take_along_axis(
    s: LimbLaunches, domain: tuple[int, ...], x: Array, index: Array, z: Array
) -> None:
    places = np.maximum(index, 0)[:, np.newaxis, :]
    _whole(z)[...] = np.take_along_axis(_whole(x), places, axis=1)[:, 0, :]
    _rows(z).reshape(*z.shape, -1)[index < 0] = 0


def _scatter_along_axis(
    s: LimbLaunches, domain: tuple[int, ...], x: Array, index: Array, z: Array
) -> None:
    _rows(z)[...] = 0
    outer, inner = np.nonzero((index >= 0) & (index < z.shape[1]))
    _whole(z)[outer, index[outer, inner], inner] = _whole(x)[outer, inner]


_LOOPS: Final[dict[Loop, Callable[..., int]]] = {
    MATMUL: partial(_products, is_fused=False),
    MATMUL_FMA: partial(_products, is_fused=True),
    SUM_ORDERED: _sum,
    SUM_ORDERED_ROWS: _sum_of_rows,
    SUM_PAIRWISE: _pairwise,
    MAX: _max,
    ARGMAX: _argmax,
    moving.SCATTER_ADD: _scatter_add,
    moving.SCATTER_ADD_ROWS: _scatter_add,
}
_MOVES: Final[dict[Loop, Callable[..., None]]] = {
    moving.TAKE: _take,
    moving.TAKE_ROWS: _take,
    moving.WHERE: _where,
    moving.CHOOSE: _choose,
    moving.TAKE_ALONG_AXIS: _take_along_axis,
    moving.SCATTER_ALONG_AXIS: _scatter_along_axis,
}
