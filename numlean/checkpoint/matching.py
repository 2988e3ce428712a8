"""Match the tensors of a file with the parameters of a model."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from typing import Final, TypeAlias

from numlean.checkpoint.errors import CheckpointError

Shapes: TypeAlias = dict[str, tuple[int, ...]]

_DIGITS: Final = re.compile(r"\d+")


def match_weights(
    ours: Shapes,
    theirs: Shapes,
    names: Mapping[str, str],
    *,
    optional: Collection[str],
    unusable: Mapping[str, str],
) -> dict[str, str]:
    """Return the tensor name of each parameter.

    Args:
        ours: The shapes of the parameters and buffers.
        theirs: The shapes of the file's tensors of floats.
        names: Known tensor names of parameters.
        optional: The buffers, which the file may lack.
        unusable: The dtypes of the file's other tensors, by name.

    Raises:
        CheckpointError: There is no match, or more than one.
    """
    for name, theirs_name in names.items():
        if name not in ours or theirs_name not in theirs:
            missing = f"parameter {name!r}" if name not in ours else f"tensor {theirs_name!r}"
            raise CheckpointError(
                f"names contains {name!r}: {theirs_name!r}, but the {missing} does not exist"
            )
    left = {name: shape for name, shape in ours.items() if name not in names}
    free = {name: shape for name, shape in theirs.items() if name not in names.values()}
    trained = {name: shape for name, shape in left.items() if name not in optional}
    if trained.keys() <= free.keys():
        taken = {**names, **{name: name for name in left if name in free}}
        if trained and not free.keys() <= left.keys():
            raise CheckpointError(_mismatch(left, free, unusable))
    else:
        taken = {**names, **_by_shape(left, trained, free, unusable)}
    wrong = [
        f"{name} has shape {ours[name]}, but {there} has {theirs[there]}"
        for name, there in taken.items()
        if ours[name] != theirs[there]
    ]
    if wrong:
        raise CheckpointError(f"the shapes of the weights do not match: {'; '.join(wrong)}")
    return {name: taken[name] for name in ours if name in taken}


def _by_shape(
    ours: Shapes, trained: Shapes, theirs: Shapes, unusable: Mapping[str, str]
) -> dict[str, str]:
    """Match all tensors of the file with parameters by shape.

    Also by the last part of the name (``weight``), if the file uses the same ones.
    """
    for wanted in (ours, trained):
        for key in (_last_name_and_shape, _shape):
            there, here = _grouped(theirs, key), _grouped(wanted, key)
            if {k: len(v) for k, v in there.items()} == {k: len(v) for k, v in here.items()}:
                pairs = (_in_order(here[k], there[k]) for k in here)
                return {name: other for group in pairs for name, other in group}
    raise CheckpointError(_mismatch(trained, theirs, unusable))


def _in_order(ours: list[str], theirs: list[str]) -> list[tuple[str, str]]:
    """Return pairs of names, if there is one or the numbers in the file's names order them."""
    if len({_DIGITS.sub("#", name) for name in theirs}) > 1:
        raise CheckpointError(
            f"{', '.join(theirs)} have the same shape and could be any of {', '.join(ours)}: pass"
            " names= to assign them"
        )
    return list(zip(ours, sorted(theirs, key=_numbers), strict=True))


def _mismatch(ours: Shapes, theirs: Shapes, unusable: Mapping[str, str]) -> str:
    surplus = Counter(theirs.values())
    surplus.subtract(Counter(ours.values()))
    parts = {
        "missing": [
            f"{name} {shape}"
            for name, shape in ours.items()
            if name not in theirs and surplus[shape] < 0
        ],
        "unused": [f"{name} {shape}" for name, shape in theirs.items() if name not in ours],
        "not floats": [f"{name} ({dtype})" for name, dtype in unusable.items()],
    }
    listed = "; ".join(f"{kind}: {', '.join(which)}" for kind, which in parts.items() if which)
    return f"the weights do not match this model: {listed}"


def _grouped(
    shapes: Shapes, key: Callable[[str, tuple[int, ...]], object]
) -> dict[object, list[str]]:
    groups: dict[object, list[str]] = {}
    for name, shape in shapes.items():
        groups.setdefault(key(name, shape), []).append(name)
    return groups


def _last_name_and_shape(name: str, shape: tuple[int, ...]) -> object:
    return name.rpartition(".")[2], shape


def _shape(name: str, shape: tuple[int, ...]) -> object:
    return shape


def _numbers(name: str) -> list[int]:
    return [int(digits) for digits in _DIGITS.findall(name)]
