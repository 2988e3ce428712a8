"""A target on which a routine is interpreted on whole arrays at once.

Routines are plain Python on single numbers, with selections (``x if c else y``) in place of
branches. Here a selection is ``numpy.where``, and a loop whose count depends on the operands goes
on until the last element is done. Nothing is compiled: it is the interpreter of the device
``python``, but on many operands a hundred times as fast.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable
from functools import cache
from types import CodeType, FunctionType
from typing import Any, NoReturn, final

import numpy as np

from numlean_kernels.protocol import Instructions, Launch, Loop, Routine, Table, Target

_MAKE, _SELECT, _MOST, _NOT, _DONE = "_make", "_select", "_most", "_not", "_done"
_COUNT, _TURN = "_count", "_turn"


@final
class ArrayTarget(Target):
    """Interprets routines on arrays of integers. It has no hardware floats, and no kernels."""

    name = "arrays"

    def unsigned(self, bits: int) -> Callable[[Any], Any]:
        """Return a function that converts to numpy's unsigned integers of 32 or 64 bits."""
        return _converter(np.dtype(f"uint{bits}"))

    def signed(self, bits: int) -> Callable[[Any], Any]:
        """Return a function that converts to int64, which holds every exponent."""
        return _converter(np.dtype(np.int64))

    def clz(self, bits: int) -> Routine:
        """Return a function that halves the part in which the leading one is."""

        word = self.unsigned(bits)

        def clz(value: Any) -> Any:
            rest = np.array(value, np.uint64)
            zeros = np.where(rest == 0, 1, 0) + (bits - 1)
            for width in (32, 16, 8, 4, 2, 1):
                above = rest >> np.uint64(width) != 0
                zeros = zeros - np.where(above, width, 0)
                rest = np.where(above, rest >> np.uint64(width), rest)
            return word(zeros)

        return clz

    def high_product(self, bits: int) -> Routine:
        """Return a function that multiplies Python's integers."""
        word = self.unsigned(bits)

        def high_product(a: Any, b: Any) -> Any:
            exact = np.array(a, object) * np.array(b, object)
            return word(np.array(exact >> bits, np.uint64))

        return high_product

    def shift_left(self, bits: int) -> Routine:
        """Return a function that shifts numpy's unsigned integers."""
        word = self.unsigned(bits)

        def shift_left(a: Any, n: Any) -> Any:
            near = np.asarray(n) < bits
            return word(np.where(near, np.asarray(a) << np.where(near, n, 0).astype(np.uint64), 0))

        return shift_left

    def encoding_of(self, width: int) -> NoReturn:
        """Raise: there are no hardware floats."""
        raise NotImplementedError("no hardware floats on arrays")

    def real_of(self, width: int) -> NoReturn:
        """Raise: there are no hardware floats."""
        raise NotImplementedError("no hardware floats on arrays")

    def instructions(self, width: int) -> Instructions:
        """Raise: there are no hardware floats."""
        raise NotImplementedError("no hardware floats on arrays")

    def kernel(self, loop: Loop, table: Table) -> Launch:
        """Raise: routines are called on arrays as they are."""
        raise NotImplementedError("routines on arrays need no kernels")

    def routine(self, function: Routine) -> Routine:
        """Return the function with its selections and loops on arrays."""
        assert isinstance(function, FunctionType)
        code = function.__code__
        names = {**function.__globals__, **_OPERATIONS}
        exec(_code(code), names)  # the source of a function of this project
        cells = [cell.cell_contents for cell in function.__closure__ or ()]
        return names[_MAKE](*cells)  # type: ignore[no-any-return]


def _converter(dtype: np.dtype[Any]) -> Callable[[Any], Any]:
    def convert(value: Any) -> Any:
        if isinstance(value, int):
            value %= 1 << 64
        return np.asarray(value).astype(dtype)[()]

    return convert


@cache
def _code(code: CodeType) -> CodeType:
    """Return the code of a function that takes the free variables and returns the new function."""
    source = textwrap.dedent(inspect.getsource(code))
    (definition,) = ast.parse(source).body
    assert isinstance(definition, ast.FunctionDef)
    changed = _OnArrays().visit(definition)
    (make,) = ast.parse(f"def {_MAKE}({', '.join(code.co_freevars)}): pass").body
    assert isinstance(make, ast.FunctionDef)
    make.body = [changed, ast.Return(ast.Name(definition.name, ast.Load()))]
    module = ast.fix_missing_locations(ast.Module([make], []))
    return compile(module, code.co_filename, "exec", dont_inherit=True)


class _OnArrays(ast.NodeTransformer):
    """Replaces selections, negations and loops."""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        self.generic_visit(node)
        node.returns, node.decorator_list = None, []
        for each in [*node.args.args, node.args.vararg]:
            if each is not None:
                each.annotation = None
        return node

    def visit_IfExp(self, node: ast.IfExp) -> ast.Call:
        self.generic_visit(node)
        return _call(_SELECT, node.test, node.body, node.orelse)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.expr:
        self.generic_visit(node)
        return _call(_NOT, node.operand) if isinstance(node.op, ast.Not) else node

    def generic_visit(self, node: ast.AST) -> ast.AST:
        if isinstance(node, (ast.If, ast.While, ast.BoolOp)):
            raise NotImplementedError(f"line {node.lineno}: a routine has a branch")
        return super().generic_visit(node)

    def visit_For(self, node: ast.For) -> list[ast.stmt]:
        """Return a loop that goes on for the most turns, and keeps what is done."""
        self.generic_visit(node)
        assert isinstance(node.iter, ast.Call)
        (count,) = node.iter.args
        names = sorted({name for part in node.body for name in _assigned(part)})
        kept = ", ".join(names)
        start = ast.Assign([ast.Name(_COUNT, ast.Store())], count)
        text = (
            f"for {_TURN} in range({_MOST}({_COUNT})):\n {_DONE} = ({kept},)\n pass\n ({kept},) = "
        )
        text += f"{_SELECT}({_TURN} < {_COUNT}, ({kept},), {_DONE})"
        (loop,) = ast.parse(text).body
        assert isinstance(loop, ast.For)
        loop.body[1:2] = node.body
        return [start, loop]


def _call(name: str, *arguments: ast.expr) -> ast.Call:
    return ast.Call(ast.Name(name, ast.Load()), list(arguments), [])


def _assigned(part: ast.stmt) -> set[str]:
    nodes = [node for node in ast.walk(part) if isinstance(node, ast.Name)]
    return {node.id for node in nodes if isinstance(node.ctx, ast.Store)}


def _select(condition: Any, x: Any, y: Any) -> Any:
    if isinstance(x, tuple):
        return tuple(_select(condition, a, b) for a, b in zip(x, y, strict=True))
    return np.where(condition, x, y)


_OPERATIONS = {
    _SELECT: _select,
    _NOT: np.logical_not,
    _MOST: lambda count: max(int(np.max(count)), 0),
}

ARRAYS = ArrayTarget()
