"""Calls every public function, class and method with arguments of wrong kinds.

    python tools/fuzz_signatures.py [--seed N] [--calls N] [--only PREFIX]

Each call has right arguments but for one, which is replaced by a value of a wrong kind. The call
may succeed, because the value is accepted, or raise a NumleanError of one line. Any other exception
is reported, and the exit status is 1. The calls depend on the seed only; without ``--calls`` every
replacement is tried once.
"""

import argparse
import contextlib
import inspect
import io
import random
import sys
import typing
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from functools import cache
from pathlib import Path
from types import ModuleType

import numpy as np

import numlean as nl
from numlean.arguments.checking import Names
from numlean.arguments.kinds import WRONG, kind_of
from numlean.autograd.primitive import Primitive

HUGE = 10**400
"""Tried where a number is due. As a count it is right, but takes more memory than there is."""

WRONG_VALUES = (
    *(None, True, "x", "", b"x", 1.5, -1, 0, HUGE, float("nan"), 1j),
    *(
        [],
        [3, 3],
        [[1], [2, 3]],
        ["a"],
        (),
        (1, "a"),
        {},
        {"a": 1},
        {1},
        range(3),
        object(),
        object,
    ),
    *(
        Decimal("0.5"),
        Fraction(1, 3),
        np.float32(0.5),
        np.int8(-3),
        np.array(2.0),
        np.zeros((2, 0)),
    ),
    *(np.array(["a"]), np.array([None, 1]), np.array([True, False]), Ellipsis, slice(1, 2)),
    *(lambda: None, Path("x"), Enum("Kind", "A").A),
)
"""One value of each kind that a parameter may be given by mistake."""

SKIPPED = {
    "numlean.interop": "needs PyTorch",
    "numlean.ScalarBackend": "is a record of a plug-in's own functions",
    "numlean.run": "prints, and calls the user's function",
    "numlean.Session.with_fresh_tape": "calls the user's function",
    "numlean.Session.apply": "calls the user's function",
    "numlean.CountingScalar.around": "calls the user's function",
}
"""What is not called, and why."""


@dataclass(frozen=True)
class Call:
    """A public callable with right arguments.

    Attributes:
        path: Its name, as users write it.
        function: The callable.
        arguments: Right values by parameter; parameters with defaults are left out.
        parameters: The names of all parameters that can be given a wrong value.
        counts: The names of those that are integers.
    """

    path: str
    function: object
    arguments: dict[str, object]
    parameters: tuple[str, ...]
    counts: frozenset[str] = frozenset()


@cache
def examples() -> tuple[object, ...]:
    """Return right values: a parameter gets the first one that its annotation allows."""
    scalar = nl.get_scalar("bfloat16")
    tensor = nl.Tensor.of(scalar, [[1.0, 2.0], [3.0, 4.0]])
    model = nl.nn.Sequential(nl.nn.Linear(2, 2), nl.nn.Tanh())
    task = nl.Task.regression(model)
    sample = nl.Sample(np.array([1.0, 2.0]), np.array([0.0, 1.0]))
    data = nl.Dataset.of_list([sample, sample])
    runner = nl.instantiate(task, scalar)
    stepper = nl.stepper(runner, nl.sgd(0.5))
    report = nl.train_samples(runner, nl.steps(0), [sample], log=lambda _: None)
    session = nl.Session(scalar)
    param = session.param([[1.0, 2.0], [3.0, 4.0]])
    return (
        *(
            2,
            0.5,
            "bfloat16",
            False,
            (2, 2),
            [2, 2],
            tensor,
            [tensor],
            scalar,
            model,
            [model],
            task,
        ),
        *(
            sample,
            nl.Batch(tensor, tensor),
            [sample],
            data,
            nl.DataLoader(data, 1),
            runner,
            stepper,
        ),
        *(nl.sgd(0.5), nl.schedules.constant(0.5), nl.steps(1), nl.epochs(1), nl.Options(), {}),
        *(nl.losses.mse(), nl.nn.EVALUATION, nl.Mode.EVAL, nl.Reduction.MEAN, nl.Flags(), session),
        *(session.use(param), param, nl.autograd.Tape(), nl.ExecConfig(), nl.Dtype.parse("mp:20")),
        *(nl.CountingScalar(scalar), report, nl.Evaluate(1, data)),
        *(nl.EarlyStopping(1, data, 1), nl.get_task("xor"), nl.RunSpec.parse("bfloat16")),
        *(nl.inspect(nl.Tensor.of(scalar, 1.0)), nl.Fault("flip"), abs),
    )


BY_NAME = {
    "values": 1.0,
    "x": [[1.0, 2.0], [3.0, 4.0]],
    "y": [[1.0, 2.0], [3.0, 4.0]],
    "dtype": "bfloat16",
    "text": "bfloat16",
    "name": "xor",
    "texts": ["1.0"],
    "bits": [1, 2],
    "relation": "lt",
    "argv": [],
    "program": lambda *given: examples()[6].sum(),
}
"""Right values of parameters whose annotations allow too much, by name."""


def public_calls() -> Iterator[Call]:
    """Yield every public callable: functions, constructors, and methods of the examples."""
    seen: set[int] = set()
    for path, module in _modules():
        for name in _names(module):
            value = getattr(module, name)
            whole = f"{path}.{name}"
            if id(value) in seen or any(whole.startswith(each) for each in SKIPPED):
                continue
            seen.add(id(value))
            if inspect.isclass(value):
                yield from _of_class(whole, value)
            elif callable(value) and not isinstance(value, ModuleType):
                yield from _call(whole, value)


def _modules() -> Iterator[tuple[str, ModuleType]]:
    yield "numlean", nl
    for name in nl.__all__:
        value = getattr(nl, name)
        if isinstance(value, ModuleType):
            yield f"numlean.{name}", value
    yield "numlean.nn.functional", nl.nn.functional
    yield "numlean.nn.models", nl.nn.models


def _names(module: ModuleType) -> list[str]:
    if hasattr(module, "__all__"):
        return list(module.__all__)
    own = {name: v for name, v in vars(module).items() if not name.startswith("_")}
    return [name for name, v in own.items() if _is_own(v)]


def _is_own(value: object) -> bool:
    is_type_alias = not (callable(value) or isinstance(value, Primitive))
    module = getattr(value, "__module__", None) or ""
    is_class_of_another_module = inspect.isclass(value)
    return not is_type_alias and module.startswith("numlean") and not is_class_of_another_module


def _of_class(path: str, cls: type) -> Iterator[Call]:
    if not inspect.isabstract(cls) and not getattr(cls, "_is_protocol", False):
        yield from () if issubclass(cls, Enum | Exception) else _call(path, cls)
    instance = next((each for each in examples() if type(each) is cls), None)
    if cls is nl.Scalar:
        instance = nl.get_scalar("bfloat16")
    if issubclass(cls, nl.nn.Layer) and instance is None:
        return
    for name in dir(cls):
        if name.startswith("_") or f"{path}.{name}" in SKIPPED:
            continue
        member = inspect.getattr_static(cls, name)
        if isinstance(member, classmethod | staticmethod):
            yield from _call(f"{path}.{name}", getattr(cls, name))
        elif inspect.isfunction(member) and instance is not None:
            yield from _call(f"{path}.{name}", getattr(instance, name))


def _call(path: str, function: object) -> Iterator[Call]:
    if isinstance(function, Primitive):
        yield Call(path, function, {"0": examples()[6]}, ("0",))
        return
    target = function.__init__ if inspect.isclass(function) else function
    try:
        parameters = inspect.signature(function).parameters.values()
    except ValueError:
        return
    known = getattr(inspect.unwrap(target), "__globals__", {})
    hints = typing.get_type_hints(inspect.unwrap(target), known, Names(known))
    arguments, names = {}, []
    for parameter in parameters:
        if parameter.kind in (parameter.VAR_KEYWORD, parameter.POSITIONAL_ONLY):
            continue
        names.append(parameter.name)
        if parameter.default is parameter.empty and parameter.kind is not parameter.VAR_POSITIONAL:
            arguments[parameter.name] = _right_value(parameter.name, hints.get(parameter.name))
        if parameter.kind is parameter.VAR_POSITIONAL:
            names[-1] = f"*{parameter.name}"
    counts = frozenset(name for name, hint in hints.items() if "int" in str(hint))
    yield Call(path, function, arguments, tuple(names), counts)


def _right_value(name: str, annotation: object) -> object:
    if "path" in name or "file" in name:
        return "/dev/null/file"  # cannot exist
    kind = kind_of(annotation)
    if name in BY_NAME and (kind is None or kind.convert(BY_NAME[name]) is not WRONG):
        return BY_NAME[name]
    if kind is None:
        return 1.0
    return next((each for each in examples() if kind.convert(each) is not WRONG), None)


def replacements(call: Call) -> Iterator[tuple[str, object]]:
    """Yield each parameter of a call with each wrong value."""
    for name in call.parameters:
        for value in WRONG_VALUES:
            if value is not HUGE or name not in call.counts:
                yield name, value


def failure(call: Call, name: str, value: object) -> str | None:
    """Call with one wrong argument; return a description of a raw error, or None."""
    arguments = dict(call.arguments)
    positional: list[object] = []
    if name.startswith("*"):
        positional = [value]
    elif name == "0":
        positional, arguments = [value], {}
    else:
        arguments[name] = value
    if name.startswith("*"):
        positional = [*arguments.values(), value]
        arguments = {}
    try:
        with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            call.function(*positional, **arguments)
    except nl.NumleanError as error:
        return None if "\n" not in str(error) else f"{_shown(call, name, value)}: two lines"
    except Exception as error:
        if callable(value) and "argument" in str(error):
            return None  # the function given takes another number of arguments
        return f"{_shown(call, name, value)}: {type(error).__name__}: {error}"
    return None


def _shown(call: Call, name: str, value: object) -> str:
    text = " ".join(repr(value).split())
    return f"{call.path}({name}={text[:40]})"


def failures(seed: int, calls: int | None = None, only: str | tuple[str, ...] = "") -> list[str]:
    """Return the descriptions of raw errors, for all replacements or for a sample of them."""
    chosen = [call for call in public_calls() if call.path.startswith(only)]
    every = [(call, *each) for call in chosen for each in replacements(call)]
    if calls is not None:
        every = random.Random(seed).sample(every, min(calls, len(every)))
    return [found for call, name, value in every if (found := failure(call, name, value))]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--calls", type=int)
    parser.add_argument("--only", default="", help="call only what begins with this")
    options = parser.parse_args()
    found = failures(options.seed, options.calls, options.only)
    print("\n".join(found))
    print(f"{len(found)} raw errors")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
