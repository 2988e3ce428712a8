"""Mutations of JSON documents: every kind of wrong value at every place."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

Place: TypeAlias = tuple[str | int, ...]
"""The keys and indices that lead to a value."""

_HUGE: Final = "9" * 5000
_LONG: Final = "a" * 100_000


@dataclass(frozen=True)
class Raw:
    """A text that stands for a value, and may be no JSON."""

    text: str


@dataclass(frozen=True)
class Change:
    """A changed document.

    Attributes:
        what: What was changed, in words.
        document: The document, which may contain ``Raw`` texts.
        is_wrong: Whether no reader may take it; otherwise it may mean something else.
    """

    what: str
    document: Any
    is_wrong: bool


_WRONG_ANYWHERE: Final = (
    *("NaN", "-Infinity", "1e999", "-1e999", _HUGE, f"-{_HUGE}"),
    *(r'"\ud800"', r'"a\udfff"', "[" * 100_000 + "]" * 100_000, "[" * 250 + "]" * 250),
    *('{"a": 1, "a": 1}', "'x'", "01", "0x1", "tru", ""),
)
"""Texts that no document may contain."""

_ODD: Final = (
    *("null", "true", "false", "0", "-1", "1", "2", "1.5", "-0.0", "1e308", "5e-324"),
    *(str(10**18), str(2**63), str(2**64), str(-(2**63)), "9" * 900, "1e18"),
    *('""', '"x"', r'"\u0000"', r'"\u001b[31mred"', r'"a\nb"', '"[/b]$x^2$"', f'"{_LONG}"'),
    *('"/dev/zero"', '"1e999999999"', '"mp:10000000"', '"mp:1000000"', '"mp:0"'),
    *('"ieee:e11m52"', '"bfloat16@round=stochastic,seed=-1"', f'"mp:{_HUGE}"', '"mp:20"'),
    *(f'"bfloat16@round=stochastic,seed={_HUGE}"', '"nan"', '"inf"', '"\u202egpj.exe"'),
    *("[]", "{}", "[[]]", "[0]", '{"class": "os.system"}', '{"__reduce__": []}'),
    *("[1000000000]", f"[{','.join(['1'] * 100_000)}]", "[-1]", "[100000000,100000000]"),
    "[" * 100 + "]" * 100,
)
"""Texts that may have a meaning somewhere."""


def changes(document: Any, draw: random.Random, is_free: Callable[[Place], bool]) -> Change:
    """Return a random change of a document.

    Args:
        document: The document.
        draw: Selects the change.
        is_free: Tells whether a value may be anything.
    """
    place = draw.choice([place for place in places(document) if place])
    named, old = ".".join(map(str, place)), value_at(document, place)
    match draw.randrange(8):
        case 0:
            text = draw.choice(_WRONG_ANYWHERE)
            return Change(f"{named} = {text:.40}", _with(document, place, Raw(text)), True)
        case 1:
            return Change(f"{named} left out", _without(document, place), False)
        case 2:
            return _with_another_field(document, place[:-1], draw, is_free)
        case 3 if isinstance(place[-1], str):
            parent = value_at(document, place[:-1])
            twice = [f"{json.dumps(key)}: {render(each)}" for key, each in parent.items()]
            twice.append(f"{json.dumps(place[-1])}: {render(old)}")
            text = f"{{{', '.join(draw.sample(twice, len(twice)))}}}"
            changed = Raw(text) if len(place) == 1 else _with(document, place[:-1], Raw(text))
            return Change(f"{named} twice", changed, True)
        case 4:
            other = draw.choice([each for each in places(document) if each])
            value = value_at(document, other)
            changed = _with(document, place, value)
            same = f"{named} = {'.'.join(map(str, other))}"
            return Change(same, changed, False)
    text = draw.choice(_ODD)
    is_wrong = not is_free(place) and _is_of_another_type(old, json.loads(text))
    return Change(f"{named} = {text:.40}", _with(document, place, Raw(text)), is_wrong)


def _with_another_field(
    document: Any, place: Place, draw: random.Random, is_free: Callable[[Place], bool]
) -> Change:
    name = draw.choice(("save", "log", "plot", "resume", "__class__", "", "\0", "a\nb", "run"))
    parent = value_at(document, place)
    if not isinstance(parent, dict):
        return Change(
            f"{'.'.join(map(str, place))} longer", _with(document, place, [*parent, 7]), False
        )
    is_new = name not in parent
    changed = {**parent, name: draw.choice(("written-by-a-file", 1, None))}
    what = f"another field {name!r} in {'.'.join(map(str, place)) or 'the document'}"
    is_wrong = is_new and not is_free((*place, name))
    return Change(what, _with(document, place, changed) if place else changed, is_wrong)


def _is_of_another_type(old: Any, new: Any) -> bool:
    """Return whether no field that has one value may have the other.

    A field that may be null, or is, may be of any one type, which this cannot know.
    """
    if old is None or new is None:
        return False
    numbers = (int, float)
    if type(old) in numbers and type(new) in numbers:
        return False
    return type(old) is not type(new)


def places(value: Any, place: Place = ()) -> Iterator[Place]:
    """Yield the places of a document and of everything in it."""
    yield place
    if isinstance(value, dict | list):
        for key, each in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(each, (*place, key))


def value_at(value: Any, place: Place) -> Any:
    """Return the value at a place."""
    for key in place:
        value = value[key]
    return value


def _with(document: Any, place: Place, value: Any) -> Any:
    """Return a document with another value at a place."""
    if not place:
        return value
    key, *rest = place
    copy = document.copy()
    copy[key] = _with(document[key], tuple(rest), value)
    return copy


def _without(document: Any, place: Place) -> Any:
    """Return a document without the value at a place."""
    copy = value_at(document, place[:-1]).copy()
    del copy[place[-1]]
    return _with(document, place[:-1], copy)


def render(value: Any) -> str:
    """Return a document as text."""
    match value:
        case Raw():
            return value.text
        case dict():
            inner = (f"{json.dumps(key)}: {render(each)}" for key, each in value.items())
            return f"{{{', '.join(inner)}}}"
        case list() | tuple():
            return f"[{', '.join(map(render, value))}]"
    return json.dumps(value)
