"""The values that an annotation allows, and how a function takes them."""

from __future__ import annotations

import os
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from numbers import Integral, Real
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Final, Literal, TypeVar, Union, get_args, get_origin

WRONG: Final = object()
"""The result of ``Kind.convert`` for a value of another kind."""

_LONGEST: Final = 60

_EXAMPLES: Final = {
    "Tensor": "nl.Tensor.of(scalar, [1.0, 2.0])",
    "Scalar": 'nl.get_scalar("bfloat16")',
    "Optimizer": "nl.adam(0.001)",
    "Layer": "nl.nn.Linear(2, 1)",
    "Loss": "nl.losses.mse()",
    "Task": "nl.Task.regression(model)",
    "Runner": 'nl.instantiate(task, "bfloat16")',
    "TrainConfig": "nl.steps(100)",
    "LoaderTrainConfig": "nl.epochs(10)",
    "Dataset": "nl.Dataset.of_list([(x, y)])",
    "Sample": "nl.Sample(x, y)",
    "Options": "nl.Options(seed=1)",
}
"""How to make an object of a class, by the class's name."""


_BASES: Final = {"Scalar": "numlean.WrappedScalar"}
"""The class to derive an implementation of a protocol from, by the protocol's name."""


@dataclass(frozen=True)
class Kind:
    """The values that an annotation allows.

    Attributes:
        description: What they are, for errors: ``an integer``.
        convert: Returns a value as the function takes it; ``WRONG`` for a value of another kind.
        names: The texts that stand for its values, if there are any.
        lacking: Returns what a value lacks, for errors; "" if it is of an entirely different kind.
        fits: Returns whether every value of a type is taken as it is.
        containers: Types of containers that are taken as they are if their elements are.
        elements: The values that the elements of a container may be.
        alternatives: The kinds of which a value may have any.
    """

    description: str
    convert: Callable[[Any], Any]
    names: tuple[str, ...] = ()
    lacking: Callable[[Any], str] = lambda value: ""
    fits: Callable[[type], bool] = lambda type_: False
    containers: tuple[type, ...] = ()
    elements: Kind | None = None
    alternatives: tuple[Kind, ...] = ()
    _fitting: set[type] = field(default_factory=set, init=False, repr=False, compare=False)

    def takes(self, value: Any) -> bool:
        """Return whether a value's type, and those of its elements, show that it is taken as it is.

        False decides nothing: ``convert`` does.
        """
        kind = type(value)
        if kind in self._fitting:
            return True
        if self.elements is not None and kind in self.containers:
            return all(map(self.elements.takes, value.values() if kind is dict else value))
        if self.alternatives:
            return any(each.takes(value) for each in self.alternatives)
        if self.fits(kind):
            self._fitting.add(kind)
            return True
        return False


def describe_value(value: object) -> str:
    """Return a value as text in one short line, for an error."""
    text = " ".join(repr(value).split())
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}... ({type(value).__name__})"


def as_integer(value: Any) -> Any:
    """Return an integer of any type as a Python int; ``WRONG`` for other values."""
    value = _element(value)
    return int(value) if isinstance(value, Integral) and not isinstance(value, bool) else WRONG


def as_real(value: Any) -> Any:
    """Return a real number as an int or a float; ``WRONG`` for other values."""
    value = _element(value)
    if isinstance(value, bool) or not isinstance(value, Real):
        return WRONG
    try:
        number = float(value)
    except OverflowError:
        return WRONG
    return int(value) if isinstance(value, Integral) else number


def _as_bool(value: Any) -> Any:
    value = _element(value)
    is_bool = isinstance(value, bool) or type(value).__name__ == "bool"  # numpy's
    return bool(value) if is_bool else WRONG


def _element(value: Any) -> Any:
    """Return the only element of a numpy array without axes; any other value as it is."""
    is_of_numpy = type(value).__module__ == "numpy" and getattr(value, "shape", None) == ()
    return value.item() if is_of_numpy else value


_PLAIN: Final[dict[Any, Kind]] = {
    int: Kind("an integer", as_integer, fits=lambda type_: type_ is int),
    float: Kind("a number in the range of binary64", as_real, fits=lambda type_: type_ is float),
    bool: Kind("True or False", _as_bool, fits=lambda type_: type_ is bool),
    str: Kind(
        "a text",
        lambda value: value if isinstance(value, str) else WRONG,
        fits=lambda type_: issubclass(type_, str),
    ),
    NoneType: Kind(
        "None",
        lambda value: value if value is None else WRONG,
        fits=lambda type_: type_ is NoneType,
    ),
    Path: Kind(
        "a path", lambda value: Path(value) if isinstance(value, str | os.PathLike) else WRONG
    ),
}


def kind_of(annotation: Any) -> Kind | None:
    """Return the values that an annotation allows; None if it allows all."""
    if annotation in (Any, object) or isinstance(annotation, TypeVar):
        return None
    if annotation in (None, NoneType):
        return _PLAIN[NoneType]
    if isinstance(annotation, type) and annotation in _PLAIN:
        return _PLAIN[annotation]
    origin = get_origin(annotation)
    if origin in (Union, UnionType):
        return _any_of(get_args(annotation))
    if origin is Literal:
        return _literal(get_args(annotation))
    if origin is tuple:
        return _tuple(get_args(annotation))
    if origin is not None and isinstance(origin, type):
        return _generic(origin, get_args(annotation))
    return _class(annotation) if isinstance(annotation, type) else None


def _any_of(annotations: tuple[Any, ...]) -> Kind | None:
    kinds = [kind_of(each) for each in annotations]
    if None in kinds:
        return None
    known = [kind for kind in kinds if kind is not None]

    def convert(value: Any) -> Any:
        found = [z for z in (kind.convert(value) for kind in known) if z is not WRONG]
        unchanged = (z for z in found if z is value)
        return next(unchanged, found[0] if found else WRONG)

    names = tuple(name for kind in known for name in kind.names)
    texts = any(kind is _PLAIN[str] for kind in known)

    def lacking(value: Any) -> str:
        return next(filter(None, (kind.lacking(value) for kind in known)), "")

    described = _alternatives(known)
    return Kind(described, convert, () if texts else names, lacking, alternatives=tuple(known))


def _alternatives(kinds: list[Kind]) -> str:
    *others, last = dict.fromkeys(kind.description for kind in kinds)
    return f"{', '.join(others)} or {last}" if others else last


def _literal(values: tuple[Any, ...]) -> Kind:
    def convert(value: Any) -> Any:
        return next((v for v in values if type(v) is type(value) and v == value), WRONG)

    names = tuple(v for v in values if isinstance(v, str))
    return Kind(" or ".join(map(repr, values)), convert, names)


def _tuple(arguments: tuple[Any, ...]) -> Kind | None:
    if len(arguments) == 2 and arguments[1] is Ellipsis:
        return _sequence(tuple, kind_of(arguments[0]))
    kinds = [kind_of(each) for each in arguments]

    def convert(value: Any) -> Any:
        if not _is_sequence(value) or len(value) != len(kinds):
            return WRONG
        elements = [z if k is None else k.convert(z) for k, z in zip(kinds, value, strict=True)]
        return _rebuilt(tuple, value, elements)

    parts = ["anything" if kind is None else kind.description for kind in kinds]
    is_pair = len(parts) == 2 and len(set(parts)) == 1
    described = f"a pair, each {parts[0]}" if is_pair else f"a tuple ({', '.join(parts)})"
    return Kind(described, convert)


def _sequence(container: type | None, element: Kind | None) -> Kind:
    def convert(value: Any) -> Any:
        if not _is_sequence(value):
            return WRONG
        elements = value if element is None else [element.convert(z) for z in value]
        return _rebuilt(container, value, elements)

    several = "" if element is None else f", each {element.description}"
    name = "sequence" if container is None else container.__name__
    containers = (tuple, list) if container is None else (container,)
    return Kind(f"a {name}{several}", convert, containers=containers, elements=element)


def _is_sequence(value: Any) -> bool:
    if isinstance(value, str | bytes | Mapping):
        return False
    return hasattr(value, "__len__") and hasattr(value, "__getitem__") and _shape(value) != ()


def _is_iterable(value: Any) -> bool:
    return hasattr(value, "__iter__") and _shape(value) != ()


def _shape(value: Any) -> Any:
    return getattr(value, "shape", None)


def _rebuilt(container: type | None, value: Any, elements: Any) -> Any:
    """Return the value itself if it is fit, or else its converted elements; or ``WRONG``."""
    if any(z is WRONG for z in elements):
        return WRONG
    is_fit = container is None or isinstance(value, container)
    if is_fit and all(a is b for a, b in zip(value, elements, strict=True)):
        return value
    return (container or list)(elements)


def _generic(origin: type, arguments: tuple[Any, ...]) -> Kind | None:
    """Return the values of an annotation such as ``Sequence[int]``."""
    name = origin.__name__
    if name == "Callable":
        return Kind(
            "a function",
            lambda value: value if callable(value) else WRONG,
            fits=lambda type_: any("__call__" in vars(each) for each in type_.__mro__),
        )
    if origin in (list, Sequence):
        return _sequence(list if origin is list else None, kind_of(arguments[0]))
    if issubclass(origin, Mapping):
        return _mapping(arguments)
    if origin is Iterable:
        return Kind("an iterable", lambda value: value if _is_iterable(value) else WRONG)
    return _class(origin)


def _mapping(arguments: tuple[Any, ...]) -> Kind:
    values = kind_of(arguments[1]) if len(arguments) == 2 else None

    def convert(value: Any) -> Any:
        if not isinstance(value, Mapping):
            return WRONG
        is_wrong = values is not None and any(
            values.convert(each) is WRONG for each in value.values()
        )
        return WRONG if is_wrong else value

    several = "" if values is None else f" whose values are each {values.description}"
    return Kind(f"a mapping{several}", convert, containers=(dict,), elements=values)


def _class(cls: type) -> Kind:
    if typing.is_typeddict(cls):
        return _mapping(())
    if issubclass(cls, Enum):
        return _enumeration(cls)
    if getattr(cls, "_is_protocol", False):
        return _protocol(cls)
    fields = getattr(cls, "_fields", None) if issubclass(cls, tuple) else None

    def convert(value: Any) -> Any:
        if isinstance(value, cls):
            return value
        is_row = fields is not None and type(value) is tuple and len(value) == len(fields)
        return cls(*value) if is_row else WRONG

    return Kind(_describe_class(cls), convert, fits=lambda type_: issubclass(type_, cls))


def _describe_class(cls: type) -> str:
    example = _EXAMPLES.get(cls.__name__)
    article = "an" if cls.__name__[0] in "AEIOaeio" else "a"
    return f"{article} {cls.__name__}{f' such as {example}' if example else ''}"


def _enumeration(cls: type[Enum]) -> Kind:
    texts: dict[Any, Enum] = {}
    for member in cls:
        texts |= {member.name.lower(): member, member.value: member}
    names = tuple(str(member.value) for member in cls)

    def convert(value: Any) -> Any:
        if isinstance(value, cls):
            return value
        return texts.get(value, WRONG) if isinstance(value, str) else WRONG

    return Kind(
        f"a {cls.__name__}, one of {', '.join(names)}",
        convert,
        names,
        fits=lambda type_: issubclass(type_, cls),
    )


def _protocol(cls: type) -> Kind:
    parents = [each for each in cls.__mro__ if getattr(each, "_is_protocol", False)]
    members = {name for each in parents for name in vars(each) if name[0] != "_"}
    members |= {"__call__" for each in parents if "__call__" in vars(each)}

    left_to_instances: dict[type, tuple[str, ...]] = {}

    def not_of_class(type_: type) -> tuple[str, ...]:
        """Return the members that a class leaves to its instances."""
        if type_ not in left_to_instances:
            absent = sorted(name for name in members if not hasattr(type_, name))
            left_to_instances[type_] = tuple(absent)
        return left_to_instances[type_]

    def missing(value: Any) -> Iterator[str]:
        return (name for name in not_of_class(type(value)) if not hasattr(value, name))

    def convert(value: Any) -> Any:
        return WRONG if isinstance(value, type) or any(missing(value)) else value

    def lacking(value: Any) -> str:
        absent = [*missing(value)]
        if len(absent) == len(members):
            return ""
        base = _BASES.get(cls.__name__)
        fix = f"; derive the class from {base}, or add them" if base else ""
        return f", which lacks {', '.join(absent)}{fix}"

    def fits(type_: type) -> bool:
        return not issubclass(type_, type) and not not_of_class(type_)

    return Kind(_describe_class(cls), convert, lacking=lacking, fits=fits)
