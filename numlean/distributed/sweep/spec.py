"""The specification of a sweep: the recipes of all its points, and how they are executed."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from itertools import product
from math import isfinite, prod
from typing import Any, Final, get_args, get_type_hints

from numlean.data.input_file import read_input, shown_path
from numlean.distributed.sweep.execution import Execution
from numlean.distributed.sweep.point import Point
from numlean.errors import DocumentError, NumleanError
from numlean.json_lines import read_document
from numlean.names import did_you_mean
from numlean.tasks.recipe import Recipe
from numlean.tasks.train_options import TrainOptions

MOST_POINTS: Final = 1_000_000
"""The most points of a sweep."""

_POINTS: Final = "points"
_EXECUTION: Final = "execution"


@dataclass(frozen=True)
class SweepSpec:
    """The points of a sweep, without those that repeat an earlier one, and their execution.

    Attributes:
        points: The points.
        execution: How they are executed.
        repeated: The number of points left out, since they repeat the recipe of an earlier one.
    """

    points: tuple[Point, ...]
    execution: Execution = field(default_factory=Execution)
    repeated: int = 0

    @classmethod
    def load(cls, path: str) -> SweepSpec:
        """Return the specification in a file in TOML.

        Raises:
            NumleanError: The file cannot be read, or is not a specification.
        """
        content = read_input(path, pipes=True)
        try:
            return cls.from_plain(tomllib.loads(content.decode("utf-8")))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
            raise DocumentError(f"{shown_path(path)}: not a file in TOML: {error}") from None
        except NumleanError as error:
            raise DocumentError(f"{shown_path(path)}: {error}") from None

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> SweepSpec:
        """Return the specification of plain data.

        Every key but two is an option of ``numlean train``, with underscores. A list is an axis of
        the grid; an option that is itself a list takes a list of lists. ``points`` is a list of
        tables, each a grid of its own whose options replace those outside. ``execution`` is a table
        with the fields of :class:`Execution`. The last option varies fastest.

        Raises:
            NumleanError: A key is unknown, a value is of the wrong type or out of range, options
                contradict each other, or there are no points, or too many.
        """
        common = dict(plain)
        execution = read_document(Execution, common.pop(_EXECUTION, {}), _EXECUTION)
        grids = common.pop(_POINTS, [{}])
        if not isinstance(grids, list) or not all(isinstance(each, dict) for each in grids):
            raise DocumentError(f"{_POINTS}: expected a list of tables, got {grids!r:.80}")
        axes = [_axes({**common, **grid}) for grid in grids]
        count = sum(prod(map(len, each.values())) for each in axes)
        if not 0 < count <= MOST_POINTS:
            raise NumleanError(
                f"a sweep needs 1 to {MOST_POINTS:,} points, and this one has {count:,}"
            )
        unique = {point.digest: point for grid in axes for point in _points(grid)}
        return cls(tuple(unique.values()), execution, count - len(unique))


def _points(axes: Mapping[str, Sequence[Any]]) -> Iterator[Point]:
    for values in product(*axes.values()):
        options = read_document(TrainOptions, dict(zip(axes, values, strict=True)), "sweep")
        yield Point(Recipe.from_options(options))


def _axes(table: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Return the values of each option.

    Raises:
        DocumentError: An option is unknown, or a number is not finite.
    """
    known = [each.name for each in fields(TrainOptions)]
    for name in table:
        if name not in known:
            near = did_you_mean(name, [*known, _POINTS, _EXECUTION]) or ""
            raise DocumentError(
                f"unknown option {name!r:.80} of a sweep{near}; known are the options of `numlean"
                f" train` that affect bits, with underscores, {_POINTS} and {_EXECUTION}"
            )
    axes = {name: _values(name, value) for name, value in table.items()}
    for name, values in axes.items():
        for each in values:
            if isinstance(each, float) and not isfinite(each):
                raise DocumentError(f"{name}: expected a finite number, got {each}")
    return axes


def _values(name: str, value: Any) -> list[Any]:
    if not isinstance(value, list):
        return [value]
    is_one = name in _list_options() and not any(isinstance(each, list) for each in value)
    return [value] if is_one else value


def _list_options() -> frozenset[str]:
    """Return the names of the options that are lists."""
    types = get_type_hints(TrainOptions)
    return frozenset(name for name, kind in types.items() if tuple[str, ...] in get_args(kind))
