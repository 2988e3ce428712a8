"""LLVM code that tiles and panels share: loops, and vectors in memory. Places are addresses."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from llvmlite import ir
from numba.core import cgutils

WORD: Final = ir.IntType(64)
"""The type of addresses, distances and counts."""

_FLOATS: Final = {"float": "f32", "double": "f64"}


def loop(
    builder: Any, state: list[Any], passes: Any, body: Callable[[list[Any]], list[Any]]
) -> list[Any]:
    """Emit a loop; return the state after some passes of the body, none if negative.

    The values of the state and of what the body returns have the same types. The body is one block.
    """
    before = builder.block
    inside, after = (builder.append_basic_block(name) for name in ("pass", "done"))
    builder.cbranch(builder.icmp_signed(">", passes, WORD(0)), inside, after)
    builder.position_at_end(inside)
    left, *current = (_phi(builder, value, before) for value in (passes, *state))
    following = body(current)
    remaining = builder.sub(left, WORD(1))
    for phi, value in zip((left, *current), (remaining, *following), strict=True):
        phi.add_incoming(value, inside)
    builder.cbranch(builder.icmp_signed(">", remaining, WORD(0)), inside, after)
    builder.position_at_end(after)
    ends = [_phi(builder, value, before) for value in state]
    for end, value in zip(ends, following, strict=True):
        end.add_incoming(value, inside)
    return ends


def _phi(builder: Any, value: Any, block: Any) -> Any:
    phi = builder.phi(value.type)
    phi.add_incoming(value, block)
    return phi


def call(
    builder: Any,
    name: str,
    result: Any,
    arguments: Sequence[Any],
    emit: Callable[[Any, list[Any]], None],
) -> Any:
    """Call a function of the module that LLVM does not inline; ``emit`` writes it at first use.

    Long code is a function of its own, so that it exists once, however many routines around it are
    inlined. Functions of one name have the same code.
    """
    function = builder.module.globals.get(name)
    if function is None:
        kind = ir.FunctionType(result, [value.type for value in arguments])
        function = ir.Function(builder.module, kind, name)
        function.linkage = "internal"
        function.attributes.add("noinline")
        function.attributes.add("nounwind")
        emit(ir.IRBuilder(function.append_basic_block()), list(function.args))
    return builder.call(function, arguments)


def spread(builder: Any, value: Any, vector: Any) -> Any:
    """Return a vector with one value in all lanes."""
    nothing = ir.Constant(vector, ir.Undefined)
    first = builder.insert_element(nothing, value, WORD(0))
    return builder.shuffle_vector(
        first, nothing, ir.Constant(ir.VectorType(ir.IntType(32), vector.count), None)
    )


def first_lanes(builder: Any, lanes: int, count: Any, start: int = 0) -> Any:
    """Return a vector that says which of the lanes from ``start`` on are among the first."""
    kind = ir.VectorType(ir.IntType(32), lanes)
    end = spread(builder, builder.trunc(count, ir.IntType(32)), kind)
    return builder.icmp_signed("<", ir.Constant(kind, list(range(start, start + lanes))), end)


def _pointer(builder: Any, place: Any, kind: Any) -> Any:
    if isinstance(place.type, ir.IntType):
        return builder.inttoptr(place, kind.as_pointer())
    return builder.bitcast(place, kind.as_pointer())


def advance(builder: Any, place: Any, distance: Any) -> Any:
    """Return the place some bytes after another."""
    if isinstance(place.type, ir.IntType):
        return builder.add(place, distance)
    return builder.gep(place, [distance])


def load(
    builder: Any, kind: Any, place: Any, align: int, mask: Any = None, others: Any = None
) -> Any:
    """Return a value at a place, in the lanes that a mask excludes ``others`` or zero."""
    pointer = _pointer(builder, place, kind)
    if mask is None:
        return builder.load(pointer, align=align)
    word = ir.IntType(32)
    signature = ir.FunctionType(kind, [pointer.type, word, mask.type, kind])
    name = f"llvm.masked.load.{suffix(kind)}.p0"
    function = cgutils.get_or_insert_function(builder.module, signature, name)
    return builder.call(function, [pointer, word(align), mask, others or ir.Constant(kind, None)])


def store(builder: Any, value: Any, place: Any, align: int, mask: Any = None) -> None:
    """Store a value at a place, but not the lanes that a mask excludes."""
    pointer = _pointer(builder, place, value.type)
    if mask is None:
        builder.store(value, pointer, align=align)
        return
    word = ir.IntType(32)
    signature = ir.FunctionType(ir.VoidType(), [value.type, pointer.type, word, mask.type])
    name = f"llvm.masked.store.{suffix(value.type)}.p0"
    function = cgutils.get_or_insert_function(builder.module, signature, name)
    builder.call(function, [value, pointer, word(align), mask])


def prefetch(builder: Any, place: Any, *, cache_level: int) -> None:
    """Fetch the line at a place, which need not exist, to the first or second cache."""
    byte, word = ir.IntType(8).as_pointer(), ir.IntType(32)
    signature = ir.FunctionType(ir.VoidType(), [byte, word, word, word])
    function = cgutils.get_or_insert_function(builder.module, signature, "llvm.prefetch.p0")
    to_read, data = word(0), word(1)
    locality = word(4 - cache_level)
    builder.call(function, [_pointer(builder, place, ir.IntType(8)), to_read, locality, data])


def suffix(vector: Any) -> str:
    """Return the name of a vector type in the names of LLVM's functions."""
    element = str(vector.element)
    return f"v{vector.count}{_FLOATS.get(element, element)}"
