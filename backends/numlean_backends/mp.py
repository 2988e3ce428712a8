"""Arbitrary precision: every operation correctly rounded, exponents unbounded.

Kernels compute on numbers in limbs (:mod:`.mp_limbs`). In the interpreter, with ``engine=mpmath``
and beyond the precision of the kernels, the routines here compute on mpmath's numbers, with the
same bits.

mpmath's kernel functions take the precision and rounding as arguments, so no global context is
read or written. There is one NaN and no -0; division of a nonzero number by zero gives an infinity
of the number's sign.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from enum import Enum
from functools import cache, partial
from typing import Any, Final

import numpy as np
from mpmath import libmp, mp
from mpmath.libmp import mpf_add, mpf_mul

from numlean.errors import NumleanError, UnknownNameError
from numlean.scalar.checks import round_to_integer
from numlean.scalar.conversion import Conversion, Rounder
from numlean.scalar.dtype import Dtype
from numlean.scalar.exact import exact_of, is_mpf
from numlean.scalar.exact_text import format_fields
from numlean.scalar.kernel_scalar import KernelScalar
from numlean.scalar.protocol import Storage
from numlean.scalar.registry import ScalarBackend
from numlean.scalar.rounding_names import DIRECTIONS
from numlean_backends.codecs import encode_raw
from numlean_backends.exact_rounders import MpRounder
from numlean_backends.mp_integral import integral_routines
from numlean_backends.mp_limbs import LimbCodec, interpreted_limb_table, limb_table
from numlean_kernels.formats import BINARY64, Format
from numlean_kernels.ieee import Arithmetic
from numlean_kernels.limbs.layout import MOST_PRECISION
from numlean_kernels.protocol import Launch, Loop, Routine, Table
from numlean_kernels.targets import get_target
from numlean_kernels.targets.python import PYTHON

MAX_PRECISION: Final = 1_000_000
"""A greater precision is considered a typing error."""

_ENGINE: Final = "engine"
_COMPILED: Final = "cpu"

_PRECISION: Final = re.compile("0*[1-9][0-9]{,9}")

_mpf: Final = mp.make_mpf
_ZERO: Final = _mpf(libmp.fzero)
_NAN: Final = _mpf(libmp.fnan)
_UNORDERED: Final = 2
_BINARY64: Final = Arithmetic(BINARY64)


@cache
def mp_table(precision: int) -> Table:
    """Return the routines on ``mpmath.mpf`` objects, to nearest even at ``precision`` bits."""

    # The two that a training run spends its time in are spelt out: no loop, no keywords.
    def add(a: Any, b: Any) -> Any:
        return _mpf(mpf_add(a._mpf_, b._mpf_, precision, "n"))

    def mul(a: Any, b: Any) -> Any:
        return _mpf(mpf_mul(a._mpf_, b._mpf_, precision, "n"))

    def div(a: Any, b: Any) -> Any:
        if b._mpf_ == libmp.fzero:
            return _mpf(_over_zero(a._mpf_))
        return _mpf(libmp.mpf_div(a._mpf_, b._mpf_, precision, "n"))

    def sqrt(a: Any) -> Any:
        negative = libmp.mpf_sign(a._mpf_) < 0
        return _NAN if negative else _mpf(libmp.mpf_sqrt(a._mpf_, precision, "n"))

    def fma(a: Any, b: Any, c: Any) -> Any:
        return _mpf(_sum(libmp.mpf_mul(a._mpf_, b._mpf_), c._mpf_, precision))

    routines: dict[str, Routine] = {
        "add": add,
        "sub": lambda a, b: _mpf(libmp.mpf_sub(a._mpf_, b._mpf_, precision, "n")),
        "mul": mul,
        "div": div,
        "sqrt": sqrt,
        "fma": fma,
        "neg": lambda a: _mpf(libmp.mpf_neg(a._mpf_)),
        "abs": lambda a: _mpf(libmp.mpf_abs(a._mpf_)),
        "eq": lambda a, b: libmp.mpf_eq(a._mpf_, b._mpf_),
        "lt": lambda a, b: libmp.mpf_lt(a._mpf_, b._mpf_),
        "le": lambda a, b: libmp.mpf_le(a._mpf_, b._mpf_),
        "compare": _compare,
        "minimum": lambda a, b: _NAN if _unordered(a, b) else _lesser(a, b),
        "maximum": lambda a, b: _NAN if _unordered(a, b) else _greater(a, b),
        "min_num": lambda a, b: _number(a, b, _lesser),
        "max_num": lambda a, b: _number(a, b, _greater),
    }
    routines |= integral_routines(precision)
    for width in (32, 64):
        for rounding in DIRECTIONS:
            routines[f"to_int{width} {rounding}"] = partial(
                _to_int, np.iinfo(f"i{width // 8}"), rounding
            )
    return Table(key=f"mp/{precision}", zero=_ZERO, make=routines.__getitem__)


def _sum(product: Any, c: Any, precision: int) -> Any:
    """Return the sum of an exact product and a number, rounded once.

    mpmath takes an addend far below another as a bit below its last one that counts, which is
    right only if the other has no more bits than the precision.
    """
    if product[1] and c[1] and abs(sum(product[2:]) - sum(c[2:])) <= 3 * precision + 8:
        return libmp.mpf_pos(mpf_add(product, c), precision, "n")
    return mpf_add(product, c, precision, "n")


def _to_int(ends: Any, rounding: str, a: Any) -> int:
    if _is_nan(a):
        return 0
    if not int(ends.min) - 1 < a < int(ends.max) + 1:
        return int(ends.min if a < 0 else ends.max)
    return int(np.clip(round_to_integer(a._mpf_, rounding), ends.min, ends.max))


def _over_zero(a: Any) -> Any:
    sign = 0 if a == libmp.fnan else libmp.mpf_sign(a)
    return {1: libmp.finf, -1: libmp.fninf, 0: libmp.fnan}[sign]


def _is_nan(a: Any) -> bool:
    return bool(a._mpf_ == libmp.fnan)


def _unordered(a: Any, b: Any) -> bool:
    return _is_nan(a) or _is_nan(b)


def _compare(a: Any, b: Any) -> int:
    return _UNORDERED if _unordered(a, b) else int(libmp.mpf_cmp(a._mpf_, b._mpf_))


def _lesser(a: Any, b: Any) -> Any:
    return a if libmp.mpf_le(a._mpf_, b._mpf_) else b


def _greater(a: Any, b: Any) -> Any:
    return a if libmp.mpf_ge(a._mpf_, b._mpf_) else b


def _number(a: Any, b: Any, choose: Callable[[Any, Any], Any]) -> Any:
    return b if _is_nan(a) else a if _is_nan(b) else choose(a, b)


@dataclass(frozen=True)
class MpCodec:
    """Storage holds ``mpmath.mpf`` objects.

    Attributes:
        precision: Bits every number is rounded to.
    """

    precision: int

    @property
    def format(self) -> Format | None:
        """None: there is no encoding of fixed width."""
        return None

    @property
    def storage_dtype(self) -> np.dtype[Any]:
        """Python objects."""
        return np.dtype(object)

    def from_float(self, values: np.ndarray[Any, Any]) -> Storage:
        """Round binary64 values once."""
        return self._from_raw(map(libmp.from_float, values.ravel().tolist()), values.shape)

    def to_float(self, x: Storage) -> np.ndarray[Any, Any]:
        """Round the values once to binary64; mpmath's own conversion rounds subnormals twice."""
        bits = [encode_raw(_BINARY64, a._mpf_) for a in x.ravel().tolist()]
        return np.array(bits, dtype=np.uint64).view(np.float64).reshape(x.shape)

    def from_int(self, values: np.ndarray[Any, Any]) -> Storage:
        """Round integers once."""
        return self._from_raw(map(libmp.from_int, values.ravel().tolist()), values.shape)

    def encode(self, value: Any) -> Any:
        """Round one exact value."""
        sign, significand, exponent, bits = libmp.mpf_pos(value, self.precision, "n")
        # An exponent computed from a significand may be gmpy2's, which mpmath refuses later.
        return _mpf((sign, significand, int(exponent), bits))

    def encode_flagged(self, value: Any) -> tuple[Any, int]:
        """Raise: no flags are kept."""
        raise NotImplementedError("mp keeps no flags")

    def rounder(self, conversion: Conversion) -> Rounder:
        """Return the rounding of a conversion."""
        return Rounder(MpRounder(self.precision, conversion))

    def decode(self, element: Any) -> Any:
        """Return the exact value of a number."""
        return exact_of(element)

    def from_elements(self, elements: Iterable[Any], shape: tuple[int, ...]) -> Storage:
        """Return an object array."""
        return np.fromiter(elements, dtype=object).reshape(shape)

    def is_element(self, element: Any) -> bool:
        """Return whether an object is an mpf."""
        return is_mpf(element)

    def from_bits(self, bits: np.ndarray[Any, Any]) -> Storage:
        """Raise: numbers have no encodings."""
        raise NotImplementedError("mp has no encodings")

    def to_bits(self, x: Storage) -> np.ndarray[Any, Any]:
        """Raise: numbers have no encodings."""
        raise NotImplementedError("mp has no encodings")

    def to_bytes(self, x: Storage) -> bytes:
        """Return the sign, significand and exponent of each number in hexadecimal."""
        return "\n".join(format_fields(exact_of(a)) for a in x.ravel().tolist()).encode()

    def _from_raw(self, values: Iterable[Any], shape: tuple[int, ...]) -> Storage:
        return self.from_elements(map(self.encode, values), shape)


class Engine(Enum):
    """How numbers are kept: in limbs, on which kernels compute, or as mpmath's."""

    LIMBS = "limbs"
    MPMATH = "mpmath"


def _engine(spec: Dtype, precision: int) -> Engine:
    """Return the engine of a dtype: kernels, to the precision that they take.

    Raises:
        NumleanError: There is no such engine, or it does not take the precision.
    """
    fits = precision <= MOST_PRECISION
    text = spec.options.get(_ENGINE)
    if text is None:
        return Engine.LIMBS if fits else Engine.MPMATH
    known = {engine.value: engine for engine in Engine}
    if text not in known:
        raise UnknownNameError("value of engine", text, tuple(known))
    if known[text] is Engine.LIMBS and not fits:
        raise NumleanError(
            f"{spec.text!r:.80}: engine=limbs takes up to {MOST_PRECISION} bits; leave engine out"
        )
    return known[text]


def _make(spec: Dtype, device: str) -> KernelScalar:
    argument = spec.argument
    if argument is None or not _PRECISION.fullmatch(argument) or int(argument) > MAX_PRECISION:
        raise NumleanError(
            f"{spec.text!r:.80}: mp takes a precision from 1 to {MAX_PRECISION} bits, as in mp:200"
        )
    precision = int(argument)
    table = mp_table(precision)
    codec: MpCodec | LimbCodec = MpCodec(precision)
    engine, target = _engine(spec, precision), get_target(device)
    by = "by mpmath"
    if engine is Engine.LIMBS:
        make = limb_table if device == _COMPILED else interpreted_limb_table
        table, codec, by = make(precision, table), LimbCodec(precision), "in limbs"
    elif device == _COMPILED:
        table = replace(table, kernels=partial(_interpreted, table))
    return KernelScalar(
        name=Dtype.mp(precision).with_options(**spec.options).text,
        summary=f"{precision} significant bits {by}, exponents unbounded",
        table=table,
        target=target,
        codec=codec,
    )


def _interpreted(table: Table, loop: Loop) -> Launch:
    """Return the launch of a loop in the interpreter, for the device that compiles others."""
    return PYTHON.kernel_of(loop, table)


scalar = ScalarBackend(
    pattern="mp:PREC",
    summary="PREC significant bits, each operation correctly rounded; by kernels on"
    " numbers in limbs up to 1024 bits, by mpmath beyond that and with engine=mpmath",
    devices=(_COMPILED, "python"),
    make=_make,
    options=(_ENGINE,),
)
