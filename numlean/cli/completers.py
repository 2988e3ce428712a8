"""Answers to the script of ``numlean completion``: the words that may stand at the cursor."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, TypeAlias

import argcomplete
from argcomplete.completers import FilesCompleter
from argcomplete.lexers import split_line

_Completer: TypeAlias = Callable[..., Iterable[str]]

_FILE: Final = re.compile(r"FILE|DIR|CHECKPOINT|OUT")
_POLICY: Final = "policy:"


def answer(build_parser: Callable[[Sequence[str]], argparse.ArgumentParser]) -> None:
    """Write the words that complete the command line in the environment, and end the program.

    Args:
        build_parser: Returns the parser for the words of a command line.
    """
    line = os.environ.get("COMP_LINE", "")
    point = os.environ.get("COMP_POINT", "")
    position = int(point) if point.isascii() and point.isdecimal() else len(line)
    parser = build_parser(split_line(line, position)[3][1:])
    _add_completers(parser)
    argcomplete.autocomplete(parser, always_complete_options="long")


def _add_completers(parser: argparse.ArgumentParser) -> None:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for each in action.choices.values():
                _add_completers(each)
        elif action.choices is None:
            setattr(action, "completer", completer_of(action))  # noqa: B010


def completer_of(action: argparse.Action) -> _Completer:
    """Return the function that completes the values of an option or argument."""
    name = action.option_strings[-1] if action.option_strings else action.metavar
    if name in _BY_NAME:
        return _BY_NAME[name]
    return FilesCompleter() if _FILE.search(str(action.metavar or "")) else _nothing


def _nothing(**_: Any) -> Iterable[str]:
    return ()


def dtypes(**_: Any) -> list[str]:
    """Return the dtypes; of a family such as ``mp:PREC``, what its names begin with."""
    from numlean.scalar.registry import scalar_backends

    patterns = (backend.pattern for _, backend in scalar_backends())
    return [head + colon for head, colon, _ in (text.partition(":") for text in patterns)]


def tasks(**_: Any) -> Iterable[str]:
    """Return the tasks."""
    from numlean.tasks import task_names

    return task_names()


def policies(**_: Any) -> list[str]:
    """Return the named policies."""
    from numlean.precision import policies as known

    return [each.name for each in known.named()]


def _policies_and_files(prefix: str = "", **_: Any) -> list[str]:
    return [*policies(), *FilesCompleter(allowednames=["toml"])(prefix)]


def _runs(**_: Any) -> list[str]:
    return [*dtypes(), *(_POLICY + each for each in policies())]


def _in_list(completer: _Completer) -> _Completer:
    """Return a function that completes the last item of a list with commas."""

    def complete(prefix: str = "", **options: Any) -> list[str]:
        before = prefix[: prefix.rfind(",") + 1]
        given = before.split(",")
        return [before + each for each in completer(**options) if each not in given]

    return complete


def _optimizers(**_: Any) -> Iterable[str]:
    from numlean.optim import OPTIMIZERS

    return tuple(OPTIMIZERS)


def _schedules(**_: Any) -> Iterable[str]:
    from numlean.tasks.optimization import SCHEDULES

    return tuple(SCHEDULES)


def _activations(**_: Any) -> Iterable[str]:
    from numlean.tasks.table import ACTIVATIONS

    return tuple(ACTIVATIONS)


def _devices(**_: Any) -> Iterable[str]:
    return "cpu", "cuda", "python"


_BY_NAME: Final[dict[object, _Completer]] = {
    **dict.fromkeys(("--dtype", "--to", "--master", "--high", "--low", "--truth", "DTYPE"), dtypes),
    "--accumulate": dtypes,
    "--dtypes": _in_list(_runs),
    **dict.fromkeys(("--a", "--b"), _runs),
    **dict.fromkeys(("--policy", "POLICY"), _policies_and_files),
    "--policies": _in_list(policies),
    **dict.fromkeys(("TASK", "--task"), tasks),
    "--optim": _optimizers,
    "--schedule": _schedules,
    "--activation": _activations,
    "--device": _devices,
}
"""The completer of an option, or of an argument by its placeholder."""
