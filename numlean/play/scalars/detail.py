"""Everything about a single number that a page shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from mpmath import libmp

from numlean.autograd.tensor import Tensor
from numlean.errors import UnavailableError
from numlean.inspection.digits import readable
from numlean.inspection.number import inspect_within_limit
from numlean.play.scalars.loading import code_of
from numlean.scalar.code_fields import Field, code_width, fields_of
from numlean.scalar.exact import Exact, exact_of
from numlean.scalar.long_integers import text_of_int
from numlean.scalar.protocol import Scalar, Storage
from numlean_kernels.ieee.classify import CLASSES

_LONGEST: Final = 128
"""The most bits of a numerator that is shown. The values of logarithmic numbers have more."""


@dataclass(frozen=True)
class Neighbour:
    """A number next to another one.

    Attributes:
        value: Its decimal.
        code: Its encoding or code.
        exact: Its exact value.
    """

    value: str
    code: int
    exact: Exact


@dataclass(frozen=True)
class Detail:
    """A number.

    Attributes:
        dtype: The dtype.
        value: A decimal that identifies it.
        exact: All digits.
        hexadecimal: The value in the form of C's %a.
        dyadic: The numerator, and the power of two below it or, if negative, beside it; None if it
            is not finite, or too long.
        kind: The class of IEEE 754; None without a code.
        code: The encoding or code; None without one.
        fields: The fields of the code.
        below: The greatest lesser number; None if there is none.
        above: The least greater number; None if there is none.
        exact_value: The value.
    """

    dtype: str
    value: str
    exact: str
    hexadecimal: str
    dyadic: tuple[str, int] | None
    kind: str | None
    code: int | None
    fields: tuple[Field, ...]
    below: Neighbour | None
    above: Neighbour | None
    exact_value: Exact

    @property
    def width(self) -> int:
        """The number of bits of the code; 0 without one."""
        return sum(len(field.bits) for field in self.fields)

    def hexadecimal_code(self) -> str:
        """Return the code as text; empty without one."""
        return "" if self.code is None else f"{self.code:#0{2 + -(-self.width // 4)}x}"


def detail(scalar: Scalar, x: Storage) -> Detail:
    """Return the details of a single number.

    Raises:
        NumleanError: They take too much work.
    """
    x = x.reshape(1)
    shown = inspect_within_limit(Tensor(scalar, x), flags=None, error_ulp=None, uncounted=())
    value, code = exact_of(scalar.to_exact(x)[0]), code_of(scalar, x)
    has_code = code_width(scalar) is not None
    return Detail(
        dtype=scalar.name,
        value=shown.value,
        exact=shown.exact,
        hexadecimal=shown.hexadecimal,
        dyadic=_dyadic(value),
        kind=CLASSES[int(scalar.classify(x)[0])] if has_code else None,
        code=code,
        fields=() if code is None else fields_of(scalar, code),
        below=_neighbour(scalar, x, "next_down") if has_code else None,
        above=_neighbour(scalar, x, "next_up") if has_code else None,
        exact_value=value,
    )


def _dyadic(value: Exact) -> tuple[str, int] | None:
    if not value.is_finite or value.bits > _LONGEST:
        return None
    sign = "\N{MINUS SIGN}" if value.sign else ""
    return sign + text_of_int(int(value.significand)), -int(value.exponent)


def _neighbour(scalar: Scalar, x: Storage, operation: str) -> Neighbour | None:
    try:
        z = getattr(scalar, operation)(x)
    except UnavailableError:
        return None
    code, own = code_of(scalar, z), code_of(scalar, x)
    assert code is not None
    value = exact_of(scalar.to_exact(z)[0])
    if value == libmp.fnan or code == own:
        return None
    return Neighbour(readable(scalar, z), code, value)
