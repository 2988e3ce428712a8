"""Functions and classes that check their arguments by their annotations."""

from __future__ import annotations

import builtins
import inspect
import sys
import typing
from collections.abc import Callable, Iterable, Mapping
from functools import wraps
from types import FunctionType
from typing import Any, TypeVar

from numlean.arguments.kinds import WRONG, Kind, describe_value, kind_of
from numlean.errors import NumleanError, UnknownNameError

T = TypeVar("T")


def checked(target: T) -> T:
    """Check the arguments of a function, or of a class's constructor and public methods.

    A class's inherited methods are checked where they are defined, and an abstract method where it
    is implemented.
    """
    if not isinstance(target, type):
        return typing.cast("T", _checking(typing.cast("FunctionType", target)))
    for name, member in list(vars(target).items()):
        if name in ("__init__", "__call__") or not name.startswith("_"):
            _replace_method(target, name, member)
    return target


def _replace_method(owner: type, name: str, member: object) -> None:
    """Replace a function, or the function in a class method or static method."""
    if isinstance(member, FunctionType):
        setattr(owner, name, _checking(member, owner))
    elif isinstance(member, classmethod | staticmethod):
        wrapper = type(member)
        setattr(owner, name, wrapper(_checking(typing.cast("FunctionType", member.__func__))))


def _checking(function: FunctionType, owner: type | None = None) -> Callable[..., Any]:
    """Return a function that checks its arguments and calls another one."""
    if getattr(function, "__isabstractmethod__", False):
        return function
    parameters = _Parameters(function, owner)

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        if parameters.fit(args, kwargs):
            return function(*args, **kwargs)
        return function(*parameters.positional(args), **parameters.named(kwargs))

    return call


class _Parameters:
    """The kinds of a function's parameters, found when it is first called."""

    def __init__(self, function: FunctionType, owner: type | None) -> None:
        self._function = function
        self._owner = owner
        self._positional: list[tuple[str, Kind | None]] | None = None
        self._rest: tuple[str, Kind | None] = ("", None)
        self._named: dict[str, Kind | None] = {}

    def fit(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
        """Return whether the types of the arguments alone show that all are taken as they are."""
        if self._positional is None:
            self._find()
        known = self._positional or []
        for (_, kind), value in zip(known, args, strict=False):
            if kind is not None and not kind.takes(value):
                return False
        for name, value in kwargs.items():
            kind = self._named.get(name)
            if kind is not None and not kind.takes(value):
                return False
        _, kind = self._rest
        return kind is None or all(map(kind.takes, args[len(known) :]))

    def positional(self, args: tuple[Any, ...]) -> Iterable[Any]:
        """Return positional arguments, checked."""
        known = self._positional or []
        checked = [
            value if kind is None else self._check(name, kind, value)
            for (name, kind), value in zip(known, args, strict=False)
        ]
        name, kind = self._rest
        further = args[len(known) :]
        if kind is None:
            return [*checked, *further]
        return [*checked, *(self._check(name, kind, value) for value in further)]

    def named(self, kwargs: dict[str, Any]) -> dict[str, Any]:
        """Return arguments that are given by name, checked."""
        for name, value in kwargs.items():
            kind = self._named.get(name)
            if kind is not None:
                kwargs[name] = self._check(name, kind, value)
        return kwargs

    def _find(self) -> None:
        known = inspect.unwrap(self._function).__globals__
        hints = typing.get_type_hints(self._function, known, Names(known))
        kinds = []
        for name, parameter in inspect.signature(self._function).parameters.items():
            kind = kind_of(hints[name]) if name in hints else None
            if parameter.kind is parameter.VAR_POSITIONAL:
                self._rest = (name, kind)
            elif parameter.kind is not parameter.VAR_KEYWORD:
                self._named[name] = kind
                if parameter.kind is not parameter.KEYWORD_ONLY:
                    kinds.append((name, kind))
        self._positional = kinds

    def _check(self, name: str, kind: Kind, value: Any) -> Any:
        converted = kind.convert(value)
        if converted is not WRONG:
            return converted
        if kind.names and isinstance(value, str):
            raise UnknownNameError(name, value, kind.names)
        raise NumleanError(
            f"{self._called}: {name} must be {kind.description}, got"
            f" {describe_value(value)}{kind.lacking(value)}"
        )

    @property
    def _called(self) -> str:
        """The name under which a user calls the function."""
        if self._owner is not None and self._function.__name__ in ("__init__", "__call__"):
            return self._owner.__name__
        return self._function.__qualname__.removesuffix("_")


class Names(dict[str, Any]):
    """The names in annotations of a module.

    Aliases that are texts are evaluated, and names that the module imports for type checkers only
    are those of numlean's loaded modules.
    """

    def __init__(self, known: Mapping[str, Any]) -> None:
        super().__init__()
        self._known = known

    def __missing__(self, name: str) -> Any:
        if isinstance(self._known.get(name), str):
            return eval(self._known[name], dict(self._known), Names(self._known))
        if name in self._known or hasattr(builtins, name):
            raise KeyError(name)
        for module_name, module in list(sys.modules.items()):
            if module_name.startswith("numlean") and name in vars(module):
                return vars(module)[name]
        raise KeyError(name)
