"""The text of an expression as a tree of numbers, functions and at most one comparison.

Python's ``ast`` parses it. Literals are taken out of the text first, so that they have the syntax
of ``from_string``, and no limit of Python's own applies to them.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from typing import Final, TypeAlias

from numlean.errors import NumleanError
from numlean.inspection.functions import BINARY, CALLABLE, FUNCTIONS, Function
from numlean.names import did_you_mean
from numlean.scalar.parsing import LONGEST_TEXT
from numlean.scalar.rounding_names import rounding_name

CONSTANTS: Final = ("pi", "e")
"""Numbers that have a name. They are rounded once, as literals are."""

_SPECIAL: Final = ("inf", "infinity", "nan", "snan")
_NANS: Final = ("nan", "snan")

_TOKEN: Final = re.compile(
    r"""(?P<other>[^\W\d]\w*|'[^']*'|"[^"]*")
    |(?P<number>0[xX](?:[0-9a-fA-F_]+\.?[0-9a-fA-F_]*|\.[0-9a-fA-F_]+)(?:[pP][+-]?\d+)?
      |0[bBoO][0-9_]+
      |(?:\d[\d_]*(?:\.[\d_]*)?|\.\d[\d_]*)(?:[eE][+-]?\d+)?)""",
    re.VERBOSE | re.ASCII,
)
_PLACEHOLDER: Final = re.compile(r"\b_literal_(\d+)\b")
_COMPARISONS: Final[dict[type, tuple[str, bool, bool]]] = {
    ast.Lt: ("lt", False, False),
    ast.LtE: ("le", False, False),
    ast.Gt: ("lt", True, False),
    ast.GtE: ("le", True, False),
    ast.Eq: ("eq", False, False),
    ast.NotEq: ("eq", False, True),
}
_OPERATORS: Final[dict[type, str]] = {
    ast.Add: "add",
    ast.Sub: "sub",
    ast.Mult: "mul",
    ast.Div: "div",
    ast.Mod: "mod",
    ast.Pow: "pow",
}


@dataclass(frozen=True)
class Number:
    """A number, as ``from_string`` takes it, or the name of a constant."""

    text: str


@dataclass(frozen=True)
class Encoding:
    """A number by its encoding."""

    bits: int


@dataclass(frozen=True)
class Call:
    """A function of numbers; ``rounding`` is the direction that follows its operands, if any."""

    function: Function
    operands: tuple[Node, ...]
    rounding: str | None = None


@dataclass(frozen=True)
class Comparison:
    """A relation of two numbers, or its negation."""

    relation: str
    left: Node
    right: Node
    negated: bool = False


Node: TypeAlias = Number | Encoding | Call


def parse(text: str) -> Node | Comparison:
    """Return the tree of an expression.

    Raises:
        NumleanError: The text is not an expression.
    """
    if not isinstance(text, str):
        raise NumleanError(f"an expression is a text such as '0.1 + 0.2', not {text!r:.80}")
    if len(text) > LONGEST_TEXT:
        raise NumleanError(
            f"an expression has at most {LONGEST_TEXT:,} characters, got {len(text):,}"
        )
    try:
        return _Parser(text).tree()
    except RecursionError:
        raise nested_too_deeply() from None


def nested_too_deeply() -> NumleanError:
    """Return the error of an expression that needs more nested calls than Python allows."""
    return NumleanError("the expression is nested too deeply; compute a part of it")


def count_operations(tree: Node | Comparison) -> int:
    """Return the number of functions and operators in an expression."""
    match tree:
        case Comparison(_, left, right):
            return 1 + count_operations(left) + count_operations(right)
        case Call(function, operands):
            own = len(operands) - function.arity + 1 if function.is_variadic else 1
            return own + sum(map(count_operations, operands))
    return 0


class _Parser:
    """Converts one text; keeps its literals."""

    def __init__(self, text: str) -> None:
        self._literals: list[str] = []
        prepared = _TOKEN.sub(self._take, text.strip())
        try:
            if _PLACEHOLDER.search(text):
                raise ValueError("the text has a name that stands for a literal here")
            self._tree = ast.parse(prepared.strip(), mode="eval").body
        except (SyntaxError, ValueError, MemoryError):
            raise NumleanError(
                f"{text!r:.200} is not an expression; write for example 0.1 + 0.2,"
                " fma(3, 1/3, -1), sqrt(2) < 1.5, 2 ** 0.5, 0x1.8p-3 or bits(0x3f800001)"
            ) from None

    def _take(self, match: re.Match[str]) -> str:
        if match["number"] is None:
            return match[0]
        self._literals.append(match[0])
        # The spaces keep it apart from a name that follows, as in 2x.
        return f" _literal_{len(self._literals) - 1} "

    def tree(self) -> Node | Comparison:
        """Return the whole expression."""
        match self._tree:
            case ast.Compare(ops=[operator], comparators=[right]) if type(operator) in _COMPARISONS:
                relation, swapped, negated = _COMPARISONS[type(operator)]
                x, y = self._node(self._tree.left), self._node(right)
                return Comparison(relation, *((y, x) if swapped else (x, y)), negated)
        return self._node(self._tree)

    def _node(self, node: ast.expr) -> Node:
        match node:
            case ast.Name(id=name):
                return self._name(node, name)
            case ast.UnaryOp(op=ast.USub()):
                return _negative(self._node(node.operand))
            case ast.UnaryOp(op=ast.UAdd()):
                return self._node(node.operand)
            case ast.BinOp() if type(node.op) in _OPERATORS:
                operands = self._node(node.left), self._node(node.right)
                return Call(FUNCTIONS[_OPERATORS[type(node.op)]], operands)
            case ast.Call(func=ast.Name(id=name), keywords=[]):
                return self._call(name, node.args)
            case ast.Compare():
                reason = "is not supported here: the result of a comparison is not a number"
                raise NumleanError(f"{self._text(node)!r:.200} {reason}")
        raise self._unsupported(node)

    def _name(self, node: ast.expr, name: str) -> Node:
        literal = self._literal(node)
        if literal is not None:
            return Number(_from_string_syntax(literal))
        if name.lower() in (*_SPECIAL, *CONSTANTS):
            return Number(name.lower())
        raise self._unsupported(node, did_you_mean(name, (*_SPECIAL, *CONSTANTS, *CALLABLE)))

    def _call(self, name: str, arguments: list[ast.expr]) -> Node:
        literals = [self._literal(argument) for argument in arguments]
        match name.lower(), literals:
            case "bits", [str(text)]:
                return Encoding(_integer(name, text))
            case "nan" | "snan" as kind, [str(text)]:
                return Number(f"{kind}({_integer(name, text):#x})")
            case "bits" | "nan" | "snan", _:
                raise NumleanError(f"{name} takes one integer, as in {name}(0x12)")
        if name not in CALLABLE:
            known = (*CALLABLE, "bits", *_NANS)
            near = did_you_mean(name, known)
            raise NumleanError(f"unknown function {name!r}; {_known()}{near}")
        function, rounding = CALLABLE[name], None
        if function.takes_rounding and len(arguments) == function.arity + 1:
            rounding = self._rounding(arguments.pop())
        count = len(arguments)
        if count < function.arity or (count > function.arity and not function.is_variadic):
            raise NumleanError(f"{name} takes {function.takes()}, not {count}")
        return Call(function, tuple(map(self._node, arguments)), rounding)

    def _rounding(self, node: ast.expr) -> str:
        match node:
            case ast.Name(id=str(text)) | ast.Constant(value=str(text)):
                return rounding_name(text)
        raise NumleanError(f"{self._text(node)!r:.80} is not a rounding direction")

    def _literal(self, node: ast.expr) -> str | None:
        """Return the text of a literal; None if the node is something else."""
        match = _PLACEHOLDER.fullmatch(node.id) if isinstance(node, ast.Name) else None
        return self._literals[int(match[1])] if match else None

    def _text(self, node: ast.expr) -> str:
        return _PLACEHOLDER.sub(lambda match: self._literals[int(match[1])], ast.unparse(node))

    def _unsupported(self, node: ast.expr, near: str = "") -> NumleanError:
        return NumleanError(f"{self._text(node)!r:.200} is not supported; {_known()}{near}")


def _negative(node: Node) -> Node:
    """Return -x; a number with its sign is read as one, so that its sign directs its rounding."""
    if isinstance(node, Number) and node.text[0] not in "-nN" and node.text not in CONSTANTS:
        return Number("-" + node.text)
    return Call(FUNCTIONS["neg"], (node,))


def _from_string_syntax(literal: str) -> str:
    text = literal.replace("_", "")
    return hex(_integer("", text)) if text[:2].lower() in ("0b", "0o") else text


def _integer(function: str, literal: str) -> int:
    try:
        return int(literal, 0)  # of few digits: encodings and payloads have 64 bits at most
    except ValueError:
        raise NumleanError(
            f"{function or 'a literal'} takes an integer, not {literal!r:.80}"
        ) from None


def _known() -> str:
    operators = " ".join(BINARY.values())
    names = ", ".join(sorted((*CALLABLE, "bits")))
    return f"known: {operators} < <= > >= == !=, {names}, inf, nan, snan, {', '.join(CONSTANTS)}"
