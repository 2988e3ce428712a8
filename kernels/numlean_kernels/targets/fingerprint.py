"""What a kernel is made of, as a digest: the same in every process, and for the same content alone.

The digest of a function is that of its instructions, its constants, its defaults, and all that it
refers to, in cells or as globals, at any depth. What belongs to Python, numba, llvmlite or numpy
counts by its name and their version. A class or a module of anybody else that is more than a place
where names are looked up counts by all sources of its package. Where it is not known what a value
is made of there is no digest.

What has been looked at is not looked at again: what a function refers to is as it was when numba
compiled it, and must not change.
"""

from __future__ import annotations

import hashlib
import math
import struct
import sys
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cache, partial
from itertools import chain
from pathlib import Path
from types import (
    BuiltinFunctionType,
    CellType,
    CodeType,
    FunctionType,
    MethodType,
    ModuleType,
)
from typing import Any, Final
from weakref import WeakKeyDictionary

import numpy as np
from llvmlite import ir
from numba import types
from numba.core.typing.templates import Signature

from numlean_kernels.targets.bytecode import Chain, said

_VERSIONED: Final = frozenset({"numba", "llvmlite", "numpy", "numba_cuda", "cuda"})
_UNSEEN: Final = frozenset({"__import__", "eval", "exec", "globals", "vars"})
"""Builtins that reach what no name tells of."""

_LITERALS: Final = frozenset({type(None), bool, int, str})

_REMEMBERED: WeakKeyDictionary[Any, bytes] = WeakKeyDictionary()


class UnknownContentError(TypeError):
    """A value of which it is not known what it is made of."""


def fingerprint(*values: Any) -> str:
    """Return the digest of what values are made of, and of what compiles them.

    Raises:
        UnknownContentError: It is not known what one of them is made of.
    """
    walk = _Walk()
    registered = sorted(map(walk.of, _REGISTRATIONS.all()))
    return _digest("values", _versions(), *registered, *map(walk.of, values)).hex()


@cache
def _versions() -> str:
    python = f"{sys.implementation.cache_tag} {sys.version}"
    return f"{python} {[(name, _version(name)) for name in ('numba', 'llvmlite', 'numpy')]}"


class _Walk:
    """One walk over values, which knows what it stands in: values may refer to themselves."""

    def __init__(self) -> None:
        self._depths: dict[int, int] = {}
        self._least: float = math.inf

    def of(self, value: Any) -> bytes:
        """Return the digest of a value."""
        kind: Any = type(value)
        if kind in _PLAIN:
            return _digest(kind.__name__, _PLAIN[kind](value))
        if _is_remembered(kind) and value in _REMEMBERED:
            return _REMEMBERED[value]
        if id(value) in self._depths:
            depth = self._depths[id(value)]
            self._least = min(self._least, depth)
            return _digest("again", str(len(self._depths) - depth))
        return self._entered(value)

    def _entered(self, value: Any) -> bytes:
        kind: Any = type(value)
        depth, least = len(self._depths), self._least
        self._depths[id(value)], self._least = depth, math.inf
        try:
            result = self._described(value)
        finally:
            del self._depths[id(value)]
        # A digest that refers to what it stands in holds in that place only, and one that refers to
        # itself may be found from elsewhere in its circle, where it would be another.
        if self._least > depth and _is_remembered(kind):
            _REMEMBERED[value] = result
        self._least = least if self._least >= depth else min(self._least, least)
        return result

    def _described(self, value: Any) -> bytes:
        if _is_settled(value):
            return _digest("settled", _full_name(value), _version(_root(value.__module__)))
        kind: Any = type(value)
        describe = _describe(kind)
        if describe is not None:
            return describe(self, value)
        if is_dataclass(value):
            state = {field.name: getattr(value, field.name) for field in fields(value)}
            return _digest(
                "instance", *map(self.of, (kind, state | getattr(value, "__dict__", {})))
            )
        raise _unknown(value)

    def function(self, function: FunctionType) -> bytes:
        """Return the digest of a function."""
        kept = function.__defaults__, function.__kwdefaults__, vars(function) or None
        cells = map(self.cell, function.__closure__ or ())
        code = self.code(function.__code__, function)
        return _digest("function", code, *cells, *map(self.of, kept))

    def compiled(self, compiled: Any) -> bytes:
        """Return the digest of a function that numba compiles."""
        return _digest("compiled", *map(self.of, (compiled.py_func, told(compiled))))

    def intrinsic(self, intrinsic: Any) -> bytes:
        """Return the digest of a function that writes code for LLVM."""
        kept = intrinsic._defn, intrinsic._prefer_literal, intrinsic._ctor_kwargs
        return _digest("intrinsic", *map(self.of, kept))

    def code(self, code: CodeType, function: FunctionType) -> bytes:
        """Return the digest of a function's code, or of code within it."""
        parts: list[bytes | str] = [(meant := said(code)).text]
        for constant in meant.constants:
            nested = isinstance(constant, CodeType)
            parts.append(self.code(constant, function) if nested else self.of(constant))
        parts += [self._global(used, function) for used in meant.globals]
        parts += [self.module(_imported(name)) for name in meant.imports]
        return _digest("code", *parts)

    def _global(self, used: Chain, function: FunctionType) -> bytes:
        name, *attributes = used
        if name not in function.__globals__:
            if name in _UNSEEN:
                return self.module(_imported(str(function.__globals__.get("__name__"))))
            builtins = vars(sys.modules["builtins"])
            return self.of(builtins[name]) if name in builtins else _digest("missing", name)
        value = function.__globals__[name]
        while isinstance(value, ModuleType) and attributes and not _is_versioned(value.__name__):
            name = attributes.pop(0)
            if name not in vars(value):
                return _digest("missing", name, self.module(value))
            value = vars(value)[name]
        return self.of(value)

    def cell(self, cell: CellType) -> bytes:
        """Return the digest of what a cell holds."""
        try:
            held = cell.cell_contents
        except ValueError:
            return _digest("empty")
        return self.of(held)

    def array(self, array: Any) -> bytes:
        """Return the digest of a numpy array."""
        if type(array) is not np.ndarray:
            raise _unknown(array)
        layout = array.flags.c_contiguous, array.flags.f_contiguous
        kind = array.dtype, array.shape, layout
        held = self.of(array.tolist()) if array.dtype.hasobject else array.tobytes()
        return _digest("array", repr(kind), held)

    def sequence(self, values: Any) -> bytes:
        """Return the digest of a tuple or a list."""
        if type(values) in (tuple, list):
            return _digest(type(values).__name__, *map(self.of, values))
        if not hasattr(values, "_fields"):
            raise _unknown(values)
        return _digest("named", *map(self.of, (type(values), values._fields, *values)))

    def mapping(self, values: Any) -> bytes:
        """Return the digest of a dictionary, whose order counts."""
        if type(values) is not dict:
            raise _unknown(values)
        if _LITERALS.issuperset(map(type, chain(values, values.values()))):
            return _digest("literals", repr(values))
        parts = (part for item in values.items() for part in item)
        return _digest("mapping", *map(self.of, parts))

    def group(self, values: Any) -> bytes:
        """Return the digest of a set."""
        if type(values) not in (set, frozenset):
            raise _unknown(values)
        return _digest(type(values).__name__, *sorted(map(self.of, values)))

    def method(self, method: Any) -> bytes:
        """Return the digest of a bound method."""
        return _digest("method", *map(self.of, (method.__func__, method.__self__)))

    def builtin(self, function: Any) -> bytes:
        """Return the digest of a method of a value that is not written in Python."""
        return _digest("builtin", function.__name__, self.of(function.__self__))

    def partial(self, function: Any) -> bytes:
        """Return the digest of a function some of whose arguments are given."""
        kept = function.func, function.args, function.keywords
        return _digest("partial", *map(self.of, kept))

    def cached(self, function: Any) -> bytes:
        """Return the digest of a function whose results are kept."""
        return _digest("cached", self.of(function.__wrapped__))

    def member(self, member: Any) -> bytes:
        """Return the digest of a member of an enumeration."""
        return _digest("member", *map(self.of, (type(member), member.name, member._value_)))

    def numba_type(self, kind: Any) -> bytes:
        """Return the digest of one of numba's types."""
        key = str(kind.key) if kind.key == kind.name else self.of(kind.key)
        return _digest("type", _full_name(type(kind)), key)

    def signature(self, signature: Any) -> bytes:
        """Return the digest of one of numba's signatures."""
        kept = signature.return_type, signature.args, signature.recvr
        return _digest("signature", *map(self.of, kept))

    def named_by_text(self, value: Any) -> bytes:
        """Return the digest of a value whose text says it all."""
        if isinstance(value, ir.IdentifiedStructType):
            raise _unknown(value)
        return _digest(_full_name(type(value)), str(value))

    def scalar(self, value: Any) -> bytes:
        """Return the digest of a number of numpy."""
        return _digest("scalar", value.dtype.str, value.tobytes())

    def ufunc(self, function: Any) -> bytes:
        """Return the digest of a function of numpy over arrays."""
        name = str(function.__name__)
        if getattr(np, name, None) is not function:
            raise UnknownContentError(f"{name} is no function of numpy's own")
        return _digest("ufunc", name)

    def module(self, module: ModuleType) -> bytes:
        """Return the digest of a module."""
        root = _root(module.__name__)
        if _is_versioned(root):
            return _digest("module", module.__name__, _version(root))
        return _digest("sources", module.__name__, _sources(root))

    def type(self, kind: type) -> bytes:
        """Return the digest of a class of which only its sources are known."""
        if not _is_found(kind):
            raise _unknown(kind)
        return _digest("class", _full_name(kind), _sources(_root(kind.__module__)))


def told(compiled: Any) -> tuple[Any, ...]:
    """Return what numba was told of a function beside its source."""
    compiler = compiled._compiler
    return compiler.targetoptions, getattr(compiler, "locals", None)


_PLAIN: Final[dict[type, Callable[[Any], str | bytes]]] = {
    **dict.fromkeys((type(None), bool, int, str, bytes, range, slice), repr),
    **dict.fromkeys((type(...), type(NotImplemented)), repr),
    float: partial(struct.pack, "<d"),
    complex: lambda value: struct.pack("<2d", value.real, value.imag),
}

_DESCRIBED: Final[dict[type, Callable[[_Walk, Any], bytes]]] = {
    FunctionType: _Walk.function,
    CellType: _Walk.cell,
    Enum: _Walk.member,
    np.generic: _Walk.scalar,
    np.ndarray: _Walk.array,
    np.dtype: _Walk.named_by_text,
    np.ufunc: _Walk.ufunc,
    tuple: _Walk.sequence,
    list: _Walk.sequence,
    dict: _Walk.mapping,
    set: _Walk.group,
    frozenset: _Walk.group,
    MethodType: _Walk.method,
    BuiltinFunctionType: _Walk.builtin,
    partial: _Walk.partial,
    type(cache(repr)): _Walk.cached,
    Signature: _Walk.signature,
    types.Type: _Walk.numba_type,
    ir.Type: _Walk.named_by_text,
    ir.Constant: _Walk.named_by_text,
    ModuleType: _Walk.module,
    type: _Walk.type,
}


def _digest(kind: str, *parts: str | bytes) -> bytes:
    raws = [part.encode() if isinstance(part, str) else part for part in (kind, *parts)]
    return hashlib.sha256(b"".join([b"%d:%b" % (len(raw), raw) for raw in raws])).digest()


def _unknown(value: Any) -> UnknownContentError:
    return UnknownContentError(f"it is not known what a {_full_name(type(value))} is made of")


def _root(name: str) -> str:
    return name.partition(".")[0]


def _is_versioned(name: str) -> bool:
    """Whether a module is one whose version says what it holds."""
    return (root := _root(name)) in _VERSIONED or root in sys.stdlib_module_names


@cache
def _version(root: str) -> str:
    if root in sys.stdlib_module_names:
        return ""
    return str(getattr(sys.modules.get(root), "__version__", ""))


def _full_name(value: Any) -> str:
    return f"{value.__module__}.{value.__qualname__}"


@cache
def _is_remembered(kind: type) -> bool:
    """Whether values of a class are looked at once."""
    return _describe(kind) in (_Walk.function, _Walk.compiled, _Walk.intrinsic)


@cache
def _describe(kind: type) -> Callable[[_Walk, Any], bytes] | None:
    """Return what gives the digest of values of a class, if anything does."""
    # An abstract class would ask all its subclasses whether they know of this one.
    for base in kind.__mro__:
        if base in _DESCRIBED:
            return _DESCRIBED[base]
    if _root(kind.__module__) != "numba":
        return None
    if kind.__name__ == "_Intrinsic":
        return _Walk.intrinsic
    return _Walk.compiled if hasattr(kind, "get_call_template") else None


def _is_settled(value: Any) -> bool:
    """Whether a function or a class is known by its name."""
    named = isinstance(value, type | FunctionType | BuiltinFunctionType)
    return named and _is_versioned(value.__module__ or "") and _is_found(value)


def _is_found(value: Any) -> bool:
    """Whether a function or a class is what its name stands for."""
    found: Any = sys.modules.get(value.__module__)
    for name in value.__qualname__.split("."):
        found = getattr(found, name, None)
    return found is value


def _imported(name: str) -> ModuleType:
    try:
        return sys.modules[name]
    except KeyError:
        raise UnknownContentError(f"it is not known what the module {name} is made of") from None


@cache
def _sources(root: str) -> bytes:
    """Return a digest of all sources of a package, or of the one of a module."""
    module = sys.modules.get(root)
    file = getattr(module, "__file__", None)
    folders = list(getattr(module, "__path__", ()))
    if file is None and not folders:
        raise UnknownContentError(f"the sources of {root} are not known")
    inside = (path for folder in folders for path in Path(folder).rglob("*"))
    found = sorted(path for path in inside if path.suffix in (".py", ".so", ".pyd"))
    paths = found if folders else [Path(str(file))]
    return _digest("sources", *(path.read_bytes() for path in paths))


def _typed(entry: Any) -> Iterator[Any]:
    """Return what tells types: a class, or the function of an overload."""
    templates = getattr(entry[1], "templates", ()) if isinstance(entry, tuple) else (entry,)
    yield from (getattr(template, "_overload_func", template) for template in templates)


def _lowered(entry: Any) -> Iterator[Any]:
    """Return the function that writes code for LLVM, and what it may stand around."""
    cells = getattr(entry[0], "__closure__", None) or ()
    yield from (entry[0], *(cell.cell_contents for cell in cells if callable(cell.cell_contents)))


def _module_of(value: Any) -> str:
    named = getattr(value, "__globals__", {}).get("__name__") or value.__module__
    return str(named)


_TYPINGS: Final = (("functions", "attributes", "globals"), _typed)
_LOWERINGS: Final = (("functions", "getattrs", "setattrs", "casts", "constants"), _lowered)
_REGISTRIES: Final = {
    "numba.core.typing.templates": _TYPINGS,
    "numba.core.imputils": _LOWERINGS,
    "numba.cuda.typing.templates": _TYPINGS,
    "numba.cuda.core.imputils": _LOWERINGS,
}


class _Registrations:
    """What others than numba had numba know of, beside intrinsics. Nothing is looked at twice."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str], int] = {}
        self._found: list[Any] = []

    def all(self) -> list[Any]:
        """Return all there are by now."""
        for name, (kinds, written) in _REGISTRIES.items():
            registry = getattr(sys.modules.get(name), "builtin_registry", None)
            for kind in kinds if registry is not None else ():
                entries = getattr(registry, kind)
                new = chain.from_iterable(map(written, entries[self._seen.get((name, kind), 0) :]))
                self._found += (one for one in new if not _is_versioned(_module_of(one)))
                self._seen[name, kind] = len(entries)
        return self._found


_REGISTRATIONS: Final = _Registrations()
