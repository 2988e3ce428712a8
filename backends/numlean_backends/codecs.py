"""Codecs for numbers kept as encodings and for hardware floats."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, final

import numpy as np

from numlean.errors import NumleanError
from numlean.scalar.conversion import SATURATE, WRAP, Conversion, Rounder, few_bits
from numlean.scalar.exact import Exact
from numlean.scalar.protocol import Storage
from numlean.scalar.rounding_names import STOCHASTIC
from numlean_kernels.formats import Format
from numlean_kernels.ieee import Arithmetic, Overflow, RandomBits, Rounding
from numlean_kernels.loops.elementwise import unary
from numlean_kernels.protocol import Table, Target, kernel_for
from numlean_kernels.tables.exact import decode, default_nan, flagged_encoder, infinite
from numlean_kernels.tables.ieee import ieee_table
from numlean_kernels.tables.widened import widened_table


class CodesInStorage(ABC):
    """Storage holds codes, which are integers: the methods that take and return them as they are.

    See :class:`numlean.scalar.codec.Codec` for the documentation of every method.
    """

    @property
    @abstractmethod
    def storage_dtype(self) -> np.dtype[Any]:
        """The narrowest unsigned integer that holds a code."""

    def from_elements(self, elements: Iterable[int], shape: tuple[int, ...]) -> Storage:
        """Return an array of codes."""
        return np.array(list(elements), dtype=self.storage_dtype).reshape(shape)

    def is_element(self, element: Any) -> bool:
        """Return True; never called, because the dtype suffices."""
        return True

    def from_bits(self, bits: np.ndarray[Any, Any]) -> Storage:
        """Return the codes as they are."""
        return bits

    def to_bits(self, x: Storage) -> np.ndarray[Any, Any]:
        """Return the codes as they are."""
        return x

    def to_bytes(self, x: Storage) -> bytes:
        """Return the codes, least significant byte first."""
        return little_endian(x)


@dataclass(frozen=True)
class TableCodec(CodesInStorage):
    """Codes that kernels of a table convert.

    Attributes:
        table: Has the routines from_binary64, to_binary64 and from_int64.
        target: The target that runs them.
    """

    table: Table
    target: Target

    def from_float(self, values: np.ndarray[Any, Any]) -> Storage:
        """Round binary64 values once."""
        return self._converted("from_binary64", values.view(np.uint64), self.storage_dtype)

    def to_float(self, x: Storage) -> np.ndarray[Any, Any]:
        """Return the exact values as binary64."""
        return self._converted("to_binary64", x, np.dtype(np.uint64)).view(np.float64)

    def from_int(self, values: np.ndarray[Any, Any]) -> Storage:
        """Round int64 values once."""
        return self._converted("from_int64", values, self.storage_dtype)

    def _converted(
        self, routine: str, x: np.ndarray[Any, Any], result: np.dtype[Any]
    ) -> np.ndarray[Any, Any]:
        """Return a routine's results for the elements of an array of any layout."""
        x = x if x.flags.carray else np.array(x, order="C", copy=True)
        z = self.target.empty(x.shape, result)
        kernel_for(self.target, unary(routine), self.table)((z.size,), x.reshape(-1), z.reshape(-1))
        return z


@final
@dataclass(frozen=True)
class EncodingCodec(TableCodec):
    """Storage holds encodings of a format.

    Attributes:
        arithmetic: The format of the encodings, and how numbers are rounded to it.
    """

    arithmetic: Arithmetic

    @property
    def format(self) -> Format:
        """The format of the encodings."""
        return self.arithmetic.format

    @property
    def storage_dtype(self) -> np.dtype[Any]:
        """The narrowest unsigned integer that holds an encoding."""
        return self.format.storage_dtype

    @property
    def precision(self) -> int:
        """The format's."""
        return self.format.precision

    def encode(self, value: Exact) -> int:
        """Round one exact value once."""
        return encode_raw(self.arithmetic, value)

    def encode_flagged(self, value: Exact) -> tuple[int, int]:
        """Round one exact value once, and return the flags that this raises."""
        return encode_raw_flagged(self.arithmetic, value)

    def decode(self, element: int) -> Exact:
        """Return one encoding's exact value."""
        return decode_raw(self.format, element)

    def rounder(self, conversion: Conversion) -> Rounder:
        """Return the rounding of a conversion, with the arithmetic's other choices."""
        return rounder_of(self.arithmetic, conversion)


@dataclass(frozen=True)
class HardwareCodec:
    """Storage holds hardware floats; numpy's casts round once to nearest even.

    Attributes:
        format: binary32 or binary64.
        storage_dtype: The numpy float of that format.
    """

    format: Format
    storage_dtype: np.dtype[Any]

    @property
    def precision(self) -> int:
        """The format's."""
        return self.format.precision

    def from_float(self, values: np.ndarray[Any, Any]) -> Storage:
        """Round binary64 values once."""
        with np.errstate(all="ignore"):
            rounded = values.astype(self.storage_dtype)
        return np.where(np.isnan(rounded), self._default_nan(), rounded)

    def to_float(self, x: Storage) -> np.ndarray[Any, Any]:
        """Return the exact values; NaNs become binary64's default NaN."""
        with np.errstate(invalid="ignore"):  # signalling NaNs
            return np.where(np.isnan(x), np.nan, x.astype(np.float64))

    def from_int(self, values: np.ndarray[Any, Any]) -> Storage:
        """Round int64 values once."""
        return values.astype(self.storage_dtype)

    def encode(self, value: Exact) -> Any:
        """Round one exact value once."""
        bits = np.array(encode_raw(Arithmetic(self.format), value), self.format.storage_dtype)
        return bits.view(self.storage_dtype)[()]

    def encode_flagged(self, value: Exact) -> tuple[Any, int]:
        """Raise: the hardware's flags are not read."""
        raise NotImplementedError("hardware floats keep no flags")

    def decode(self, element: float) -> Exact:
        """Return one number's exact value."""
        from mpmath import libmp

        return libmp.from_float(element)  # type: ignore[no-any-return]

    def rounder(self, conversion: Conversion) -> Rounder:
        """Return the rounding of a conversion, which is emulated."""
        emulated = rounder_of(Arithmetic(self.format), conversion)

        def encode(value: Exact, *word: int) -> tuple[Any, int]:
            z, raised = emulated.encode(value, *word)
            bits = np.array(z, self.format.storage_dtype)
            return bits.view(self.storage_dtype)[()], raised

        return replace(emulated, encode=encode)

    def from_elements(self, elements: Iterable[Any], shape: tuple[int, ...]) -> Storage:
        """Return an array of hardware floats."""
        return np.array(list(elements), dtype=self.storage_dtype).reshape(shape)

    def is_element(self, element: Any) -> bool:
        """Return True; never called, because the dtype suffices."""
        return True

    def from_bits(self, bits: np.ndarray[Any, Any]) -> Storage:
        """Return the floats of encodings."""
        return bits.view(self.storage_dtype)

    def to_bits(self, x: Storage) -> np.ndarray[Any, Any]:
        """Return the encodings of the floats."""
        return np.ascontiguousarray(x).view(self.format.storage_dtype).reshape(x.shape)

    def to_bytes(self, x: Storage) -> bytes:
        """Return the encodings, least significant byte first."""
        return little_endian(x)

    def _default_nan(self) -> Any:
        bits = np.array(self.format.default_nan, self.format.storage_dtype)
        return bits.view(self.storage_dtype)[()]


def little_endian(x: Storage) -> bytes:
    """Return the elements in C order, least significant byte first on every machine."""
    return x.astype(x.dtype.newbyteorder("<"), copy=False).tobytes()


def encode_raw(arithmetic: Arithmetic, value: Exact) -> int:
    """Round a value in mpmath's private form once, to an encoding."""
    return encode_raw_flagged(arithmetic, value)[0]


def encode_raw_flagged(arithmetic: Arithmetic, value: Exact, *word: int) -> tuple[int, int]:
    """Round a value once, to an encoding, and return the flags that this raises.

    ``word`` is the random word of an arithmetic that rounds at random.
    """
    from mpmath import libmp

    negative, m, e, _ = value
    if value == libmp.fnan:
        return default_nan(arithmetic)
    if value in (libmp.finf, libmp.fninf):
        return infinite(arithmetic, negative=value == libmp.fninf)
    return flagged_encoder(arithmetic)(negative, int(m), e, *word)


def rounder_of(arithmetic: Arithmetic, conversion: Conversion) -> Rounder:
    """Return the rounding to encodings by an arithmetic, with the choices of a conversion.

    Raises:
        NumleanError: The format does not have one of them.
    """
    own = _with_choices(arithmetic, conversion)
    encode, table = partial(encode_raw_flagged, own), partial(_table_of_conversions, own)
    return Rounder(encode, table, own.format.storage_dtype)


def _table_of_conversions(arithmetic: Arithmetic, target: Target) -> Table:
    """Return the routines that round numbers: the fastest on the CPU, or else the plain."""
    return (widened_table if target.computes_rows else ieee_table)(arithmetic, target)


def _with_choices(arithmetic: Arithmetic, conversion: Conversion) -> Arithmetic:
    format, overflow = arithmetic.format, conversion.overflow
    if overflow == WRAP:
        raise NumleanError(
            f"a conversion to {format.name} does not wrap: overflow=wrap is for fixed-point numbers"
        )
    if format.only_saturates and overflow not in (None, SATURATE):
        raise NumleanError(f"a conversion to {format.name} only saturates: leave overflow out")
    choices: dict[str, Any] = {} if overflow is None else {"overflow": Overflow(overflow)}
    try:
        if conversion.rounding is not None:
            few = few_bits(conversion.rounding)
            choices["random"] = None if few is None else RandomBits(*few)
            name = conversion.rounding if few is None else STOCHASTIC
            choices["rounding"] = Rounding(name)
        return replace(arithmetic, **choices)
    except ValueError as error:
        raise NumleanError(f"a conversion to {format.name}: {error}") from None


def decode_raw(format: Format, encoding: int) -> Exact:
    """Return the exact value of an encoding."""
    from mpmath import libmp

    negative = encoding & format.sign_mask
    if format.is_nan(encoding):
        return libmp.fnan  # type: ignore[no-any-return]
    if format.is_infinite(encoding):
        return libmp.fninf if negative else libmp.finf  # type: ignore[no-any-return]
    m, e = decode(format, encoding)
    return libmp.from_man_exp(-m if negative else m, e)  # type: ignore[no-any-return]
