"""Scalings as texts: ``tensor``, ``row``, ``block(1x128,power_of_two)``, ``tensor(delayed)``."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from numlean.arguments import checked
from numlean.errors import NumleanError, UnknownNameError
from numlean.precision.scaling.hadamard import Hadamard
from numlean.precision.scaling.scaling import (
    ROW,
    TENSOR,
    Current,
    Delayed,
    Granularity,
    Int8,
    Scaling,
)
from numlean.precision.scaling.shared import Shared
from numlean.scalar.dtype import split_outside_parentheses

_GRANULARITIES: Final = {"tensor": TENSOR, "row": ROW, "channel": ROW}
_METHODS: Final = ("current", "delayed", "int8")
_SHARED: Final = ("mx", "nvfp4")
_NAMES: Final = ("tensor", "row", "channel", "block", *_METHODS)
_TRANSPOSES: Final = ("source", "copy")
_OPTIONS: Final = (*_METHODS, *_SHARED, "power_of_two", "amax_epsilon", "transpose")
_HADAMARD: Final = "hadamard"
_SHARED_SETTINGS: Final = ("rule", "preset", _HADAMARD)
_ALGORITHMS: Final = ("max", "most_recent")
_FORM: Final = "write it as tensor, row or block(1x128), with options as in tensor(power_of_two)"
_EXTENTS: Final = re.compile(r"(\d{1,9})x(\d{1,9})", re.ASCII)
_INTEGER: Final = re.compile(r"[+-]?\d{1,9}", re.ASCII)
_SEED: Final = re.compile(r"\d{1,20}", re.ASCII)
_DECIMAL: Final = re.compile(r"(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?", re.ASCII | re.IGNORECASE)


@checked
def scaling_named(text: str) -> Scaling:
    """Return the scaling that a text describes.

    ``tensor``, ``row`` (or ``channel``) and ``block(RxK)`` take options in parentheses:
    ``amax_epsilon=X``, ``power_of_two``, ``int8`` and, for tensor, ``delayed`` or
    ``delayed(history=H,algo=max,margin=M)``, for block ``mx`` or ``nvfp4``, whose settings are
    ``rule=R``, ``preset=P`` and ``hadamard`` or ``hadamard(seed=N)``; ``current`` is the default. A
    method alone means one scale for a tensor. ``transpose=copy`` is for row and block.

    Raises:
        NumleanError: The text describes none.
    """
    name, arguments = _split_call(text, text)
    if name not in _NAMES:
        raise UnknownNameError("scaling", name, _NAMES)
    if name in _METHODS:
        return _with_options(Scaling(), [text.strip()], text)
    if name != "block":
        return _with_options(Scaling(_GRANULARITIES[name]), arguments, text)
    extents = _EXTENTS.fullmatch(arguments[0]) if arguments else None
    if extents is None:
        raise NumleanError(
            f"scaling {text!r}: block takes rows x terms first, as in block(1x128) or"
            " block(128x128)"
        )
    return _with_options(Scaling(Granularity(*map(int, extents.groups()))), arguments[1:], text)


def _with_options(scaling: Scaling, options: list[str], text: str) -> Scaling:
    given: set[str] = set()
    for option in options:
        name, arguments = _split_call(option, text)
        name, value = _split_value(name)
        if name not in _OPTIONS:
            raise UnknownNameError("option of a scaling", name, _OPTIONS)
        kind = name if name in ("power_of_two", "transpose") else "method"
        if kind in given:
            raise NumleanError(
                f"scaling {text!r}: {option!r} and an option before it exclude each other"
            )
        given.add(kind)
        scaling = _with_option(scaling, name, arguments, value, text)
    return scaling


def _with_option(
    scaling: Scaling, name: str, arguments: list[str], value: str | None, text: str
) -> Scaling:
    if name == "amax_epsilon":
        if arguments or value is None or _DECIMAL.fullmatch(value) is None:
            raise NumleanError(f"scaling {text!r}: write amax_epsilon=X, with a number X from 0")
        return replace(scaling, method=Current(float(value)))
    if name == "transpose":
        if arguments or value not in _TRANSPOSES:
            raise NumleanError(
                f"scaling {text!r}: write transpose=source (the default) or transpose=copy"
            )
        chosen: Any = value
        return replace(scaling, transpose=chosen)
    if name in _SHARED and value is None:
        return replace(scaling, method=_shared(name, arguments, text))
    if value is not None or (arguments and name != "delayed"):
        raise NumleanError(f"scaling {text!r}: {name} takes no value")
    if name == "delayed":
        return replace(scaling, method=_delayed(arguments, text))
    if name == "int8":
        return replace(scaling, method=Int8())
    return replace(scaling, power_of_two=True) if name == "power_of_two" else scaling


def _shared(kind: str, settings: list[str], text: str) -> Shared:
    values: dict[str, Any] = {}
    for setting in settings:
        name, arguments = _split_call(setting, text) if "(" in setting else (setting, [])
        name, value = _split_value(name)
        if name not in _SHARED_SETTINGS:
            raise UnknownNameError(f"setting of {kind}", name, _SHARED_SETTINGS)
        is_hadamard = name == _HADAMARD
        if name in values or (value is None) != is_hadamard or (arguments and not is_hadamard):
            raise NumleanError(
                f"scaling {text!r}: write each setting of {kind} once, as rule=R, preset=P,"
                " hadamard or hadamard(seed=N)"
            )
        values[name] = _hadamard(arguments, text) if is_hadamard else value
    chosen: Any = kind
    shared = Shared(chosen, **values)
    shared.check()
    return shared


def _hadamard(settings: list[str], text: str) -> Hadamard:
    if not settings:
        return Hadamard()
    name, value = _split_value(settings[0])
    if len(settings) > 1 or name != "seed" or _SEED.fullmatch(value or "") is None:
        raise NumleanError(f"scaling {text!r}: write hadamard, or hadamard(seed=N) with N from 0")
    return Hadamard(int(value or ""))


def _delayed(settings: list[str], text: str) -> Delayed:
    values: dict[str, Any] = {}
    for setting in settings:
        name, value = _split_value(setting)
        if name not in _DELAYED:
            raise UnknownNameError("setting of delayed", name, tuple(_DELAYED))
        if value is None or name in values:
            raise NumleanError(f"scaling {text!r}: write each setting once, as name=value")
        values[name] = _DELAYED[name](name, value, text)
    return Delayed(**values)


def _integer(name: str, value: str, text: str) -> int:
    if _INTEGER.fullmatch(value) is None:
        raise NumleanError(f"scaling {text!r}: {name} is an integer, got {value!r}")
    return int(value)


def _algorithm(name: str, value: str, text: str) -> str:
    if value not in _ALGORITHMS:
        raise UnknownNameError(name, value, _ALGORITHMS)
    return value


_DELAYED: Final[dict[str, Callable[[str, str, str], Any]]] = {
    "history": _integer,
    "algo": _algorithm,
    "margin": _integer,
}


def _split_call(part: str, text: str) -> tuple[str, list[str]]:
    """Return the name and the arguments of ``name`` or ``name(argument,...)``."""
    name, parenthesis, rest = (piece.strip() for piece in part.strip().partition("("))
    is_closed = rest.endswith(")") if parenthesis else ")" not in name
    if not name or "," in name or not is_closed:
        raise NumleanError(f"{text!r} is not a scaling; {_FORM}")
    return name, _split(rest[:-1], text) if parenthesis else []


def _split_value(part: str) -> tuple[str, str | None]:
    """Return the name and the value of ``name=value``; None if there is no value."""
    name, equals, value = part.partition("=")
    return name.strip(), value.strip() if equals else None


def _split(arguments: str, text: str) -> list[str]:
    """Return arguments that commas outside of parentheses separate."""
    parts = [part.strip() for part in split_outside_parentheses(arguments, "the options")]
    if not all(parts):
        raise NumleanError(f"{text!r} is not a scaling; {_FORM}")
    return parts
