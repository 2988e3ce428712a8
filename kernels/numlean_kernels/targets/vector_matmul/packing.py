"""Panels: operands of tiles, copied so that a tile reads them from its first to its last byte.

A panel has some rows of a, or columns of b, of all terms of a block, term by term. Here both are
*lines*. A panel with fewer lines repeats the last one.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Final

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from numlean_kernels.targets.vector_matmul.emission import (
    WORD,
    advance,
    call,
    first_lanes,
    load,
    loop,
    prefetch,
    spread,
    store,
)
from numlean_kernels.targets.vector_matmul.lanes import LaneArithmetic

_FOUR: Final = 4
"""The terms that are transposed together."""

_VOID: Final = ir.VoidType()


@cache
def make_pack(arithmetic: LaneArithmetic, width: int) -> Any:
    """Return ``pack(x, x_line, x_term, lines, terms, panel)``.

    It writes a panel of ``width`` lines, of which ``lines`` exist. x and panel are addresses,
    x_line and x_term distances in bytes, of which one is the size of a lane.
    """
    real, size = arithmetic.llvm_type, arithmetic.dtype.itemsize

    def emit(builder: Any, arguments: list[Any]) -> None:
        x, x_line, x_term, lines, terms, panel = arguments
        together = builder.icmp_signed("==", x_line, WORD(size))
        with builder.if_else(together) as (copies, transposes):
            with copies:
                _emit_copies(builder, real, size, width, (x, x_term, lines, terms, panel))
            with transposes:
                _emit_transposes(builder, real, size, width, (x, x_line, lines, terms, panel))
        builder.ret_void()

    name = f"numlean_pack_{width}_{arithmetic.dtype.name}"

    @intrinsic  # type: ignore[untyped-decorator]
    def pack(
        typing_context: Any, x: Any, x_line: Any, x_term: Any, lines: Any, terms: Any, panel: Any
    ) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            call(builder, name, _VOID, arguments, emit)
            return context.get_dummy_value()

        return types.void(*[types.int64] * 6), generate

    return pack


@cache
def make_pack_panels(arithmetic: LaneArithmetic, width: int, panels: int) -> Any:
    """Return ``pack_panels(x, x_term, terms, place)``.

    It writes adjacent whole panels, one after the other, of lines that are next to each other: a
    term of one panel alone would be a single line of the cache in a page of its own.
    """
    size, real = arithmetic.dtype.itemsize, ir.VectorType(arithmetic.llvm_type, width)
    name = f"numlean_pack_{panels}x{width}_{arithmetic.dtype.name}"
    step = WORD(width * size)

    def emit(builder: Any, arguments: list[Any]) -> None:
        x, x_term, terms, place = arguments
        distance = builder.mul(terms, step)
        places = [builder.add(place, builder.mul(distance, WORD(n))) for n in range(panels)]

        def one_term(state: list[Any]) -> list[Any]:
            source, *targets = state
            for n, target in enumerate(targets):
                start = advance(builder, source, WORD(n * width * size))
                store(builder, load(builder, real, start, size), target, size)
                # What the next panels copy, while these are multiplied.
                following = WORD((panels + n) * width * size)
                prefetch(builder, advance(builder, source, following), cache_level=2)
            return [advance(builder, source, x_term), *(builder.add(p, step) for p in targets)]

        loop(builder, [x, *places], terms, one_term)
        builder.ret_void()

    @intrinsic  # type: ignore[untyped-decorator]
    def pack_panels(typing_context: Any, x: Any, x_term: Any, terms: Any, place: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            call(builder, name, _VOID, arguments, emit)
            return context.get_dummy_value()

        return types.void(*[types.int64] * 4), generate

    return pack_panels


def _emit_copies(builder: Any, real: Any, size: int, width: int, arguments: Any) -> None:
    """Emit a loop over terms, each with its lines next to each other."""
    x, x_term, lines, terms, panel = arguments
    step, last = WORD(width * size), builder.mul(builder.sub(lines, WORD(1)), WORD(size))

    def copy(masks: Any) -> None:
        def one_term(state: list[Any]) -> list[Any]:
            source, target = state
            number = load(builder, real, advance(builder, source, last), size)
            for start, count in _pieces(width):
                piece, offset = ir.VectorType(real, count), WORD(start * size)
                mask = None if masks is None else masks[start]
                others = None if masks is None else spread(builder, number, piece)
                place = advance(builder, source, offset)
                numbers = load(builder, piece, place, size, mask, others)
                store(builder, numbers, advance(builder, target, offset), size)
            # What the next panel copies, while this one is multiplied.
            prefetch(builder, advance(builder, source, step), cache_level=2)
            return [advance(builder, source, x_term), advance(builder, target, step)]

        loop(builder, [x, panel], terms, one_term)

    is_whole = builder.icmp_signed("==", lines, WORD(width))
    with builder.if_else(is_whole) as (whole, edge):
        with whole:
            copy(None)
        with edge:
            copy({n: first_lanes(builder, count, lines, n) for n, count in _pieces(width)})


def _pieces(width: int) -> list[tuple[int, int]]:
    """Return the starts and lengths of parts, each a power of two."""
    pieces, start = [], 0
    while start < width:
        count = 1 << ((width - start).bit_length() - 1)
        pieces.append((start, count))
        start += count
    return pieces


def _emit_transposes(builder: Any, real: Any, size: int, width: int, arguments: Any) -> None:
    """Emit a loop over groups of lines, each with its terms next to each other."""
    x, x_line, lines, terms, panel = arguments
    together = next(count for count in (4, 2, 1) if width % count == 0)
    last = builder.sub(lines, WORD(1))

    def emit(builder: Any, arguments: list[Any]) -> None:
        _emit_group(builder, real, size, (together, width), arguments)

    def one_group(state: list[Any]) -> list[Any]:
        line, target = state
        given = [x, x_line, line, last, terms, target]
        call(builder, f"numlean_transpose_{width}_{real}", _VOID, given, emit)
        return [
            builder.add(line, WORD(together)),
            builder.add(target, WORD(together * size)),
        ]

    loop(builder, [WORD(0), panel], WORD(width // together), one_group)


def _emit_group(
    builder: Any, real: Any, size: int, shape: tuple[int, int], arguments: list[Any]
) -> None:
    """Emit the transposition of some lines of a panel; lines after the last one repeat it."""
    x, x_line, line, last, terms, panel = arguments
    together, width = shape
    step = width * size
    sources = []
    for n in range(together):
        place = builder.add(line, WORD(n))
        place = builder.select(builder.icmp_signed("<", place, last), place, last)
        sources.append(builder.add(x, builder.mul(place, x_line)))
    below = builder.mul(x_line, WORD(width))

    def some_terms(count: int) -> Any:
        row = ir.VectorType(real, count)

        def advance_by_terms(state: list[Any]) -> list[Any]:
            *sources, target = state
            lines = [load(builder, row, source, size) for source in sources]
            for source in sources:
                # What the next panel copies, while this one is multiplied.
                prefetch(builder, advance(builder, source, below), cache_level=2)
            for k, column in enumerate(_columns(builder, lines, count)):
                store(builder, column, advance(builder, target, WORD(k * step)), size)
            following = [advance(builder, p, WORD(count * size)) for p in sources]
            return [*following, advance(builder, target, WORD(count * step))]

        return advance_by_terms

    passes, left = (f(terms, WORD(_FOUR)) for f in (builder.sdiv, builder.srem))
    state = loop(builder, [*sources, panel], passes, some_terms(_FOUR))
    loop(builder, state, left, some_terms(1))
    builder.ret_void()


def _columns(builder: Any, lines: list[Any], count: int) -> list[Any]:
    """Return the columns of a matrix of one, two or four lines of ``count`` numbers."""

    def shuffle(a: Any, b: Any, *places: int) -> Any:
        kind = ir.VectorType(ir.IntType(32), len(places))
        return builder.shuffle_vector(a, b, ir.Constant(kind, list(places)))

    if len(lines) == 1:
        return [shuffle(lines[0], lines[0], k) for k in range(count)]
    if len(lines) == 2:
        return [shuffle(*lines, k, count + k) for k in range(count)]
    if count == 1:
        upper, lower = (shuffle(a, b, 0, 1) for a, b in (lines[:2], lines[2:]))
        return [shuffle(upper, lower, 0, 1, 2, 3)]
    columns = []
    for half in (0, 2):
        upper, lower = (
            shuffle(a, b, half, 4 + half, half + 1, 5 + half) for a, b in (lines[:2], lines[2:])
        )
        columns += [shuffle(upper, lower, 0, 1, 4, 5), shuffle(upper, lower, 2, 3, 6, 7)]
    return columns
