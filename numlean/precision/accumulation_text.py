"""Texts of accumulations: ``ordered(float32)``, ``unit(H100)``, ``exact``, and others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from numlean.arguments import checked
from numlean.errors import NumleanError, UnknownNameError
from numlean.precision.accumulation import (
    Accumulation,
    Blocked,
    Exact,
    Fused,
    Ordered,
    Pairwise,
    QuireAccumulation,
)
from numlean.precision.matrix_units.choice import UnitChoice
from numlean.precision.unit_accumulation import Unit
from numlean.scalar.dtype import ALIASES
from numlean.scalar.protocol import Scalar
from numlean.scalar.registry import resolve_known, scalars

Resolve: TypeAlias = Callable[[str], Scalar]
"""Returns the Scalar of a dtype's text."""

Operands: TypeAlias = tuple[Scalar, Scalar] | None
"""The Scalars of the operands of a product, if they are known."""

_UNIT: Final = "unit"
_MOST_DIGITS: Final = 18


@dataclass(frozen=True)
class _Form:
    """The form of an accumulation's text.

    Attributes:
        arguments: The names of the arguments, in order.
        make: Returns the accumulation of a text's arguments.
    """

    arguments: tuple[str, ...]
    make: Callable[[tuple[str, ...], Resolve, Operands], Accumulation]


@checked
def accumulation_named(text: str, resolve: Resolve, operands: Operands = None) -> Accumulation:
    """Return the accumulation that a text names; ``str`` of it is a text that names it again.

    The texts are ``exact``, ``quire``, ``ordered(DTYPE)``, ``fma(DTYPE)``, ``pairwise(DTYPE)``,
    ``blocked(DTYPE, BLOCK, DTYPE)`` and ``unit(NAME)``. A DTYPE alone means ``ordered(DTYPE)``.
    Arguments are separated by commas; ``option=value`` belongs to the dtype or the unit before it.

    Args:
        text: The text.
        resolve: Returns the Scalar of a dtype's text; its errors are passed on.
        operands: The Scalars of the operands, from which ``unit(H100)`` takes their format.

    Raises:
        UnknownNameError: No accumulation has that name.
        NumleanError: The arguments are not those of the accumulation, or do not fit the operands.
    """
    name, arguments = _parts(text)
    return _FORMS[name].make(arguments, resolve, operands)


def canonical_accumulation(text: str) -> str:
    """Return the text of an accumulation in its own spelling, and its dtypes or unit in theirs.

    Raises:
        UnknownNameError: No accumulation has that name.
        NumleanError: The arguments are not those of the accumulation, or a dtype is unknown.
    """
    return with_dtypes(text, lambda dtype: resolve_known(dtype).text)


def unit_named(text: str) -> UnitChoice | None:
    """Return the matrix unit that an accumulation's text names; None for another accumulation.

    Raises:
        UnknownNameError: No accumulation or no unit has that name.
        NumleanError: The arguments are not those of the accumulation.
    """
    name, arguments = _parts(text)
    return UnitChoice.parse(arguments[0]) if name == _UNIT else None


def with_dtypes(text: str, change: Callable[[str], str]) -> str:
    """Return the text of an accumulation with its dtypes changed; some have none.

    Raises:
        UnknownNameError: No accumulation has that name.
        NumleanError: The arguments are not those of the accumulation.
    """
    name, arguments = _parts(text)
    spellings: Mapping[str, Callable[[str], str]]
    spellings = {"DTYPE": change, "BLOCK": str, "NAME": _unit_text}
    kinds = zip(_FORMS[name].arguments, arguments, strict=True)
    changed = [spellings[kind](each) for kind, each in kinds]
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


def _unit_text(name: str) -> str:
    return str(UnitChoice.parse(name))


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


def _ordered(arguments: tuple[str, ...], resolve: Resolve, operands: Operands) -> Accumulation:
    return Ordered(resolve(arguments[0]))


def _fused(arguments: tuple[str, ...], resolve: Resolve, operands: Operands) -> Accumulation:
    return Fused(resolve(arguments[0]))


def _pairwise(arguments: tuple[str, ...], resolve: Resolve, operands: Operands) -> Accumulation:
    return Pairwise(resolve(arguments[0]))


def _blocked(arguments: tuple[str, ...], resolve: Resolve, operands: Operands) -> Accumulation:
    scalar, block, promote = arguments
    is_integer = block.isascii() and block.isdecimal() and len(block) <= _MOST_DIGITS
    if not is_integer or int(block) < 1:
        raise NumleanError(
            f"the block of {_pattern('blocked')} is a number of terms, 1 or more; got {block!r}"
        )
    return Blocked(resolve(scalar), int(block), resolve(promote))


def _exact(arguments: tuple[str, ...], resolve: Resolve, operands: Operands) -> Accumulation:
    return Exact()


def _quire(arguments: tuple[str, ...], resolve: Resolve, operands: Operands) -> Accumulation:
    return QuireAccumulation()


def _unit(arguments: tuple[str, ...], resolve: Resolve, operands: Operands) -> Accumulation:
    return Unit.of(UnitChoice.parse(arguments[0]), resolve, operands)


_FORMS: Final[Mapping[str, _Form]] = {
    "exact": _Form((), _exact),
    "quire": _Form((), _quire),
    "ordered": _Form(("DTYPE",), _ordered),
    "fma": _Form(("DTYPE",), _fused),
    "pairwise": _Form(("DTYPE",), _pairwise),
    "blocked": _Form(("DTYPE", "BLOCK", "DTYPE"), _blocked),
    _UNIT: _Form(("NAME",), _unit),
}
