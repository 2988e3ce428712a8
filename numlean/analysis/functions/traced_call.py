"""One call of a user's function in one arithmetic, with every operation recorded."""

from __future__ import annotations

import linecache
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from inspect import unwrap
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, Final, TypeAlias

from numlean.autograd.indices import INDEX
from numlean.autograd.literal import TensorLike, as_tensor
from numlean.autograd.tensor import Tensor
from numlean.errors import NumleanError
from numlean.scalar.contract import reset_stream
from numlean.scalar.flags import Flags
from numlean.scalar.protocol import Scalar
from numlean.scalar.wrappers.counting import CountingScalar, supports_flags
from numlean.scalar.wrappers.tracing import Location, Trace, TracedOperation, TracingScalar

Function: TypeAlias = Callable[..., Tensor | Sequence[Tensor]]
"""A function of tensors."""

INPUTS: Final = "inputs"
_OWN_PACKAGE: Final = "numlean"


@dataclass(frozen=True)
class Arguments:
    """The arguments of a function.

    Attributes:
        positional: The positional arguments.
        named: The keyword arguments.
    """

    positional: tuple[TensorLike, ...]
    named: Mapping[str, TensorLike]


@dataclass(frozen=True, eq=False)
class Call:
    """The operations and results of a function in one arithmetic.

    Attributes:
        name: The name of the arithmetic.
        scalar: The arithmetic.
        results: The results of the function; several tensors if it returned a sequence.
        operations: The operations, including the conversions of the inputs.
        flags: The count of each exception; None if the arithmetic does not count them.
    """

    name: str
    scalar: Scalar
    results: tuple[Tensor, ...]
    operations: tuple[TracedOperation, ...]
    flags: dict[str, int] | None


class CallTrace(Trace):
    """A trace whose locations are lines of the traced program while it is called.

    Attributes:
        place: The location of the next operation.
    """

    def __init__(self, file: str | None) -> None:
        self._file = file
        super().__init__()

    @property
    def place(self) -> Location:
        """The location that was set, or the current line of the caller's program."""
        return self._place or _line_of(sys._getframe(1), self._file)

    @place.setter
    def place(self, place: Location) -> None:
        self._place: Location | None = place

    def call(self, function: Function, *arguments: Any, **named: Any) -> Any:
        """Call a function; the locations of its operations are its lines."""
        self._place = None
        return function(*arguments, **named)


def trace_call(f: Function, arguments: Arguments, name: str, scalar: Scalar) -> Call:
    """Call a function in an arithmetic, and record its operations.

    Raises:
        NumleanError: It returns something other than tensors of the arithmetic.
    """
    scalar = reset_stream(scalar)
    counting = CountingScalar(scalar) if supports_flags(scalar) else None
    trace = CallTrace(getattr(getattr(unwrap(f), "__code__", None), "co_filename", None))
    tracing = TracingScalar(counting or scalar, trace)
    tracing.start_step(0)
    positional, named = _convert_arguments(tracing, arguments, trace)
    results = _tensors(trace.call(f, *positional, **named), tracing)
    flags = None if counting is None else _total(counting)
    own = tuple(Tensor(scalar, result.data) for result in results)
    return Call(name, scalar, own, tuple(trace.operations), flags)


def plain_call(f: Function, arguments: Arguments, scalar: Scalar) -> tuple[Tensor, ...]:
    """Call a function in an arithmetic without recording; return its results."""
    positional, named = _convert_arguments(scalar, arguments)
    return _tensors(f(*positional, **named), scalar)


def _convert_arguments(
    scalar: Scalar, arguments: Arguments, trace: Trace | None = None
) -> tuple[list[Tensor], dict[str, Tensor]]:
    def convert(name: str, value: TensorLike) -> Tensor:
        if trace is not None:
            trace.place = Location(INPUTS, name)
        return as_tensor(scalar, value)

    positional = [convert(f"argument {k}", value) for k, value in enumerate(arguments.positional)]
    return positional, {name: convert(name, value) for name, value in arguments.named.items()}


def _tensors(returned: Any, scalar: Scalar) -> tuple[Tensor, ...]:
    results = tuple(returned) if isinstance(returned, tuple | list) else (returned,)
    for result in results:
        if not isinstance(result, Tensor) or result.scalar is INDEX:
            raise NumleanError(
                f"a compared function must return a Tensor or a tuple of Tensors, got {result!r};"
                " compute with operators and numlean.ops"
            )
        if result.scalar is not scalar:
            raise NumleanError(
                f"the function returned numbers of {result.scalar.name} that do not depend on its"
                " arguments; make constants with numlean.ops.constant(x, ...)"
            )
    if not results:
        raise NumleanError("the function returned no tensors")
    return results


def _total(scalar: CountingScalar) -> dict[str, int]:
    total = Flags()
    for flags in scalar.counts.values():
        total.add(flags)
    return total.as_dict()


def _line_of(frame: FrameType | None, file: str | None) -> Location:
    """Return the innermost line outside numlean, or the outermost one within it."""
    found = frame
    while frame is not None and frame.f_code is not CallTrace.call.__code__:
        found, module = frame, frame.f_globals.get("__name__", "")
        if module.partition(".")[0] != _OWN_PACKAGE:
            break
        frame = frame.f_back
    if found is None:
        return Location("call")
    line, text = _expression_of(found)
    path = found.f_code.co_filename
    return Location(f"line {line}" if path == file else f"{Path(path).name}:{line}", text)


def _expression_of(frame: FrameType) -> tuple[int, str]:
    """Return the current line of a frame, and its expression if the source is known."""
    path, line = frame.f_code.co_filename, frame.f_lineno
    first, last, start, end = _positions_of(frame.f_code)[frame.f_lasti // 2]
    if None in (first, last, start, end):
        return line, linecache.getline(path, line).strip()
    assert first is not None
    assert last is not None
    lines = [linecache.getline(path, k).encode() for k in range(first, last + 1)]
    lines[-1] = lines[-1][:end]
    lines[0] = lines[0][start:]
    return line, " ".join(part.decode().strip() for part in lines)


@cache
def _positions_of(code: CodeType) -> tuple[tuple[int | None, ...], ...]:
    return tuple(code.co_positions())
