"""Products of matrices that consist of several operations, as units of a trace.

A product in several arithmetics casts its operands, multiplies, adds up, and casts the sums. A
trace labels these operations with the product that they are parts of, so that products whose
parts differ can be compared as wholes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol, Self, final

from numlean.scalar.protocol import Numbers, Scalar, Storage

if TYPE_CHECKING:
    from numlean.precision.scaling.quantized import Quantized


class ProductRule(Protocol):
    """The arithmetics of a product of matrices; ``str`` states them."""

    @property
    def role(self) -> str:
        """Which of a layer's products it is for: ``forward``, ``input_gradient``, ..., or ""."""

    def product(self, scalar: Scalar, a: Storage, b: Storage, *addend: Storage) -> Storage:
        """Return the product of matrices of a Scalar's numbers, plus an addend."""

    def with_scalars(self, change: Callable[[Scalar], Scalar]) -> Self:
        """Return the same rule in other Scalars."""


@final
@dataclass(frozen=True, eq=False)
class Multiplied:
    """An operand as a product multiplies or adds it.

    Attributes:
        codes: The numbers that are multiplied.
        read_factors: Returns ``factors``. They are read when asked for: the replay of a recorded
            product writes them anew.
        quantized: How the operand, as rows along the contracted axis, became codes; None if it is
            not scaled.
    """

    codes: Numbers
    read_factors: Callable[[], Numbers] | None = None
    quantized: Quantized | None = None

    @property
    def factors(self) -> Numbers | None:
        """The factors: a code stands for the code times its factor. None for factors of 1.

        They broadcast to the codes.
        """
        return None if self.read_factors is None else self.read_factors()


@dataclass(eq=False)
class Product:
    """A product of matrices.

    Attributes:
        rule: The arithmetics; None for the operations of the operands' own Scalar.
        operands: The two matrices, and the addend if there is one, as they are given: before they
            are rounded or scaled.
        result: The product; None while it is computed.
        multiplied: The operands after they are rounded and scaled; empty without a rule.
        sums: The sums before they are rounded to the result; None if they are exact, or without a
            rule.
    """

    rule: ProductRule | None
    operands: tuple[Numbers, ...]
    result: Numbers | None = None
    multiplied: tuple[Multiplied, ...] = ()
    sums: Numbers | None = None


_PRODUCT: Final[ContextVar[Product | None]] = ContextVar("product", default=None)


@contextmanager
def in_product(rule: ProductRule | None, *operands: Numbers) -> Iterator[Product]:
    """Label the operations within the block as parts of a product, in traces.

    The block sets the result.
    """
    product = Product(rule, operands)
    token = _PRODUCT.set(product)
    try:
        yield product
    finally:
        _PRODUCT.reset(token)


def current_product() -> Product | None:
    """Return the product that the operations carried out now are parts of; None without one."""
    return _PRODUCT.get()
