"""The loop over terms, with the sums of a tile in vector registers, as LLVM code."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, reduce
from typing import Any, Final, final

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from numlean_kernels.targets.vector_matmul.lanes import LaneArithmetic

_WORD: Final = ir.IntType(64)
_BYTE: Final = ir.IntType(8)
_UNROLLED: Final = 4
"""The terms of one pass through the loop: its counters cost instructions, too."""

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
        is_packed: Whether the operands are panels, with ``rows`` numbers of a and ``columns``
            numbers of b for each term.
        columns: The columns of a panel of b.
        is_masked: Whether the last of its columns may be missing.
    """

    rows: int
    vectors: int
    lanes: int
    is_packed: bool
    columns: int
    is_masked: bool


@cache
def make_tile(arithmetic: LaneArithmetic, form: TileForm) -> Any:
    """Return ``tile(a, a_row, a_term, b, b_term, terms, z, z_row, is_first, rows, columns)``.

    It adds ``terms`` terms to the sums of a tile, k ascending, and returns whether all are final.
    a, b and z are addresses, distances between rows and between terms are in bytes; z has sums as
    lanes. Sums start from +0 if ``is_first``, else from z. Only ``rows`` rows of a packed tile
    exist: further ones, which repeat the last one in the panel, are the last one. Only ``columns``
    columns of a masked tile exist.
    """
    # The digest of a kernel covers plain values by content, but a class by its whole package.
    rows, vectors, lanes, size = form.rows, form.vectors, form.lanes, arithmetic.dtype.itemsize
    is_packed, is_masked = form.is_packed, form.is_masked
    panel_row, panel_term = rows * size, form.columns * size
    vector = ir.VectorType(arithmetic.llvm_type, lanes)
    step, is_final = arithmetic.step, arithmetic.is_final

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
            a, a_row, a_term, b, b_term, terms, z, z_row, is_first, present, columns = arguments
            if is_packed:
                a_row, a_term, b_term = _WORD(size), _WORD(panel_row), _WORD(panel_term)
            masks = _masks(builder, vectors, lanes, columns) if is_masked else None
            last = builder.sub(present, _WORD(1)) if is_packed else None
            places = _places(builder, z, z_row, rows, vectors, lanes * size, last)
            sums = _starts(builder, vector, places, is_first, masks, size)

            def add_terms(state: list[Any], terms: int) -> list[Any]:
                return _add_terms(
                    builder,
                    state,
                    terms,
                    step,
                    vector,
                    (rows, vectors, size),
                    (a_row, a_term, b_term),
                    None if is_packed else masks,
                )

            pointers = [
                builder.inttoptr(builder.add(a, builder.mul(a_row, _WORD(r))), _BYTE.as_pointer())
                for r in range(0, rows, rows if is_packed else _ROWS_OF_POINTER)
            ]
            state = [*pointers, builder.inttoptr(b, _BYTE.as_pointer()), *sums]
            passes, left = (f(terms, _WORD(_UNROLLED)) for f in (builder.sdiv, builder.srem))
            state = _loop(builder, state, passes, add_terms, _UNROLLED)
            state = _loop(builder, state, left, add_terms, 1)
            sums = state[-len(sums) :]
            for k, (place, total) in enumerate(zip(places, sums, strict=True)):
                _store(builder, total, place, masks and masks[k % vectors], size)
            return _all_final(builder, sums, is_final, masks)

        word = types.int64
        return types.boolean(*[word] * 8, types.boolean, word, word), generate

    return tile


def _masks(builder: Any, vectors: int, lanes: int, columns: Any) -> list[Any]:
    """Return which lanes of each vector of a row exist."""
    kind = ir.VectorType(ir.IntType(32), lanes)
    count = _spread(builder, builder.trunc(columns, ir.IntType(32)), kind)
    places = [ir.Constant(kind, [v * lanes + k for k in range(lanes)]) for v in range(vectors)]
    return [builder.icmp_signed("<", place, count) for place in places]


def _places(
    builder: Any, z: Any, z_row: Any, rows: int, vectors: int, step: int, last: Any
) -> list[Any]:
    """Return the addresses of the vectors of a tile, row by row."""
    places = []
    for r in range(rows):
        row = _WORD(r)
        if last is not None:
            row = builder.select(builder.icmp_signed("<", row, last), row, last)
        start = builder.add(z, builder.mul(row, z_row))
        places += [builder.add(start, _WORD(v * step)) for v in range(vectors)]
    return places


def _starts(
    builder: Any, vector: Any, places: list[Any], is_first: Any, masks: Any, size: int
) -> list[Any]:
    """Return zeros, or the sums at the places."""
    zero = ir.Constant(vector, None)
    before = builder.block
    again = builder.append_basic_block("again")
    start = builder.append_basic_block("start")
    builder.cbranch(is_first, start, again)
    builder.position_at_end(again)
    count = len(masks) if masks else 1
    loaded = [
        _load(builder, vector, place, masks and masks[k % count], size)
        for k, place in enumerate(places)
    ]
    builder.branch(start)
    builder.position_at_end(start)
    sums = []
    for one in loaded:
        total = builder.phi(vector)
        total.add_incoming(zero, before)
        total.add_incoming(one, again)
        sums.append(total)
    return sums


def _loop(
    builder: Any, state: list[Any], passes: Any, advance: Callable[..., list[Any]], terms: int
) -> list[Any]:
    """Return the state after some passes, each of which adds ``terms`` terms."""
    before = builder.block
    body, after = (builder.append_basic_block(name) for name in ("terms", "done"))
    builder.cbranch(builder.icmp_signed(">", passes, _WORD(0)), body, after)
    builder.position_at_end(body)
    left, *current = (_phi(builder, value, before) for value in (passes, *state))
    following = advance(current, terms)
    remaining = builder.sub(left, _WORD(1))
    for phi, value in zip((left, *current), (remaining, *following), strict=True):
        phi.add_incoming(value, body)
    builder.cbranch(builder.icmp_signed(">", remaining, _WORD(0)), body, after)
    builder.position_at_end(after)
    ends = [_phi(builder, value, before) for value in state]
    for end, value in zip(ends, following, strict=True):
        end.add_incoming(value, body)
    return ends


def _phi(builder: Any, value: Any, block: Any) -> Any:
    phi = builder.phi(value.type)
    phi.add_incoming(value, block)
    return phi


def _add_terms(
    builder: Any,
    state: list[Any],
    terms: int,
    step: Callable[..., Any],
    vector: Any,
    shape: tuple[int, int, int],
    distances: tuple[Any, Any, Any],
    masks: Any,
) -> list[Any]:
    """Return the pointers and sums after some terms."""
    rows, vectors, size = shape
    a_row, a_term, b_term = distances
    sums = state[-rows * vectors :]
    *pointers, b = state[: -rows * vectors]
    if isinstance(a_row, ir.Constant):
        offsets = [_WORD(r * size) for r in range(rows)]
    else:
        offsets = [_WORD(0), a_row, *(builder.mul(a_row, _WORD(n)) for n in (2, 3))]
    group = len(offsets)
    for _ in range(terms):
        columns = [
            _load(
                builder,
                vector,
                builder.gep(b, [_WORD(v * vector.count * size)]),
                masks and masks[v],
                size,
            )
            for v in range(vectors)
        ]
        for r in range(rows):
            place = builder.gep(pointers[r // group], [offsets[r % group]])
            pointer = builder.bitcast(place, vector.element.as_pointer())
            factor = _spread(builder, builder.load(pointer, align=size), vector)
            for v in range(vectors):
                k = r * vectors + v
                sums[k] = step(builder, sums[k], factor, columns[v])
        pointers = [builder.gep(pointer, [a_term]) for pointer in pointers]
        b = builder.gep(b, [b_term])
    return [*pointers, b, *sums]


def _spread(builder: Any, value: Any, vector: Any) -> Any:
    """Return a vector with one value in all lanes."""
    nothing = ir.Constant(vector, ir.Undefined)
    first = builder.insert_element(nothing, value, _WORD(0))
    mask = ir.Constant(ir.VectorType(ir.IntType(32), vector.count), None)
    return builder.shuffle_vector(first, nothing, mask)


def _pointer(builder: Any, place: Any, kind: Any) -> Any:
    if isinstance(place.type, ir.IntType):
        return builder.inttoptr(place, kind.as_pointer())
    return builder.bitcast(place, kind.as_pointer())


def _load(builder: Any, vector: Any, place: Any, mask: Any, size: int) -> Any:
    """Return a vector at a place; zeros where a mask excludes lanes."""
    pointer = _pointer(builder, place, vector)
    if mask is None:
        return builder.load(pointer, align=size)
    kind = ir.FunctionType(vector, [pointer.type, ir.IntType(32), mask.type, vector])
    load = cgutils.get_or_insert_function(
        builder.module, kind, f"llvm.masked.load.{_suffix(vector)}.p0"
    )
    zero = ir.Constant(vector, None)
    return builder.call(load, [pointer, ir.IntType(32)(size), mask, zero])


def _store(builder: Any, value: Any, place: Any, mask: Any, size: int) -> None:
    """Store a vector at a place, except for lanes that a mask excludes."""
    pointer = _pointer(builder, place, value.type)
    if mask is None:
        builder.store(value, pointer, align=size)
        return
    kind = ir.FunctionType(ir.VoidType(), [value.type, pointer.type, ir.IntType(32), mask.type])
    store = cgutils.get_or_insert_function(
        builder.module, kind, f"llvm.masked.store.{_suffix(value.type)}.p0"
    )
    builder.call(store, [value, pointer, ir.IntType(32)(size), mask])


def _suffix(vector: Any) -> str:
    """Return the name of a vector type in the names of LLVM's functions."""
    element = vector.element
    name = str(element) if isinstance(element, ir.IntType) else _FLOATS[str(element)]
    return f"v{vector.count}{name}"


_FLOATS: Final = {"float": "f32", "double": "f64"}


def _all_final(builder: Any, sums: list[Any], is_final: Callable[..., Any], masks: Any) -> Any:
    """Return whether all sums that exist are final."""
    tests = [is_final(builder, total) for total in sums]
    if masks:
        missing = [builder.not_(mask) for mask in masks]
        tests = [builder.or_(test, missing[k % len(masks)]) for k, test in enumerate(tests)]
    together = reduce(builder.and_, tests)
    kind = ir.IntType(together.type.count)
    whole = builder.bitcast(together, kind)
    return builder.icmp_unsigned("==", whole, ir.Constant(kind, -1))


@cache
def make_lane_test(arithmetic: LaneArithmetic) -> Any:
    """Return ``is_final(total)``: the test of a sum alone."""
    lane = ir.VectorType(arithmetic.llvm_type, 1)
    test = arithmetic.is_final

    @intrinsic  # type: ignore[untyped-decorator]
    def is_final(typing_context: Any, total: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            one = builder.insert_element(ir.Constant(lane, ir.Undefined), arguments[0], _WORD(0))
            return builder.extract_element(test(builder, one), _WORD(0))

        return types.boolean(total), generate

    return is_final
