"""The loop over terms, with the sums of a tile in vector registers, as LLVM code."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, reduce
from typing import Any, Final, final

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

_ROWS_OF_POINTER: Final = 4
"""An address can be a pointer plus 0, 1 or 2 times a distance, or plus a second distance, which is
3 times the first: so one pointer serves four rows."""


@final
@dataclass(frozen=True)
class TileForm:
    """What a tile looks like.

    Attributes:
        rows: Its rows.
        vectors: The vectors in a row.
        lanes: The lanes of a vector.
        is_packed: Whether both operands are panels as wide as the tile; else only b may be one.
    """

    rows: int
    vectors: int
    lanes: int
    is_packed: bool

    @property
    def name(self) -> str:
        """A name for the code of the tile."""
        operands = "panels" if self.is_packed else "operands"
        return f"numlean_tile_{self.rows}x{self.vectors}x{self.lanes}_{operands}"


@cache
def make_tile(arithmetic: LaneArithmetic, form: TileForm) -> Any:
    """Return ``tile(a, a_row, a_term, b, b_term, terms, z, z_row, is_first, rows, columns)``.

    It adds ``terms`` terms to the sums of a tile, k ascending, and returns whether all are final.
    a, b and z are addresses, distances between rows and between terms are in bytes; z has sums as
    lanes. Sums start from +0 if ``is_first``, else from z. Only ``rows`` rows and ``columns``
    columns exist. Further rows are the last one: in z, in a panel, and in a itself, if the tile has
    at most four. b has all columns of the tile.
    """
    # The digest of a kernel covers plain values by content, but a class by its whole package.
    rows, vectors, lanes, size = form.rows, form.vectors, form.lanes, arithmetic.dtype.itemsize
    is_packed, name = form.is_packed, form.name
    unrolled = arithmetic.terms_of_pass
    # With operands in place, LLVM would keep the pointers of all terms of a pass, and spill sums.
    is_unrolled = is_packed and unrolled > 1
    vector = ir.VectorType(arithmetic.llvm_type, lanes)
    step, is_final = arithmetic.step, arithmetic.is_final

    def emit(builder: Any, arguments: list[Any]) -> None:
        a, a_row, a_term, b, b_term, terms, z, z_row, is_first, present, columns = arguments
        if is_packed:
            a_row, a_term, b_term = (WORD(n * size) for n in (1, rows, vectors * lanes))
        masks = [first_lanes(builder, lanes, columns, v * lanes) for v in range(vectors)]
        is_whole = builder.icmp_signed(">=", columns, WORD(vectors * lanes))
        last = builder.sub(present, WORD(1))
        places = _places(builder, z, z_row, rows, vectors, lanes * size, last)
        if is_packed:
            below = builder.mul(z_row, WORD(rows))
            for place in places:
                prefetch(builder, advance(builder, place, below), cache_level=1)
        sums = _starts(builder, vector, places, (is_first, is_whole), masks, size)
        pointers = [
            builder.inttoptr(place, ir.IntType(8).as_pointer())
            for place in (*_row_pointers(builder, a, a_row, rows, is_packed, last), b)
        ]

        def several(terms: int) -> Callable[[list[Any]], list[Any]]:
            def add_several(state: list[Any]) -> list[Any]:
                shape, distances = (rows, vectors, size), (a_row, a_term, b_term)
                for _ in range(terms):
                    state = _add_term(builder, state, step, vector, shape, distances)
                return state

            return add_several

        state = [*pointers, *sums]
        if is_unrolled:
            passes, terms = (f(terms, WORD(unrolled)) for f in (builder.sdiv, builder.srem))
            state = loop(builder, state, passes, several(unrolled))
        sums = loop(builder, state, terms, several(1))[len(pointers) :]
        with builder.if_else(is_whole) as (whole, edge):
            with whole:
                for place, total in zip(places, sums, strict=True):
                    store(builder, total, place, size)
            with edge:
                for k, (place, total) in enumerate(zip(places, sums, strict=True)):
                    store(builder, total, place, size, masks[k % vectors])
        builder.ret(_all_final(builder, sums, is_final))

    @intrinsic  # type: ignore[untyped-decorator]
    def tile(
        typing_context: Any,
        a: Any,
        a_row: Any,
        a_term: Any,
        b: Any,
        b_term: Any,
        terms: Any,
        z: Any,
        z_row: Any,
        is_first: Any,
        rows_present: Any,
        columns_present: Any,
    ) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return call(builder, name, ir.IntType(1), arguments, emit)

        word = types.int64
        return types.boolean(*[word] * 8, types.boolean, word, word), generate

    return tile


def _places(
    builder: Any, z: Any, z_row: Any, rows: int, vectors: int, step: int, last: Any
) -> list[Any]:
    """Return the addresses of the vectors of a tile, row by row."""
    places = []
    for r in range(rows):
        start = builder.add(z, builder.mul(_at_most(builder, r, last), z_row))
        places += [builder.add(start, WORD(v * step)) for v in range(vectors)]
    return places


def _row_pointers(
    builder: Any, a: Any, a_row: Any, rows: int, is_packed: bool, last: Any
) -> list[Any]:
    """Return the addresses from which those of all rows are computed."""
    if is_packed:
        return [a]
    if rows <= _ROWS_OF_POINTER:
        present = [_at_most(builder, r, last) for r in range(rows)]
        return [builder.add(a, builder.mul(a_row, row)) for row in present]
    return [builder.add(a, builder.mul(a_row, WORD(r))) for r in range(0, rows, _ROWS_OF_POINTER)]


def _at_most(builder: Any, row: int, last: Any) -> Any:
    return builder.select(builder.icmp_signed("<", WORD(row), last), WORD(row), last)


def _starts(
    builder: Any,
    vector: Any,
    places: list[Any],
    conditions: tuple[Any, Any],
    masks: list[Any],
    size: int,
) -> list[Any]:
    """Return zeros if the terms are the first ones, else the sums at the places."""
    is_first, is_whole = conditions
    before = builder.block
    again, whole, edge, start = (
        builder.append_basic_block(name) for name in ("again", "whole", "edge", "start")
    )
    builder.cbranch(is_first, start, again)
    builder.position_at_end(again)
    builder.cbranch(is_whole, whole, edge)
    loaded = []
    for block in (whole, edge):
        builder.position_at_end(block)
        chosen = [None] * len(masks) if block is whole else masks
        loaded.append(
            [
                load(builder, vector, place, size, chosen[k % len(masks)])
                for k, place in enumerate(places)
            ]
        )
        builder.branch(start)
    builder.position_at_end(start)
    sums = []
    for of_whole, of_edge in zip(*loaded, strict=True):
        total = builder.phi(vector)
        total.add_incoming(ir.Constant(vector, None), before)
        total.add_incoming(of_whole, whole)
        total.add_incoming(of_edge, edge)
        sums.append(total)
    return sums


def _add_term(
    builder: Any,
    state: list[Any],
    step: Callable[..., Any],
    vector: Any,
    shape: tuple[int, int, int],
    distances: tuple[Any, Any, Any],
) -> list[Any]:
    """Return the pointers and sums after one term."""
    rows, vectors, size = shape
    a_row, a_term, b_term = distances
    *pointers, b = state[: -rows * vectors]
    sums = state[-rows * vectors :]
    if isinstance(a_row, ir.Constant):
        offsets = [WORD(r * size) for r in range(rows)]
    elif rows <= _ROWS_OF_POINTER:
        offsets = [WORD(0)]
    else:
        offsets = [WORD(0), a_row, *(builder.mul(a_row, WORD(n)) for n in (2, 3))]
    columns = []
    for v in range(vectors):
        place = advance(builder, b, WORD(v * vector.count * size))
        columns.append(load(builder, vector, place, size))
    following = []
    for r in range(rows):
        group, n = divmod(r, len(offsets))
        number = load(builder, vector.element, advance(builder, pointers[group], offsets[n]), size)
        factor = spread(builder, number, vector)
        totals = sums[r * vectors : (r + 1) * vectors]
        following += [
            step(builder, total, factor, column)
            for total, column in zip(totals, columns, strict=True)
        ]
    moved = [advance(builder, pointer, a_term) for pointer in pointers]
    return [*moved, advance(builder, b, b_term), *following]


def _all_final(builder: Any, sums: list[Any], is_final: Callable[..., Any]) -> Any:
    """Return whether all sums are final, also of columns that do not exist.

    These repeat terms of the last column, so they seldom end as NaNs where no other sum does.
    """
    together = reduce(builder.and_, [is_final(builder, total) for total in sums])
    kind = ir.IntType(together.type.count)
    return builder.icmp_unsigned("==", builder.bitcast(together, kind), ir.Constant(kind, -1))


@cache
def make_lane_test(arithmetic: LaneArithmetic) -> Any:
    """Return ``is_final(total)``: the test of a sum alone."""
    lane = ir.VectorType(arithmetic.llvm_type, 1)
    test = arithmetic.is_final

    @intrinsic  # type: ignore[untyped-decorator]
    def is_final(typing_context: Any, total: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            one = builder.insert_element(ir.Constant(lane, ir.Undefined), arguments[0], WORD(0))
            return builder.extract_element(test(builder, one), WORD(0))

        return types.boolean(total), generate

    return is_final


@cache
def make_lane_at(arithmetic: LaneArithmetic) -> Any:
    """Return ``lane(address)``, which reads a sum."""
    kind, real = arithmetic.llvm_type, getattr(types, arithmetic.dtype.name)
    size = arithmetic.dtype.itemsize

    @intrinsic  # type: ignore[untyped-decorator]
    def lane(typing_context: Any, address: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return load(builder, kind, arguments[0], size)

        return real(types.int64), generate

    return lane


@cache
def make_put_lane(arithmetic: LaneArithmetic) -> Any:
    """Return ``put(address, number)``, which writes a lane."""
    real, size = getattr(types, arithmetic.dtype.name), arithmetic.dtype.itemsize

    @intrinsic  # type: ignore[untyped-decorator]
    def put(typing_context: Any, address: Any, number: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            store(builder, arguments[1], arguments[0], size)
            return context.get_dummy_value()

        return types.void(types.int64, real), generate

    return put
