"""An expression computed in a Scalar, one operation after the other, with the flags they raise."""

from __future__ import annotations

import re
from typing import Any, Final, cast

from numlean.errors import UnavailableError
from numlean.inspection.constants import constant_text
from numlean.inspection.syntax import CONSTANTS, Call, Comparison, Encoding, Node, Number
from numlean.scalar import further
from numlean.scalar.elementary import ARITIES
from numlean.scalar.flags import Flags
from numlean.scalar.innermost import innermost
from numlean.scalar.operations import OPERATIONS, Kind
from numlean.scalar.precision import precision_of
from numlean.scalar.protocol import Scalar, Storage
from numlean.scalar.work_limit import check_work
from numlean.scalar.wrappers.counting import supports_flags
from numlean_kernels.flags import FLAGS
from numlean_kernels.ieee.classify import CLASSES

_EXPONENT: Final = re.compile(r"[+-]?(?:0x[^p]*p|(?!0x)[^e]*e)[+-]?0*(\d+)", re.IGNORECASE)
_BITS_PER_DIGIT: Final = 4
_SIGNALLING: Final = CLASSES.index("signalling NaN")


class Evaluation:
    """One walk over an expression in one Scalar.

    Attributes:
        scalar: The Scalar.
        flags: The exceptions raised so far, those of literals included.
        uncounted: The operations whose exceptions the Scalar does not report, by name.
    """

    def __init__(self, scalar: Scalar) -> None:
        self.scalar = scalar
        self.flags = Flags()
        self.uncounted: list[str] = []
        self.supports_flags = supports_flags(scalar)
        self._innermost: Any = innermost(scalar)
        self._bits = precision_of(scalar)

    def value(self, node: Node) -> Storage:
        """Return the value of an expression, an array of shape (1,)."""
        match node:
            case Number(text):
                return self._number(text)
            case Encoding(bits):
                return self.scalar.from_bits([bits])
            case Call(function, operands, rounding):
                x = [self.value(operand) for operand in operands]
                if function.compute is not None:
                    return function.compute(self, *x)
                z = self.apply(function.operation, *x[: function.arity], rounding=rounding)
                for further in x[function.arity :]:
                    z = self.apply(function.operation, z, further)
                return z

    def holds(self, node: Comparison) -> bool:
        """Return whether a comparison holds."""
        x = self.value(node.left), self.value(node.right)
        return bool(getattr(self.scalar, node.relation)(*x)[0]) != node.negated

    def apply(self, operation: str, *operands: Storage, rounding: str | None = None) -> Storage:
        """Return the Scalar's operation of that name of operands, and count its flags."""
        row, options = OPERATIONS[operation], dict[str, Any]()
        if rounding is not None:
            options["rounding"] = rounding
        if self.supports_flags and row.flags:
            if operation not in ARITIES or supports_flags(self.scalar, operation):
                options["flags"] = self.flags
            else:
                self._miss(operation)
        if self.supports_flags and row.kind is Kind.EXTREMUM:
            self._count_signalling(operands)
        z: Storage = getattr(self.scalar, operation)(*operands, **options)
        return z

    def further(self, operation: str, *operands: Storage) -> Storage:
        """Return an operation of ``numlean.scalar.further``, and count its flags."""
        if not self.supports_flags:
            return further.compute(self.scalar, operation, *operands)
        z, raised = further.flagged(self._innermost, operation, *operands)
        self._count(int(raised[0]))
        return cast("Storage", z)

    def _number(self, text: str) -> Storage:
        if text in CONSTANTS:
            text = constant_text(text, precision_of(self.scalar))
        elif match := _EXPONENT.fullmatch(text):
            bits = len(match[1]) * _BITS_PER_DIGIT
            check_work(f"a literal whose exponent has {len(match[1]):,} digits", self._bits, bits)
        x = self.scalar.from_string([text])
        if self.supports_flags:
            try:
                _, raised = self._innermost.from_string_flagged(text)
            except (AttributeError, UnavailableError):
                self._miss("literals")
            else:
                self._count(raised)
        return x

    def _count(self, raised: int) -> None:
        self.flags.count([raised >> k & 1 for k in range(len(FLAGS))])

    def _count_signalling(self, operands: tuple[Storage, ...]) -> None:
        """Count the exception of a minimum or maximum of a signalling NaN (clause 9.6)."""
        if any(self.scalar.classify(x)[0] == _SIGNALLING for x in operands):
            self.flags.add(Flags(invalid=1))

    def _miss(self, name: str) -> None:
        if name not in self.uncounted:
            self.uncounted.append(name)
