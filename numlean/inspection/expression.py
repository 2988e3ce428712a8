"""Expressions typed by a person, evaluated in any arithmetic.

``0.1 + 0.2``, ``fma(3, 1/3, -1)``, ``sqrt(2) < 1.5``, ``0x1.8p-3 * bits(0x3f800001)``. A literal is
rounded once from its text; each operation is the Scalar's, in Python's order.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from typing import Any, Final

import numpy as np

from numlean.autograd.tensor import Tensor
from numlean.errors import NumleanError, UnavailableError
from numlean.inspection.number import Inspection, inspect
from numlean.scalar.elementary import ARITIES
from numlean.scalar.flags import Flags
from numlean.scalar.operations import ELEMENTWISE, OPERATIONS, Kind, operations
from numlean.scalar.protocol import Scalar, Storage
from numlean.scalar.registry import get_scalar
from numlean.scalar.wrappers.counting import supports_flags

_HEX_FLOAT: Final = re.compile(r"\b0[xX][0-9a-fA-F]*\.?[0-9a-fA-F]*[pP][+-]?\d+")
_REFERENCE_PRECISION: Final = 4096

_BINARY: Final = {ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.Div: "div"}
_COMPARISONS: Final = {
    ast.Lt: ("lt", False),
    ast.LtE: ("le", False),
    ast.Gt: ("lt", True),
    ast.GtE: ("le", True),
    ast.Eq: ("eq", False),
}
_FUNCTIONS: Final = {
    name: OPERATIONS[name].arity
    for name in (*ELEMENTWISE, "logb", *operations(kind=Kind.NEIGHBOUR))
    if name not in (*_BINARY.values(), "neg")
}
"""The number of operands of each function that an expression can call."""


def evaluate(text: str, dtype: str) -> Inspection | bool:
    """Return the value of an expression in an arithmetic, or the answer of a comparison.

    The error shown is the distance from the value of the expression at 4,096 bits, including its
    literals.

    Raises:
        NumleanError: The text is not an expression, or the arithmetic lacks one of its operations.
    """
    scalar = get_scalar(dtype)
    evaluation = _Evaluation(text, scalar)
    result = evaluation.value()
    if result.dtype == np.bool_ and scalar.storage_dtype != np.bool_:
        return bool(result[0])
    return inspect(
        Tensor(scalar, result),
        flags=evaluation.flags if evaluation.supports_flags else None,
        error_ulp=_error_ulp(text, scalar, result),
    )


class _Evaluation:
    """One walk over an expression in one Scalar."""

    def __init__(self, text: str, scalar: Scalar) -> None:
        self.scalar = scalar
        self.flags = Flags()
        self.supports_flags = supports_flags(scalar)
        self._text = _HEX_FLOAT.sub(lambda match: f"number('{match[0]}')", text.strip())
        try:
            self._tree = ast.parse(self._text, mode="eval").body
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            raise NumleanError(
                f"{text!r} is not an expression; write for example 0.1 + 0.2, fma(3, 1/3, -1),"
                " sqrt(2) < 1.5, 0x1.8p-3 or bits(0x3f800001)"
            ) from None

    def value(self) -> Storage:
        """Return the expression's value, an array of one element."""
        return self._visit(self._tree)

    def _visit(self, node: ast.expr) -> Storage:
        match node:
            case ast.Constant(value=int() | float()) if not isinstance(node.value, bool):
                return self._literal(ast.get_source_segment(self._text, node) or "")
            case ast.Name(id="inf" | "nan"):
                return self._literal(node.id)
            case ast.UnaryOp(op=ast.USub()):
                return self._apply("neg", self._visit(node.operand))
            case ast.UnaryOp(op=ast.UAdd()):
                return self._visit(node.operand)
            case ast.BinOp() if type(node.op) in _BINARY:
                name = _BINARY[type(node.op)]
                return self._apply(name, self._visit(node.left), self._visit(node.right))
            case ast.Compare(ops=[operator], comparators=[right]) if type(operator) in _COMPARISONS:
                name, swapped = _COMPARISONS[type(operator)]
                operands = [self._visit(node.left), self._visit(right)]
                return self._apply(name, *(reversed(operands) if swapped else operands))
            case ast.Call(func=ast.Name(id=name), keywords=[]):
                return self._call(name, node.args)
        raise NumleanError(f"{ast.unparse(node)!r} is not supported; {_known()}")

    def _literal(self, text: str) -> Storage:
        if re.fullmatch(r"0[xX][0-9a-fA-F_]+|0[bBoO][0-9_]+", text):
            text = str(int(text, 0))
        return self.scalar.from_string([text.replace("_", "")])

    def _call(self, name: str, arguments: list[ast.expr]) -> Storage:
        match name, arguments:
            case "bits", [ast.Constant(value=int(encoding))]:
                return self.scalar.from_bits([encoding])
            case "number", [ast.Constant(value=str(text))]:
                return self.scalar.from_string([text])
        if name not in _FUNCTIONS:
            raise NumleanError(f"unknown function {name!r}; {_known()}")
        if len(arguments) != _FUNCTIONS[name]:
            raise NumleanError(f"{name} takes {_FUNCTIONS[name]} operands, not {len(arguments)}")
        return self._apply(name, *map(self._visit, arguments))

    def _apply(self, name: str, *operands: Storage) -> Storage:
        if any(x.dtype == np.bool_ for x in operands):
            raise NumleanError(f"{name} takes numbers, not the result of a comparison")
        operation: Callable[..., Any] = getattr(self.scalar, name)
        counted = self.supports_flags and OPERATIONS[name].flags and self._has_flags(name)
        result: Storage = operation(*operands, **({"flags": self.flags} if counted else {}))
        return result

    def _has_flags(self, name: str) -> bool:
        # A wide format computes its functions from exact values, which it rounds without flags.
        return name not in ARITIES or supports_flags(self.scalar, name)


def _known() -> str:
    return f"known: + - * / < <= > >= ==, {', '.join(sorted(_FUNCTIONS))}, bits, inf, nan"


def _error_ulp(text: str, scalar: Scalar, result: Storage) -> float | None:
    """Return the distance from the high-precision value in ulp; None where it is unavailable."""
    wide = get_scalar(f"mp:{_REFERENCE_PRECISION}")
    try:
        reference = wide.to_exact(_Evaluation(text, wide).value())[0]
        magnitude = scalar.abs(result)
        above = scalar.to_exact(scalar.next_up(magnitude))[0]
    except UnavailableError:
        return None
    value, last_place = scalar.to_exact(result)[0], above - scalar.to_exact(magnitude)[0]
    return float((value - reference) / last_place)
