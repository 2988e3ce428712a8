"""Digests of kernels by content: equal in every process, and only for equal content.

The digest of a function covers its instructions, constants and defaults, and every value that it
refers to through closure cells or globals, at any depth. Objects of Python, numba, llvmlite and
numpy count by name and version. A class, and a module used as a value, count by all sources of
their package. A value of any other kind has no digest and raises an error.

Digests of functions are cached: the values that a compiled function refers to must not change.
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

from numlean_kernels.targets.bytecode import Chain, code_content
from numlean_kernels.targets.inlined import InlinedRoutine

_VERSIONED: Final = frozenset({"numba", "llvmlite", "numpy", "numba_cuda", "cuda"})
_UNSEEN: Final = frozenset({"__import__", "eval", "exec", "globals", "vars"})
"""Builtins that reach values which the code does not name."""

_LITERALS: Final = frozenset({type(None), bool, int, str})

_CACHED: WeakKeyDictionary[Any, bytes] = WeakKeyDictionary()


class UnknownContentError(TypeError):
    """A value whose content cannot be determined."""


def fingerprint(*values: Any) -> str:
    """Return the digest of the contents of values and of the versions that compile them.

    Raises:
        UnknownContentError: The content of a value cannot be determined.
    """
    walk = _Walk()
    registered = sorted(map(walk.of, _REGISTRATIONS.all()))
    return _digest("values", _versions(), *registered, *map(walk.of, values)).hex()


@cache
def _versions() -> str:
    python = f"{sys.implementation.cache_tag} {sys.version}"
    return f"{python} {[(name, _version(name)) for name in ('numba', 'llvmlite', 'numpy')]}"


class _Walk:
    """One traversal, with the stack of values that it is in: values may refer to themselves."""

    def __init__(self) -> None:
        self._depths: dict[int, int] = {}
        self._least: float = math.inf

    def of(self, value: Any) -> bytes:
        """Return the digest of a value."""
        kind: Any = type(value)
        if kind in _PLAIN:
            return _digest(kind.__name__, _PLAIN[kind](value))
        if _is_cached(kind) and value in _CACHED:
            return _CACHED[value]
        if id(value) in self._depths:
            depth = self._depths[id(value)]
            self._least = min(self._least, depth)
            return _digest("again", str(len(self._depths) - depth))
        return self._traverse(value)

    def _traverse(self, value: Any) -> bytes:
        kind: Any = type(value)
        depth, least = len(self._depths), self._least
        self._depths[id(value)], self._least = depth, math.inf
        try:
            result = self._digest_parts(value)
        finally:
            del self._depths[id(value)]
        # The digest of a value in a reference cycle depends on where the cycle was entered, so only
        # values outside of cycles are cached.
        if self._least > depth and _is_cached(kind):
            _CACHED[value] = result
        self._least = least if self._least >= depth else min(self._least, least)
        return result

    def _digest_parts(self, value: Any) -> bytes:
        if _is_known_by_name(value):
            return _digest("named", _full_name(value), _version(_root(value.__module__)))
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
        attributes = function.__defaults__, function.__kwdefaults__, vars(function) or None
        cells = map(self.cell, function.__closure__ or ())
        code = self.code(function.__code__, function)
        return _digest("function", code, *cells, *map(self.of, attributes))

    def compiled(self, compiled: Any) -> bytes:
        """Return the digest of a function that numba compiles."""
        return _digest("compiled", *map(self.of, (compiled.py_func, jit_options(compiled))))

    def intrinsic(self, intrinsic: Any) -> bytes:
        """Return the digest of an intrinsic: of the function that emits LLVM code."""
        kept = intrinsic._defn, intrinsic._prefer_literal, intrinsic._ctor_kwargs
        return _digest("intrinsic", *map(self.of, kept))

    def code(self, code: CodeType, function: FunctionType) -> bytes:
        """Return the digest of a function's code, or of code within it."""
        content = code_content(code)
        parts: list[bytes | str] = [content.text]
        for constant in content.constants:
            nested = isinstance(constant, CodeType)
            parts.append(self.code(constant, function) if nested else self.of(constant))
        parts += [self._global(used, function) for used in content.globals]
        parts += [self.module(_imported(name)) for name in content.imports]
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
        """Return the digest of the content of a closure cell."""
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
        return _digest("namedtuple", *map(self.of, (type(values), values._fields, *values)))

    def mapping(self, values: Any) -> bytes:
        """Return the digest of a dictionary, in order."""
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
        """Return the digest of a builtin method with the value it is bound to."""
        return _digest("builtin", function.__name__, self.of(function.__self__))

    def partial(self, function: Any) -> bytes:
        """Return the digest of a ``functools.partial``."""
        kept = function.func, function.args, function.keywords
        return _digest("partial", *map(self.of, kept))

    def cached(self, function: Any) -> bytes:
        """Return the digest of a function wrapped in ``functools.cache``."""
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
        """Return the digest of a value that its text describes completely."""
        if isinstance(value, ir.IdentifiedStructType):
            raise _unknown(value)
        return _digest(_full_name(type(value)), str(value))

    def scalar(self, value: Any) -> bytes:
        """Return the digest of a numpy scalar."""
        return _digest("scalar", value.dtype.str, value.tobytes())

    def ufunc(self, function: Any) -> bytes:
        """Return the digest of a numpy ufunc."""
        name = str(function.__name__)
        if getattr(np, name, None) is not function:
            raise UnknownContentError(f"the ufunc {name} does not belong to numpy")
        return _digest("ufunc", name)

    def module(self, module: ModuleType) -> bytes:
        """Return the digest of a module."""
        root = _root(module.__name__)
        if _is_versioned(root):
            return _digest("module", module.__name__, _version(root))
        return _digest("sources", module.__name__, _sources(root))

    def type(self, kind: type) -> bytes:
        """Return the digest of a class, from the sources of its package."""
        if not _is_importable(kind):
            raise _unknown(kind)
        return _digest("class", _full_name(kind), _sources(_root(kind.__module__)))


def jit_options(compiled: Any) -> tuple[Any, ...]:
    """Return the options with which numba compiles a function."""
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
    InlinedRoutine: _Walk.compiled,
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
    return UnknownContentError(f"cannot determine the content of a {_full_name(type(value))}")


def _root(name: str) -> str:
    return name.partition(".")[0]


def _is_versioned(name: str) -> bool:
    """Return whether the version of a module determines its content."""
    return (root := _root(name)) in _VERSIONED or root in sys.stdlib_module_names


@cache
def _version(root: str) -> str:
    if root in sys.stdlib_module_names:
        return ""
    return str(getattr(sys.modules.get(root), "__version__", ""))


def _full_name(value: Any) -> str:
    return f"{value.__module__}.{value.__qualname__}"


@cache
def _is_cached(kind: type) -> bool:
    """Return whether the digests of values of a class are cached."""
    return _describe(kind) in (_Walk.function, _Walk.compiled, _Walk.intrinsic)


@cache
def _describe(kind: type) -> Callable[[_Walk, Any], bytes] | None:
    """Return the method that digests values of a class, or None."""
    # Walk the bases by hand: isinstance would call hooks of abstract base classes.
    for base in kind.__mro__:
        if base in _DESCRIBED:
            return _DESCRIBED[base]
    if _root(kind.__module__) != "numba":
        return None
    if kind.__name__ == "_Intrinsic":
        return _Walk.intrinsic
    return _Walk.compiled if hasattr(kind, "get_call_template") else None


def _is_known_by_name(value: Any) -> bool:
    """Return whether a function or class counts by its name and version."""
    named = isinstance(value, type | FunctionType | BuiltinFunctionType)
    return named and _is_versioned(value.__module__ or "") and _is_importable(value)


def _is_importable(value: Any) -> bool:
    """Return whether looking up the name of a function or class finds it."""
    found: Any = sys.modules.get(value.__module__)
    for name in value.__qualname__.split("."):
        found = getattr(found, name, None)
    return found is value


def _imported(name: str) -> ModuleType:
    try:
        return sys.modules[name]
    except KeyError:
        raise UnknownContentError(
            f"cannot determine the content of the module {name}: it is not imported"
        ) from None


@cache
def _sources(root: str) -> bytes:
    """Return the digest of all sources of a package, or of a single module."""
    module = sys.modules.get(root)
    file = getattr(module, "__file__", None)
    folders = list(getattr(module, "__path__", ()))
    if file is None and not folders:
        raise UnknownContentError(f"cannot find the sources of {root}")
    inside = (path for folder in folders for path in Path(folder).rglob("*"))
    found = sorted(path for path in inside if path.suffix in (".py", ".so", ".pyd"))
    paths = found if folders else [Path(str(file))]
    return _digest("sources", *(path.read_bytes() for path in paths))


def _typed(entry: Any) -> Iterator[Any]:
    """Yield the code of a typing template: its class, or the functions of overloads."""
    templates = getattr(entry[1], "templates", ()) if isinstance(entry, tuple) else (entry,)
    yield from (getattr(template, "_overload_func", template) for template in templates)


def _lowered(entry: Any) -> Iterator[Any]:
    """Yield the function that emits LLVM code, and the functions it wraps."""
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
    """Typings and lowerings that packages other than numba registered with numba."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str], int] = {}
        self._found: list[Any] = []

    def all(self) -> list[Any]:
        """Return all registrations so far."""
        for name, (kinds, written) in _REGISTRIES.items():
            registry = getattr(sys.modules.get(name), "builtin_registry", None)
            for kind in kinds if registry is not None else ():
                entries = getattr(registry, kind)
                new = chain.from_iterable(map(written, entries[self._seen.get((name, kind), 0) :]))
                self._found += (one for one in new if not _is_versioned(_module_of(one)))
                self._seen[name, kind] = len(entries)
        return self._found


_REGISTRATIONS: Final = _Registrations()
