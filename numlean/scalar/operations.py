"""The one table of a Scalar's operations, from which every list of operations is a query.

A new operation is a row here (an elementary function: a method of ``ElementaryFunctions``, which
makes its row) and a method of the Scalar protocol.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import Enum
from typing import Final

from numlean.scalar.elementary import ARITIES


class Kind(Enum):
    """The family of an operation."""

    ARITHMETIC = "arithmetic"
    """The basic operations (IEEE 754-2019, clause 5.4.1)."""
    INTEGRAL = "integral"
    """Operations by the nearest integer (5.3.1)."""
    SIGN = "sign"
    """Operations on the sign bit (5.5.1)."""
    EXTREMUM = "extremum"
    """The lesser or greater of two numbers (9.6)."""
    EXPONENT = "exponent"
    """Operations on the exponent (5.3.3)."""
    NEIGHBOUR = "neighbour"
    """The adjacent numbers of the format (5.3.1)."""
    ELEMENTARY = "elementary"
    """The elementary functions (9.2)."""
    RELATION = "relation"
    """Comparisons of two numbers (5.6.1, 5.10)."""
    CLASSIFICATION = "classification"
    """The class of a number (5.7.2)."""
    PRODUCT = "product"
    """Products of matrices."""
    REDUCTION = "reduction"
    """Operations that combine many elements into one."""
    MOVEMENT = "movement"
    """Operations that move numbers and compute nothing."""
    CONVERSION = "conversion"
    """Operations whose operands are not numbers of the Scalar."""
    CAST = "cast"
    """Operations that round numbers of other Scalars."""
    EXPORT = "export"
    """Operations that convert numbers of the Scalar to another representation."""
    CALLBACK = "callback"
    """Operations whose values come from a function of the host."""


class Result(Enum):
    """The elements of an operation's result."""

    NUMBERS = "numbers"
    """Numbers of the Scalar."""
    BOOLEANS = "booleans"
    INTEGERS = "integers"
    OTHER = "other"
    """Another representation, or no result."""


_NOT_COMPUTING: Final = (Kind.NEIGHBOUR, Kind.MOVEMENT, Kind.CONVERSION, Kind.CALLBACK)


@dataclass(frozen=True)
class Operation:
    """One operation of the Scalar protocol.

    Attributes:
        name: The name of the method.
        kind: The family.
        arity: The number of operands that are arrays of numbers of the Scalar.
        flags: Whether the method takes ``flags``, to which it adds the exceptions raised.
        result: The elements of the result.
        others: The positions of operands that are not numbers of the Scalar: integers, indices,
            conditions, values to convert, another Scalar and its numbers.
    """

    name: str
    kind: Kind
    arity: int
    flags: bool = False
    result: Result = Result.NUMBERS
    others: tuple[int, ...] = ()

    @property
    def computes(self) -> bool:
        """Whether the results are numbers computed by a rule that is the same in every format."""
        return self.result is Result.NUMBERS and self.kind not in _NOT_COMPUTING


_TABLE: Final = (
    *(Operation(name, Kind.ARITHMETIC, 2, flags=True) for name in ("add", "sub", "mul", "div")),
    Operation("sqrt", Kind.ARITHMETIC, 1, flags=True),
    Operation("fma", Kind.ARITHMETIC, 3, flags=True),
    Operation("rem", Kind.INTEGRAL, 2, flags=True),
    Operation("round_to_integral", Kind.INTEGRAL, 1, flags=True),
    Operation("neg", Kind.SIGN, 1),
    Operation("abs", Kind.SIGN, 1),
    Operation("copy_sign", Kind.SIGN, 2),
    *(Operation(name, Kind.EXTREMUM, 2) for name in ("minimum", "maximum", "min_num", "max_num")),
    Operation("scaleb", Kind.EXPONENT, 1, flags=True, others=(1,)),
    Operation("logb", Kind.EXPONENT, 1, flags=True),
    Operation("next_up", Kind.NEIGHBOUR, 1, flags=True),
    Operation("next_down", Kind.NEIGHBOUR, 1, flags=True),
    *(Operation(name, Kind.ELEMENTARY, arity, flags=True) for name, arity in ARITIES.items()),
    *(
        Operation(name, Kind.RELATION, 2, result=Result.BOOLEANS)
        for name in ("eq", "lt", "le", "total_order")
    ),
    Operation("compare", Kind.RELATION, 2, result=Result.INTEGERS),
    Operation("classify", Kind.CLASSIFICATION, 1, result=Result.INTEGERS),
    Operation("matmul", Kind.PRODUCT, 2),
    Operation("bmm", Kind.PRODUCT, 2),
    Operation("sum", Kind.REDUCTION, 1),
    Operation("max", Kind.REDUCTION, 1),
    Operation("scatter_add", Kind.REDUCTION, 1, others=(1,)),
    Operation("argmax", Kind.REDUCTION, 1, result=Result.INTEGERS),
    Operation("copy", Kind.MOVEMENT, 1),
    Operation("copy_into", Kind.MOVEMENT, 2, result=Result.OTHER),
    Operation("concat", Kind.MOVEMENT, 1),
    Operation("pad", Kind.MOVEMENT, 1),
    Operation("take", Kind.MOVEMENT, 1, others=(1,)),
    Operation("take_along_axis", Kind.MOVEMENT, 1, others=(1,)),
    Operation("scatter_along_axis", Kind.MOVEMENT, 1, others=(1,)),
    Operation("where", Kind.MOVEMENT, 1, others=(0,)),
    *(
        Operation(name, Kind.CONVERSION, 0, others=(0,))
        for name in ("from_float", "from_int", "from_bits", "from_exact", "from_string")
    ),
    Operation("cast_from", Kind.CAST, 0, flags=True, others=(0, 1)),
    Operation("exact_product", Kind.CAST, 0, flags=True, others=(0, 1, 2, 3)),
    Operation("unit_product", Kind.CAST, 0, others=(0, 1, 2, 3)),
    Operation("to_int", Kind.EXPORT, 1, flags=True, result=Result.INTEGERS),
    *(
        Operation(name, Kind.EXPORT, 1, result=Result.OTHER)
        for name in ("to_float", "to_bits", "to_exact", "to_string", "to_bytes")
    ),
    Operation("from_host_callback", Kind.CALLBACK, 0, others=(0,)),
)

OPERATIONS: Final = {operation.name: operation for operation in _TABLE}
"""Every operation, by name."""


def operations(
    *,
    kind: Kind | Collection[Kind] | None = None,
    flags: bool | None = None,
    result: Result | Collection[Result] | None = None,
    computes: bool | None = None,
) -> tuple[str, ...]:
    """Return the names of the operations that satisfy every condition given, in table order.

    Args:
        kind: The family, or the families.
        flags: Whether the operation takes ``flags``.
        result: The elements of the result.
        computes: Whether the results are numbers computed by a rule that is the same in every
            format.
    """
    kinds = (kind,) if isinstance(kind, Kind) else kind
    results = (result,) if isinstance(result, Result) else result
    return tuple(
        each.name
        for each in _TABLE
        if (kinds is None or each.kind in kinds)
        and (flags is None or each.flags is flags)
        and (results is None or each.result in results)
        and (computes is None or each.computes is computes)
    )


BASIC: Final = {name: OPERATIONS[name].arity for name in operations(kind=Kind.ARITHMETIC)}
"""The number of operands of each basic operation, by name."""

ELEMENTWISE: Final = operations(
    kind=(Kind.ARITHMETIC, Kind.INTEGRAL, Kind.SIGN, Kind.EXTREMUM, Kind.ELEMENTARY)
)
"""Operations that compute each number of the result from one number of each operand."""

RELATIONS: Final = operations(result=(Result.BOOLEANS, Result.INTEGERS))
"""Operations whose results are not numbers of the Scalar."""

CONVERSIONS: Final = operations(kind=Kind.CONVERSION)
"""Operations whose operands are not numbers of the Scalar."""

MIXED_PRODUCTS: Final = ("exact_product", "unit_product")
"""Products of matrices of other Scalars' numbers. Operands are pairs, a Scalar and its numbers: two
matrices and, if there is one, an addend."""
