"""Texts of accumulations: ``ordered(float32)``, ``blocked(bfloat16, 128, float32)``, ``exact``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from numlean.arguments import checked
from numlean.errors import NumleanError, UnavailableError, UnknownNameError
from numlean.precision.accumulation import (
    Accumulation,
    Blocked,
    Exact,
    Fused,
    Ordered,
    Pairwise,
    QuireAccumulation,
)
from numlean.scalar.dtype import ALIASES
from numlean.scalar.protocol import Scalar
from numlean.scalar.registry import resolve_known, scalars

Resolve: TypeAlias = Callable[[str], Scalar]
"""Returns the Scalar of a dtype's text."""

_MOST_DIGITS: Final = 18


@dataclass(frozen=True)
class _Form:
    """The form of an accumulation's text.

    Attributes:
        arguments: The names of the arguments, in order.
        make: Returns the accumulation of a text's arguments.
    """

    arguments: tuple[str, ...]
    make: Callable[[tuple[str, ...], Resolve], Accumulation]


@checked
def accumulation_named(text: str, resolve: Resolve) -> Accumulation:
    """Return the accumulation that a text names; ``str`` of it is a text that names it again.

    The texts are ``exact``, ``quire``, ``ordered(DTYPE)``, ``fma(DTYPE)``, ``pairwise(DTYPE)``,
    ``blocked(DTYPE, BLOCK, DTYPE)`` and ``unit(NAME)``. A DTYPE alone means ``ordered(DTYPE)``.
    Arguments are separated by commas; ``option=value`` belongs to the dtype before it.

    Args:
        text: The text.
        resolve: Returns the Scalar of a dtype's text; its errors are passed on.

    Raises:
        UnknownNameError: No accumulation has that name.
        NumleanError: The arguments are not those of the accumulation.
        UnavailableError: The accumulation needs a matrix unit.
    """
    name, arguments = _parts(text)
    return _FORMS[name].make(arguments, resolve)


def canonical_accumulation(text: str) -> str:
    """Return the text of an accumulation in its own spelling, and its dtypes in theirs.

    Raises:
        UnknownNameError: No accumulation has that name.
        NumleanError: The arguments are not those of the accumulation, or a dtype is unknown.
    """
    return with_dtypes(text, lambda dtype: resolve_known(dtype).text)


def with_dtypes(text: str, change: Callable[[str], str]) -> str:
    """Return the text of an accumulation with its dtypes changed; some have none.

    Raises:
        UnknownNameError: No accumulation has that name.
        NumleanError: The arguments are not those of the accumulation.
    """
    name, arguments = _parts(text)
    kinds = zip(_FORMS[name].arguments, arguments, strict=True)
    changed = [change(each) if kind == "DTYPE" else each for kind, each in kinds]
    return f"{name}({', '.join(changed)})" if changed else name


def _parts(text: str) -> tuple[str, tuple[str, ...]]:
    """Return the name of an accumulation and its arguments."""
    name, parenthesis, rest = text.strip().partition("(")
    name = name.strip()
    if name in _FORMS:
        return name, _arguments(text, name, parenthesis + rest)
    if parenthesis or not _names_a_dtype(name):
        raise UnknownNameError("accumulation", text, _known(), others=tuple(_FORMS), like=name)
    return "ordered", (name,)


def _names_a_dtype(text: str) -> bool:
    """Return whether a text has the name of a registered dtype, whatever follows it."""
    head = text.partition("@")[0].partition(":")[0]
    return ALIASES.get(head.casefold(), head) in scalars()


def _arguments(text: str, name: str, tail: str) -> tuple[str, ...]:
    """Return the arguments in a text's tail, ``(DTYPE, BLOCK, DTYPE)`` or nothing."""
    form = _FORMS[name]
    if tail and not tail.endswith(")"):
        raise NumleanError(f"accumulation {text!r} does not end in ')'; write {_pattern(name)}")
    given = _split(tail[1:-1]) if tail[1:-1].strip() else ()
    if len(given) != len(form.arguments) or not all(given) or bool(tail) != bool(form.arguments):
        raise NumleanError(f"accumulation {text!r} has other arguments than {_pattern(name)}")
    return given


def _split(arguments: str) -> tuple[str, ...]:
    """Return the arguments of a list; ``option=value`` belongs to the dtype before it."""
    items: list[str] = []
    for item in arguments.split(","):
        if "=" in item and "@" not in item and items:
            items[-1] += f",{item.strip()}"
        else:
            items.append(item.strip())
    return tuple(items)


def _pattern(name: str) -> str:
    arguments = ", ".join(_FORMS[name].arguments)
    return f"{name}({arguments})" if arguments else name


def _known() -> tuple[str, ...]:
    return tuple(_pattern(name) for name in _FORMS)


def _ordered(arguments: tuple[str, ...], resolve: Resolve) -> Accumulation:
    return Ordered(resolve(arguments[0]))


def _fused(arguments: tuple[str, ...], resolve: Resolve) -> Accumulation:
    return Fused(resolve(arguments[0]))


def _pairwise(arguments: tuple[str, ...], resolve: Resolve) -> Accumulation:
    return Pairwise(resolve(arguments[0]))


def _blocked(arguments: tuple[str, ...], resolve: Resolve) -> Accumulation:
    scalar, block, promote = arguments
    is_integer = block.isascii() and block.isdecimal() and len(block) <= _MOST_DIGITS
    if not is_integer or int(block) < 1:
        raise NumleanError(
            f"the block of {_pattern('blocked')} is a number of terms, 1 or more; got {block!r}"
        )
    return Blocked(resolve(scalar), int(block), resolve(promote))


def _exact(arguments: tuple[str, ...], resolve: Resolve) -> Accumulation:
    return Exact()


def _quire(arguments: tuple[str, ...], resolve: Resolve) -> Accumulation:
    return QuireAccumulation()


def _unit(arguments: tuple[str, ...], resolve: Resolve) -> Accumulation:
    raise UnavailableError(
        f"unit({arguments[0]}) needs a matrix unit, and numlean has none yet; use another"
        f" accumulation: {', '.join(name for name in _known() if name != _pattern('unit'))}"
    )


_FORMS: Final[Mapping[str, _Form]] = {
    "exact": _Form((), _exact),
    "quire": _Form((), _quire),
    "ordered": _Form(("DTYPE",), _ordered),
    "fma": _Form(("DTYPE",), _fused),
    "pairwise": _Form(("DTYPE",), _pairwise),
    "blocked": _Form(("DTYPE", "BLOCK", "DTYPE"), _blocked),
    "unit": _Form(("NAME",), _unit),
}
