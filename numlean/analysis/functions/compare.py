"""Call a user's function in several arithmetics."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np

from numlean.analysis.functions.comparison import FunctionComparison
from numlean.analysis.functions.divergence import divergence_between
from numlean.analysis.functions.errors import agreeing_bits
from numlean.analysis.functions.result import FunctionResult, join_numbers, places_of
from numlean.analysis.functions.traced_call import (
    Arguments,
    Call,
    Function,
    plain_call,
    trace_call,
)
from numlean.analysis.lockstep.run_spec import RunSpec, RunSpecLike
from numlean.arguments import checked
from numlean.autograd.literal import TensorLike, as_tensor
from numlean.autograd.primitive import Primitive
from numlean.errors import NumleanError, ShapeError
from numlean.scalar.precision import precision_of
from numlean.scalar.protocol import Storage
from numlean.scalar.registry import get_scalar
from numlean.training import Options


@checked
def compare_function(
    f: Function,
    inputs: TensorLike | Mapping[str, TensorLike],
    dtypes: Sequence[RunSpecLike] = ("float32", "float64"),
    *,
    truth: RunSpecLike = "mp:200",
    inputs_in: RunSpecLike | None = None,
    options: Options | None = None,
) -> FunctionComparison:
    """Call a function of tensors in several arithmetics, and measure each against a precise one.

    Every operation is recorded with its line of the program, so the comparison shows where two
    arithmetics diverge and where errors arise and grow. This takes some microseconds per number and
    operation; results of many thousands of operations and numbers take seconds. The truth is
    computed twice, the second time with twice the precision, to find how many of its bits are
    certain.

    Args:
        f: A function that takes tensors and returns a tensor, or a tuple of them, computed with
            operators and ``numlean.ops``. If a Python ``if`` or ``while`` depends on numbers, the
            programs may differ; the comparison then reports from which operation on.
        inputs: The only argument, an array or a number, or several in a tuple, a list of arrays or
            by name: binary64 numbers, texts (``"0.1"``), fractions; each is rounded once. If f
            computes each number independently, an array holds the points to try.
        dtypes: The arithmetics: ``DTYPE[:DEVICE][:fast]``, or Scalars.
        truth: The precise arithmetic.
        inputs_in: An arithmetic to which inputs are rounded first, so that all others, if wider,
            start from the same numbers; by default each rounds the exact inputs itself.
        options: Device and kernels of arithmetics whose names do not specify them.

    Raises:
        NumleanError: There is no arithmetic, the inputs are not numbers or do not match the
            parameters of f, or f returns something other than tensors.
        ShapeError: The shapes of the results differ between arithmetics.
    """
    if isinstance(dtypes, str) or not dtypes:
        raise NumleanError(f"dtypes must be a list such as ['float32', 'bfloat16'], got {dtypes!r}")
    arguments = _arguments(f, inputs)
    if inputs_in is not None:
        arguments = _round_inputs(arguments, RunSpec.of(inputs_in, options))
    specs = [RunSpec.of(dtype, options) for dtype in dtypes]
    names = [spec.name for spec in specs]
    if len(set(names)) < len(names):
        raise NumleanError(f"each arithmetic can be compared once, got {', '.join(names)}")
    calls = [trace_call(f, arguments, spec.name, spec.scalar) for spec in specs]
    spec = RunSpec.of(truth)
    reference = trace_call(f, arguments, spec.name, spec.scalar)
    for call in calls:
        _check_shapes(call, reference)
    exact = reference.scalar.to_exact(join_numbers(reference.results))
    return FunctionComparison(
        name=_name(f),
        truth=reference.name,
        truth_bits=_certain_bits(f, arguments, reference, exact),
        exact=exact,
        places=places_of(reference.results),
        results=tuple(FunctionResult.of(call, reference, exact) for call in calls),
        divergences=tuple(divergence_between(*pair) for pair in combinations(calls, 2)),
        points=_points(arguments, exact),
    )


def _arguments(f: Function, inputs: Any) -> Arguments:
    named = dict(inputs) if isinstance(inputs, Mapping) else {}
    positional = () if named else _positional(f, inputs)
    signature = _signature(f)
    if signature is None:
        return Arguments(positional, named)
    try:
        signature.bind(*positional, **named)
    except TypeError as error:
        raise NumleanError(
            f"the function takes {signature}, but {len(positional) + len(named)} inputs are given:"
            f" {error}; pass several inputs as a tuple"
        ) from None
    return Arguments(positional, named)


def _positional(f: Function, inputs: Any) -> tuple[Any, ...]:
    if isinstance(inputs, tuple):
        return inputs
    if isinstance(inputs, list):
        holds_arrays = any(isinstance(x, np.ndarray) for x in inputs)
        if holds_arrays or len(inputs) == _required(f) > 1:
            return tuple(inputs)
    return (inputs,)


def _required(f: Function) -> int:
    """Return the number of positional arguments that a function requires."""
    signature = _signature(f)
    if signature is None:
        return 1
    parameters = signature.parameters.values()
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return sum(p.kind in kinds and p.default is p.empty for p in parameters)


def _signature(f: Function) -> inspect.Signature | None:
    """Return the parameters of a function, those of a primitive by its arity; None if unknown."""
    if isinstance(f, Primitive):
        kind = inspect.Parameter.POSITIONAL_ONLY
        return inspect.Signature([inspect.Parameter(f"x{k}", kind) for k in range(len(f.vjps))])
    try:
        return inspect.signature(f)
    except (TypeError, ValueError):
        return None


def _name(f: Function) -> str:
    return f.name if isinstance(f, Primitive) else getattr(f, "__name__", type(f).__name__)


def _round_inputs(arguments: Arguments, spec: RunSpec) -> Arguments:
    scalar = spec.scalar
    positional = tuple(as_tensor(scalar, value) for value in arguments.positional)
    return Arguments(positional, {k: as_tensor(scalar, v) for k, v in arguments.named.items()})


def _check_shapes(call: Call, truth: Call) -> None:
    shapes, others = ([x.shape for x in each.results] for each in (call, truth))
    if shapes != others:
        raise ShapeError(
            f"the function's results have shapes {shapes} in {call.name} but {others} in"
            f" {truth.name}: its control flow depends on values; its result must have the same"
            " shape in every dtype"
        )


def _certain_bits(f: Function, arguments: Arguments, truth: Call, exact: Storage) -> int:
    precision = precision_of(truth.scalar)
    results = plain_call(f, arguments, wider := get_scalar(f"mp:{2 * precision}"))
    if [x.shape for x in results] != [x.shape for x in truth.results]:
        return 0
    return agreeing_bits(exact, wider.to_exact(join_numbers(results)), precision)


def _points(arguments: Arguments, exact: Storage) -> Any:
    """Return the only argument as binary64 numbers, if the result has a number for each."""
    values = (*arguments.positional, *arguments.named.values())
    if len(values) != 1:
        return None
    x = as_tensor(get_scalar("float64"), values[0]).to_float()
    return x if x.shape == exact.shape and x.ndim == 1 else None
