"""Plain data for JSON: one object on a line, and documents read into typed structures."""

from __future__ import annotations

import json
import re
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from math import isfinite
from types import NoneType, UnionType
from typing import (
    Any,
    Final,
    Literal,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

from numlean.display_text import printable
from numlean.errors import DocumentError
from numlean.names import did_you_mean

T = TypeVar("T")

MAX_DEPTH: Final = 200
"""The maximum number of nested objects and lists in a document."""

BYTES_PER_VALUE: Final = 100
"""The bytes that a value of a document takes in memory, at most, beside its text."""

MAX_DIGITS: Final = 1000
"""The maximum number of digits of an integer in a document."""

_NEEDS_2_BYTES: Final = re.compile(rb"[\xc4-\xff]|\\u")
_NEEDS_4_BYTES: Final = re.compile(rb"[\xf0-\xff]|\\u[dD][89abAB]")
"""Characters beyond U+00FF and U+FFFF, in UTF-8 and as JSON escapes them."""

_PLAIN: Final = (bool, int, str)
"""Types whose values are taken as they are."""

_GREATEST_INT: Final = int(sys.float_info.max)


def nonfinite_to_null(value: Any) -> Any:
    """Return the value with None for each float that is not finite, and lists for tuples."""
    match value:
        case float():
            return value if isfinite(value) else None
        case dict():
            return {key: nonfinite_to_null(each) for key, each in value.items()}
        case list() | tuple():
            return [nonfinite_to_null(each) for each in value]
    return value


def json_line(values: Mapping[str, Any]) -> str:
    """Return one JSON object on one line; floats that are not finite become null."""
    # DEL is the only control character that JSON does not require to be escaped.
    return json.dumps(nonfinite_to_null(dict(values))).replace("\x7f", "\\u007f")


def parse_json(text: str | bytes, name: str) -> Any:
    """Return the data of a JSON text from outside, read strictly.

    Unlike ``json.loads``, refuse NaN, infinities, numbers that overflow, texts that are not Unicode
    (lone surrogates), an object with two fields of the same name, nesting deeper than
    ``MAX_DEPTH``, and integers of more than ``MAX_DIGITS`` digits.

    Args:
        text: The JSON text.
        name: The name of the document in error messages.

    Raises:
        DocumentError: The text is not valid JSON, or contains something that is refused.
    """
    try:
        plain = json.loads(
            text,
            object_pairs_hook=_unique,
            parse_int=_integer,
            parse_float=_finite,
            parse_constant=_finite,
        )
    except DocumentError as error:
        raise DocumentError(f"{name}: {error}") from None
    except (ValueError, RecursionError):
        raise DocumentError(f"{name}: not valid JSON, or truncated") from None
    _check_values(plain, name, MAX_DEPTH)
    return plain


def memory_of_json(text: bytes) -> int:
    """Return an upper bound of the bytes that the values of JSON texts, one per line, take."""
    # Each value and each name of a field, but the first, follows one of these. Texts may have them.
    marks = (b",", b":", b"[", b"{", b"\n")
    return _growth(text) * len(text) + BYTES_PER_VALUE * sum(text.count(mark) for mark in marks)


def _growth(text: bytes) -> int:
    """Return how many bytes of Python's texts one byte of a JSON text gives, at most.

    A text in Python has 1, 2 or 4 bytes for each character: as many as its widest one needs.
    """
    if b"\0" in text:  # UTF-16, with at least 2 bytes for a character, or UTF-32
        return 2
    if _NEEDS_4_BYTES.search(text):
        return 4
    return 2 if _NEEDS_2_BYTES.search(text) else 1


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        count = Counter(name for name, _ in pairs)
        twice = next(name for name in count if count[name] > 1)
        raise DocumentError(f"the field {twice!r:.80} occurs twice in an object")
    return found


def _integer(text: str) -> int:
    if len(text) > MAX_DIGITS:
        raise DocumentError(
            f"expected integers of at most {MAX_DIGITS} digits, got one of {len(text)}"
        )
    return int(text)


def _finite(text: str) -> float:
    number = float(text)
    if not isfinite(number):
        raise DocumentError(f"expected a finite number, got {text:.80}")
    return number


def _check_values(plain: Any, name: str, left: int) -> None:
    """Check the nesting and the texts."""
    if left < 0:
        raise DocumentError(f"{name}: more than {MAX_DEPTH} nested objects and lists")
    match plain:
        case str() if not plain.isascii():
            _check_unicode(plain, name)
        case list():
            for each in plain:
                _check_values(each, name, left - 1)
        case dict():
            for key, each in plain.items():
                _check_values(key, name, left)
                _check_values(each, name, left - 1)


def _check_unicode(text: str, name: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise DocumentError(f"{name}: {text!r:.80} contains half of a surrogate pair") from None


def read_document(kind: type[T], plain: object, name: str) -> T:
    """Return a dataclass or TypedDict made of plain data, each field checked.

    Annotations may be ``None bool int float str Any``, ``Literal``, ``X | None``, a union of
    dataclasses, ``list[X]``, ``tuple[X, ...]``, ``dict[str, X]``, NamedTuples (written as lists,
    at the end of which fields with a default may be absent), dataclasses and TypedDicts.

    Args:
        kind: The dataclass or TypedDict.
        plain: Data as JSON gives it. A field with a default may be absent; an unknown one is an
            error.
        name: The name of the document in error messages.

    Raises:
        DocumentError: A field is missing, unknown or of another type.
    """
    value: T = _read(kind, plain, name)
    return value


def _read(kind: Any, plain: Any, where: str) -> Any:
    origin, inner = get_origin(kind), get_args(kind)
    if is_dataclass(kind) or is_typeddict(kind):
        return _read_fields(kind, plain, where)
    if origin in (Union, UnionType):
        return _read_union(inner, plain, where)
    if origin in (list, tuple) and isinstance(plain, list):
        if inner[0] in _PLAIN and all(type(each) is inner[0] for each in plain):
            return origin(plain)
        return origin(_read(inner[0], each, f"{where}[{k}]") for k, each in enumerate(plain))
    if origin is dict and isinstance(plain, dict):
        return {
            key: _read(inner[1], each, f"{where}.{printable(key, 80)}")
            for key, each in plain.items()
        }
    if _is_named_tuple(kind) and isinstance(plain, list) and _fits(kind, len(plain)):
        types = _types(kind)
        return kind(
            *(_read(types[k], v, f"{where}.{k}") for k, v in zip(types, plain, strict=False))
        )
    if kind is float and type(plain) is int and abs(plain) <= _GREATEST_INT:
        return float(plain)
    if kind is Any or type(plain) is kind or (origin is Literal and plain in inner):
        return plain  # a bool is not an int here
    raise DocumentError(f"{where}: expected {_type_name(kind)}, got {plain!r:.80}")


def _read_fields(kind: Any, plain: Any, where: str) -> Any:
    if not isinstance(plain, dict):
        raise DocumentError(f"{where}: expected an object, got {plain!r:.80}")
    types, required = _types(kind), _required_fields(kind)
    for name in plain:
        if name not in types:
            near = did_you_mean(name, types)
            known = ", ".join(types)
            raise DocumentError(f"{where}: unknown field {name!r:.80}; known: {known}{near}")
    for name in types:
        if name in required and name not in plain:
            raise DocumentError(f"{where}: the field {name!r} is missing")
    return kind(**{k: _read(types[k], each, f"{where}.{k}") for k, each in plain.items()})


@cache
def _types(kind: Any) -> dict[str, Any]:
    return get_type_hints(kind)


def _required_fields(kind: Any) -> frozenset[str]:
    if is_typeddict(kind):
        required: frozenset[str] = kind.__required_keys__
        return required
    return frozenset(
        field.name
        for field in fields(kind)
        if field.default is MISSING and field.default_factory is MISSING
    )


def _read_union(kinds: tuple[Any, ...], plain: Any, where: str) -> Any:
    if plain is None and NoneType in kinds:
        return None
    others = [kind for kind in kinds if kind is not NoneType]
    if len(others) > 1 and isinstance(plain, dict):
        others = [kind for kind in others if _required_fields(kind) <= set(plain)] or others
    return _read(others[0], plain, where)


def _fits(kind: Any, count: int) -> bool:
    """Return whether a NamedTuple can be made of so many values."""
    most = len(kind._fields)
    return most - len(kind._field_defaults) <= count <= most


def _is_named_tuple(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, tuple) and hasattr(kind, "_fields")


def _type_name(kind: Any) -> str:
    if get_origin(kind) is Literal:
        return " or ".join(map(repr, get_args(kind)))
    if _is_named_tuple(kind):
        return f"a list of {', '.join(kind._fields)}"
    return kind.__name__ if get_origin(kind) is None else str(kind)
