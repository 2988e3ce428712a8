"""The content of a code object, independent of line numbers, comments and docstrings."""

from __future__ import annotations

import opcode
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from types import CodeType
from typing import Any, Final, TypeAlias, final

Chain: TypeAlias = tuple[str, ...]
"""A global name and the attributes read from it directly: ``("np", "uint32")``."""

_LOADS: Final = {
    opcode.opmap[name]: shift
    for name, shift in (("LOAD_GLOBAL", 1), ("LOAD_NAME", 0), ("LOAD_FROM_DICT_OR_GLOBALS", 0))
    if name in opcode.opmap
}
_ATTRIBUTES: Final = {
    opcode.opmap[name]: shift
    for name, shift in (("LOAD_ATTR", int(sys.version_info >= (3, 12))), ("LOAD_METHOD", 0))
    if name in opcode.opmap
}
_IMPORT: Final = opcode.opmap["IMPORT_NAME"]
_EXTENDED: Final = opcode.EXTENDED_ARG
_CACHE: Final = opcode.opmap.get("CACHE", 0)
_CONSTANTS: Final = frozenset(opcode.hasconst)
_RUN_FLAGS: Final = 0xFFF
"""The flags that affect execution. One of the others marks a docstring."""


@final
@dataclass(frozen=True)
class CodeContent:
    """The content of a code object.

    Attributes:
        text: The instructions and the names they use, without constants and line numbers.
        constants: The constants in the order in which they are loaded. Docstrings never are.
        globals: The global names that are loaded, with their attributes, without repetition.
        imports: The modules that the code imports.
    """

    text: str
    constants: tuple[Any, ...]
    globals: tuple[Chain, ...]
    imports: tuple[str, ...]


@cache
def code_content(code: CodeType) -> CodeContent:
    """Return the content of a code object. Nested code objects stay among the constants."""
    instructions = list(_instructions(code.co_code))
    shown = [(op, 0 if op in _CONSTANTS else arg) for op, arg in instructions]
    counts = code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount
    names = code.co_names, code.co_varnames, code.co_cellvars, code.co_freevars
    return CodeContent(
        repr((shown, counts, names, code.co_flags & _RUN_FLAGS, code.co_exceptiontable)),
        tuple(code.co_consts[arg] for op, arg in instructions if op in _CONSTANTS),
        tuple(dict.fromkeys(_chains(code, instructions))),
        tuple(code.co_names[arg] for op, arg in instructions if op == _IMPORT),
    )


def _instructions(raw: bytes) -> Iterator[tuple[int, int]]:
    extended = 0
    for op, low in zip(raw[::2], raw[1::2], strict=True):
        arg = extended << 8 | low
        extended = arg if op == _EXTENDED else 0
        if op not in (_EXTENDED, _CACHE):
            yield op, arg


def _chains(code: CodeType, instructions: list[tuple[int, int]]) -> Iterator[Chain]:
    chain: Chain = ()
    for op, arg in instructions:
        if chain and op in _ATTRIBUTES:
            chain += (code.co_names[arg >> _ATTRIBUTES[op]],)
            continue
        if chain:
            yield chain
        chain = (code.co_names[arg >> _LOADS[op]],) if op in _LOADS else ()
    if chain:
        yield chain
