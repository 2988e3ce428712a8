"""The address of the view: what is shown, and links to neighbouring views."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final, Self
from urllib.parse import urlencode

from numlean.errors import NumleanError
from numlean.play.views.parameters import SAFE, checked_parameters
from numlean.scalar.operations import OPERATIONS, Kind, operations

PATH: Final = "/numbers"
NAMES: Final = ("x", "y", "z")
"""The operands."""

DEFAULT_TEXT: Final = "0.1 + 0.2"
DEFAULT_FORMATS: Final = "float64,float32,binary16,bfloat16,e4m3,posit:16"

OPERATION_KINDS: Final = {
    "arithmetic": operations(kind=(Kind.ARITHMETIC, Kind.INTEGRAL)),
    "extrema": operations(kind=Kind.EXTREMUM),
    "elementary": operations(kind=Kind.ELEMENTARY),
}
"""The operations that can be chosen, by family."""


@dataclass(frozen=True)
class Operand:
    """A number as it was typed.

    Attributes:
        text: An expression, or an integer if it is a code.
        bits_of: The dtype of which it is the encoding or code; empty if it is an expression.
    """

    text: str = ""
    bits_of: str = ""


@dataclass(frozen=True)
class NumbersQuery:
    """What the view shows.

    Attributes:
        operands: x, y and z; without an operation only x counts.
        formats: A list of dtypes and policies.
        operation: The operation of the operands; empty for x itself.
    """

    operands: tuple[Operand, ...]
    formats: str = DEFAULT_FORMATS
    operation: str = ""

    @classmethod
    def of(cls, parameters: Mapping[str, str]) -> Self:
        """Return the query of an address.

        Raises:
            NumleanError: A parameter is too long, or the operation is unknown.
        """
        parameters = checked_parameters(parameters)
        operation = parameters.get("op", "")
        if operation and operation not in sum(OPERATION_KINDS.values(), ()):
            raise NumleanError(f"{operation!r:.80} is not an operation that this view has")
        operands = tuple(
            Operand(parameters.get(name, ""), parameters.get(f"{name}b", "")) for name in NAMES
        )
        if not operands[0].text:
            operands = (Operand(DEFAULT_TEXT), *operands[1:])
        return cls(operands, parameters.get("in") or DEFAULT_FORMATS, operation)

    @property
    def arity(self) -> int:
        """The number of operands that count."""
        return OPERATIONS[self.operation].arity if self.operation else 1

    @property
    def used(self) -> tuple[Operand, ...]:
        """The operands that count."""
        return self.operands[: self.arity]

    def with_code(self, index: int, dtype: str, code: int, width: int) -> Self:
        """Return the query in which an operand is a code."""
        text = f"{code:#0{2 + -(-width // 4)}x}"
        return self.with_operand(index, Operand(text, dtype))

    def with_operand(self, index: int, operand: Operand) -> Self:
        """Return the query with another operand."""
        before, after = self.operands[:index], self.operands[index + 1 :]
        return replace(self, operands=(*before, operand, *after))

    def address(self) -> str:
        """Return the path and query."""
        parameters = dict[str, str]()
        for name, operand in zip(NAMES, self.used, strict=False):
            parameters[name] = operand.text
            if operand.bits_of:
                parameters[f"{name}b"] = operand.bits_of
        if self.operation:
            parameters["op"] = self.operation
        return f"{PATH}?{urlencode({**parameters, 'in': self.formats}, safe=SAFE)}"
