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

from numlean_kernels.targets.inlined import InlinedRoutine
from numlean_kernels.targets.vector_matmul.emission import (
    WORD,
    advance,
    load,
    loop,
    prefetch,
    store,
)
from numlean_kernels.targets.vector_matmul.lanes import LaneArithmetic

_FOUR: Final = 4
"""The terms that are transposed together."""


def make_pack(arithmetic: LaneArithmetic, width: int, *, by_line: bool) -> Any:
    """Return ``pack(x, line, line_stop, k, k_stop, panels, place)``.

    It writes a panel of ``width`` lines of a matrix, from ``line`` on, to panels[place:].

    Args:
        arithmetic: The lanes.
        width: The lines of a panel.
        by_line: Whether x has the terms of a line next to each other, else the lines of a term.
    """
    if arithmetic.enter is not None:
        return _make_pack_entering(arithmetic.enter, width, by_line)
    return _make_transpose(arithmetic, width) if by_line else _make_copy(arithmetic, width)


def _make_pack_entering(enter: Any, width: int, by_line: bool) -> Any:
    def pack(
        x: Any, line: Any, line_stop: Any, k: Any, k_stop: Any, panels: Any, place: Any
    ) -> None:
        end = min(line + width, line_stop)
        for term in range(k, k_stop):
            start = place + (term - k) * width
            for n in range(end - line):
                panels[start + n] = enter(x[line + n, term] if by_line else x[term, line + n])
            for n in range(end - line, width):
                panels[start + n] = panels[start + end - line - 1]

    return InlinedRoutine(pack)


def _make_copy(arithmetic: LaneArithmetic, width: int) -> Any:
    copy, dtype = _copy(arithmetic, width), arithmetic.dtype.type

    def pack(
        x: Any, line: Any, line_stop: Any, k: Any, k_stop: Any, panels: Any, place: Any
    ) -> None:
        if line + width <= line_stop:
            source = x.ctypes.data + k * x.strides[0] + line * x.itemsize
            target = panels.ctypes.data + place * x.itemsize
            copy(source, x.strides[0], k_stop - k, target)
        else:
            numbers = x.view(dtype)
            for term in range(k, k_stop):
                start = place + (term - k) * width
                for n in range(width):
                    panels[start + n] = numbers[term, min(line + n, line_stop - 1)]

    return InlinedRoutine(pack)


def _make_transpose(arithmetic: LaneArithmetic, width: int) -> Any:
    together = next(count for count in (4, 2, 1) if width % count == 0)
    transpose = _transpose(arithmetic, width, together)

    def pack(
        x: Any, line: Any, line_stop: Any, k: Any, k_stop: Any, panels: Any, place: Any
    ) -> None:
        source = x.ctypes.data + k * x.itemsize
        target = panels.ctypes.data + place * x.itemsize
        for n in range(0, width, together):
            transpose(
                source,
                x.strides[0],
                line + n,
                line_stop - 1,
                k_stop - k,
                target + n * x.itemsize,
            )

    return InlinedRoutine(pack)


@cache
def _copy(arithmetic: LaneArithmetic, width: int) -> Any:
    """Return ``copy(x, x_term, terms, panel)``: ``width`` numbers in a row for each term."""
    size = arithmetic.dtype.itemsize
    vector = ir.VectorType(arithmetic.llvm_type, width)

    @intrinsic  # type: ignore[untyped-decorator]
    def copy(typing_context: Any, x: Any, x_term: Any, terms: Any, panel: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            x, x_term, terms, panel = arguments

            def one_term(state: list[Any]) -> list[Any]:
                source, target = state
                store(builder, load(builder, vector, source, size), target, size)
                # What the next panel copies, while this one is multiplied.
                prefetch(builder, advance(builder, source, WORD(width * size)), cache_level=2)
                return [
                    advance(builder, source, x_term),
                    advance(builder, target, WORD(width * size)),
                ]

            loop(builder, [x, panel], terms, one_term)
            return context.get_dummy_value()

        return types.void(*[types.int64] * 4), generate

    return copy


@cache
def _transpose(arithmetic: LaneArithmetic, width: int, together: int) -> Any:
    """Return ``transpose(x, x_line, line, last, terms, panel)``: ``together`` lines of a panel.

    Lines after the last one repeat it.
    """
    size, real = arithmetic.dtype.itemsize, arithmetic.llvm_type
    step = width * size

    @intrinsic  # type: ignore[untyped-decorator]
    def transpose(
        typing_context: Any, x: Any, x_line: Any, line: Any, last: Any, terms: Any, panel: Any
    ) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            x, x_line, line, last, terms, panel = arguments
            sources = []
            for n in range(together):
                place = builder.add(line, WORD(n))
                place = builder.select(builder.icmp_signed("<", place, last), place, last)
                sources.append(builder.add(x, builder.mul(place, x_line)))

            def some_terms(count: int) -> Any:
                row = ir.VectorType(real, count)

                def advance_by_terms(state: list[Any]) -> list[Any]:
                    *sources, target = state
                    lines = [load(builder, row, source, size) for source in sources]
                    for k, column in enumerate(_columns(builder, lines, count)):
                        store(builder, column, advance(builder, target, WORD(k * step)), size)
                    following = [advance(builder, p, WORD(count * size)) for p in sources]
                    return [*following, advance(builder, target, WORD(count * step))]

                return advance_by_terms

            state = [*sources, panel]
            passes, left = (f(terms, WORD(_FOUR)) for f in (builder.sdiv, builder.srem))
            state = loop(builder, state, passes, some_terms(_FOUR))
            loop(builder, state, left, some_terms(1))
            return context.get_dummy_value()

        return types.void(*[types.int64] * 6), generate

    return transpose


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
