"""numpy's functions of tensors: ``np.exp(t)`` computes in t's arithmetic, with a gradient.

A function that the Scalar does not have is refused if it computes, so that no number is silently
computed in binary64; functions that only ask, arrange or compare take the values.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from numlean.autograd import primitives as ops
from numlean.errors import NumleanError

if TYPE_CHECKING:
    from numlean.autograd.tensor import Tensor

_SPELLINGS: Final = {
    "arccos": ops.acos,
    "arccosh": ops.acosh,
    "arcsin": ops.asin,
    "arcsinh": ops.asinh,
    "arctan": ops.atan,
    "arctanh": ops.atanh,
    "arctan2": ops.atan2,
    "absolute": ops.abs_,
    "fabs": ops.abs_,
    "hypot": ops.hypot,
    "maximum": ops.maximum,
    "minimum": ops.minimum,
    "sqrt": ops.sqrt,
}
_SAME_NAME: Final = (
    *("cbrt", "cos", "cosh", "exp", "exp2", "expm1", "log", "log10", "log1p", "log2"),
    *("sin", "sinh", "tan", "tanh"),
)
_COMPUTED: Final[dict[str, Callable[..., Any]]] = {
    "add": operator.add,
    "subtract": operator.sub,
    "multiply": operator.mul,
    "divide": operator.truediv,
    "power": operator.pow,
    "matmul": operator.matmul,
    "negative": operator.neg,
    "positive": operator.pos,
    "equal": operator.eq,
    "not_equal": operator.ne,
    "less": operator.lt,
    "less_equal": operator.le,
    "greater": operator.gt,
    "greater_equal": operator.ge,
    **_SPELLINGS,
    **{name: getattr(ops, name) for name in _SAME_NAME},
}
"""numpy's functions of elements that a Scalar has."""

_ASKED: Final = ("isfinite", "isinf", "isnan", "logical_not", "signbit")
"""numpy's functions that ask about each element."""

_METHODS: Final = ("sum", "mean", "max", "amax", "min", "amin", "argmax", "argmin")
"""numpy's functions that are methods of tensors."""

_ARRANGING: Final = (
    *(
        "all",
        "any",
        "argsort",
        "argwhere",
        "array2string",
        "array_repr",
        "array_split",
        "array_str",
    ),
    *("atleast_1d", "atleast_2d", "atleast_3d", "broadcast_arrays", "broadcast_to", "can_cast"),
    *("column_stack", "common_type", "concatenate", "copy", "copyto", "count_nonzero", "digitize"),
    *("dstack", "empty_like", "expand_dims", "flatnonzero", "flip", "fliplr", "flipud"),
    *("full_like", "hsplit", "hstack", "iscomplexobj", "isin", "isreal", "isrealobj"),
    *("lexsort", "may_share_memory", "min_scalar_type", "moveaxis", "ndim", "nonzero"),
    *("ones_like", "pad", "ravel", "repeat", "reshape", "result_type", "roll", "rollaxis", "rot90"),
    *("save", "savetxt", "savez", "savez_compressed", "searchsorted", "shape", "shares_memory"),
    *("size", "sort", "split", "squeeze", "stack", "swapaxes", "take", "take_along_axis", "tile"),
    *("transpose", "tril", "triu", "unique", "vsplit", "vstack", "where", "zeros_like"),
    *("allclose", "array_equal", "array_equiv", "isclose", "isneginf", "isposinf", "isscalar"),
)
"""numpy's functions that ask, arrange or compare, and so can take the values."""


def add_functions(functions: Mapping[str, Callable[..., Any]]) -> None:
    """Let numpy's functions of these names, of tensors, be the given ones."""
    _COMPUTED.update(functions)


def apply_ufunc(
    x: Tensor, ufunc: np.ufunc, method: str, inputs: Sequence[Any], options: Mapping[str, Any]
) -> Any:
    """Return numpy's function of elements, in the arithmetic of the tensor among its operands.

    Raises:
        NumleanError: The Scalar does not have the function, or it is called with options.
    """
    name = ufunc.__name__
    is_plain = method == "__call__" and not options
    if is_plain and name in _COMPUTED:
        operands = [value if _is_tensor(value) else x.operand(value) for value in inputs]
        return _COMPUTED[name](*operands)
    if is_plain and name in _ASKED:
        return ufunc(*map(values_of, inputs))
    called = name if method == "__call__" else f"{name}.{method}"
    raise _refusal(called, options)


def apply_function(function: Any, arguments: Sequence[Any], options: Mapping[str, Any]) -> Any:
    """Return numpy's function of arrays: a method of the tensor, or of the values.

    Raises:
        NumleanError: It would compute in binary64, or a method does not have the options.
    """
    name = function.__name__
    if name in _METHODS and _is_tensor(arguments[0] if arguments else None):
        given = {key: value for key, value in options.items() if value is not np._NoValue}
        if not given.keys() <= {"axis", "keepdims"} or len(arguments) > 2:
            raise _refusal(name, options)
        return getattr(arguments[0], name.removeprefix("a") if name[:2] == "am" else name)(
            *arguments[1:], **given
        )
    if name not in _ARRANGING:
        raise _refusal(name, options)
    return function(*map(values_of, arguments), **{k: values_of(v) for k, v in options.items()})


def values_of(value: Any) -> Any:
    """Return the values of tensors, also of those in lists and tuples; other values unchanged."""
    if _is_tensor(value):
        return value.numpy()
    if type(value) in (list, tuple):
        return type(value)(map(values_of, value))
    return value


def _is_tensor(value: object) -> bool:
    return hasattr(value, "on_tape")


def _refusal(called: str, options: Mapping[str, Any]) -> NumleanError:
    with_options = f" with {', '.join(options)}" if options else ""
    return NumleanError(
        f"np.{called}{with_options} does not compute in the arithmetic of a tensor: use nl.ops, or"
        " np.asarray(t) to compute with its values in binary64"
    )
