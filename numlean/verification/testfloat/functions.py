"""TestFloat's functions by name: the types of their operands and results, and our operations.

``f32_add``, ``f32_to_i32``, ``ui64_to_f16``, ``f32_le_quiet``: the names, types and meanings are
those of the documentation of Berkeley TestFloat 3e.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

import numpy as np

from numlean.errors import NumleanError, UnknownNameError
from numlean.scalar.dtype import Dtype
from numlean.scalar.kernel_scalar import KernelScalar
from numlean.scalar.registry import get_scalar
from numlean.verification.testfloat.modes import flagged
from numlean_kernels.formats import Format
from numlean_kernels.ieee.convert import cast_name
from numlean_kernels.ieee.to_integer import integer_name

DTYPES: Final = {
    "f16": "binary16",
    "bf16": "bfloat16",
    "f32": "ieee32exec",
    "f64": "binary64exec",
}
"""The dtype of each floating-point type."""

INTEGERS: Final = {"ui32": "uint32", "ui64": "uint64", "i32": "int32", "i64": "int64"}
"""The numpy dtype of each integer type."""

ROUNDINGS: Final = {
    "near_even": "ties_to_even",
    "minMag": "toward_zero",
    "min": "toward_negative",
    "max": "toward_positive",
    "near_maxMag": "ties_to_away",
    "odd": "to_odd",
}
"""The roundings by TestFloat's names."""

_OPERATIONS: Final = {
    "add": ("add", 2),
    "sub": ("sub", 2),
    "mul": ("mul", 2),
    "mulAdd": ("fma", 3),
    "div": ("div", 2),
    "rem": ("rem", 2),
    "sqrt": ("sqrt", 1),
}
_COMPARISONS: Final = {
    "eq": "eq",
    "le": "signalling_le",
    "lt": "signalling_lt",
    "eq_signaling": "signalling_eq",
    "le_quiet": "le",
    "lt_quiet": "lt",
}
_INTEGRAL: Final = "roundToInt"
_ROUNDED: Final = re.compile(r"(.+)_(rx?)_(near_even|minMag|min|max|near_maxMag|odd)")
_OWN: Final = "f"


@dataclass(frozen=True)
class Number:
    """The type of an operand or a result.

    Attributes:
        bits: The width.
        format: The format of encodings; None for integers and truth values.
        is_signed: Whether integers are signed.
    """

    bits: int
    format: Format | None = None
    is_signed: bool = False

    @property
    def digits(self) -> int:
        """The hexadecimal digits of a number."""
        return -(-self.bits // 4)

    @property
    def storage(self) -> np.dtype[np.unsignedinteger]:
        """The unsigned integers that hold the bits."""
        if self.format is not None:
            return self.format.storage_dtype
        return np.dtype(f"uint{max(self.bits, 8)}")


@dataclass(frozen=True)
class TestFunction:
    """A function of TestFloat, in one arithmetic.

    Attributes:
        name: The name.
        scalar: The arithmetic.
        operation: The name of the operation of ``scalar.flagged``.
        operands: The types of the operands.
        result: The type of the result.
        raises_inexact: Whether a rounding or a conversion to an integer raises inexact.
        rounding: TestFloat's name of the rounding; None if nothing is rounded.
    """

    __test__ = False  # for pytest

    name: str
    scalar: KernelScalar
    operation: str
    operands: tuple[Number, ...]
    result: Number
    raises_inexact: bool = True
    rounding: str | None = None

    def compute(
        self, operands: list[np.ndarray[tuple[int], np.dtype[np.unsignedinteger]]]
    ) -> tuple[
        np.ndarray[tuple[int], np.dtype[np.unsignedinteger]],
        np.ndarray[tuple[int], np.dtype[np.uint8]],
    ]:
        """Return the bits of the results, and the flags of each."""
        arrays = [_entered(kind, x) for kind, x in zip(self.operands, operands, strict=True)]
        z, raised = flagged(self.scalar, self.operation, arrays)
        if not self.raises_inexact:
            raised = raised & np.uint8(0xFE)
        return z.view(self.result.storage), raised


def _entered(
    kind: Number, x: np.ndarray[tuple[int], np.dtype[np.unsignedinteger]]
) -> np.ndarray[tuple[int], np.dtype[np.integer]]:
    """Return operands as the operation takes them: integers have 64 bits."""
    if kind.format is not None:
        return x.astype(kind.format.storage_dtype, copy=False)
    if kind.is_signed:
        return x.view(f"int{kind.bits}").astype(np.int64, copy=False)
    return x.astype(np.uint64, copy=False)


def type_named(name: str, dtype: str | None = None) -> Number | None:
    """Return a type by its name; None if no type has it. ``f`` is that of the dtype."""
    if name in INTEGERS:
        return Number(int(name.lstrip("ui")), is_signed=name[0] == "i")
    known = dtype if name == _OWN and dtype is not None else DTYPES.get(name)
    if known is None:
        return None
    format = _scalar(Dtype.parse(known)).format
    assert format is not None
    return Number(format.width, format)


def function_named(
    name: str,
    *,
    dtype: str | None = None,
    rounding: str = "near_even",
    tininess: str = "after",
    nan: str | None = None,
    is_exact: bool = False,
) -> TestFunction:
    """Return a function by TestFloat's name.

    Args:
        name: The name. With ``dtype``, the type ``f`` or none stands for its format: ``f_add``,
            ``add``, ``f_to_i32``.
        dtype: The arithmetic, with options; None for that of the type in the name.
        rounding: A key of ``ROUNDINGS``; a name with a rounding, ``f32_to_i32_r_minMag``, overrides
            it.
        tininess: ``after`` or ``before``.
        nan: The NaN rule; None for the dtype's.
        is_exact: Whether conversions to integers raise inexact; ``_rx_`` in the name sets it.

    Raises:
        UnknownNameError: There is no such function.
        NumleanError: The dtype has no encodings, or is of another format than the name.
    """
    short, direction, exact = _split_rounding(name)
    exact = is_exact if exact is None else exact
    direction = rounding if direction is None else direction
    options = {"tininess": tininess, **({} if nan is None else {"nan": nan})}
    if direction != "near_even":
        options["round"] = ROUNDINGS[direction]
    source, operation, target = _split(short, dtype)
    rounds_to_other = target in DTYPES or target == _OWN
    if dtype is not None and _OWN not in (source, target):
        _check_format(name, source, target, dtype)
    kind = target if rounds_to_other else source
    own = _dtype_of(kind, dtype if kind == _OWN or not target else None)
    _scalar(own)  # an error about the dtype rather than about its options
    scalar = _scalar(own.with_options(**options))
    if operation in _COMPARISONS:
        scalar = _scalar(own)  # no option changes a comparison, so one kernel serves all
    format = scalar.format
    assert format is not None
    number = Number(format.width, format)
    way = ROUNDINGS[direction]
    if operation in _OPERATIONS:
        ours, arity = _OPERATIONS[operation]
        return TestFunction(
            name, scalar, ours, (number,) * arity, number, True, _shown(ours, direction)
        )
    if operation in _COMPARISONS:
        return TestFunction(name, scalar, _COMPARISONS[operation], (number,) * 2, Number(1))
    if operation == _INTEGRAL:
        ours = f"round_to_integral_exact {way}"
        return TestFunction(name, scalar, ours, (number,), number, exact, direction)
    if target in INTEGERS:
        result = type_named(target)
        assert result is not None
        ours = integer_name(INTEGERS[target], way)
        return TestFunction(name, scalar, ours, (number,), result, exact, direction)
    given = type_named(source, dtype)
    assert given is not None
    if source in INTEGERS:
        ours = "from_int64" if given.is_signed else "from_uint64"
    else:
        assert given.format is not None
        ours = cast_name(given.format)
    return TestFunction(name, scalar, ours, (given,), number, True, direction)


def _shown(operation: str, rounding: str) -> str | None:
    return None if operation == "rem" else rounding


def _split_rounding(name: str) -> tuple[str, str | None, bool | None]:
    """Return a name without its rounding, the rounding, and whether it raises inexact."""
    match = _ROUNDED.fullmatch(name)
    if match is not None:
        return match[1], match[3], match[2] == "rx"
    if name.endswith(f"{_INTEGRAL}_x"):
        return name.removesuffix("_x"), None, True
    return name, None, None


def _split(name: str, dtype: str | None) -> tuple[str, str, str]:
    """Return the type of the operands, the operation, and the type to convert to."""
    floats = (*DTYPES, *((_OWN,) if dtype is not None else ()))
    if dtype is not None and name in (*_OPERATIONS, *_COMPARISONS, _INTEGRAL):
        return _OWN, name, ""
    kind, _, rest = name.partition("_")
    if kind in floats and rest in (*_OPERATIONS, *_COMPARISONS, _INTEGRAL):
        return kind, rest, ""
    target = rest.removeprefix("to_")
    is_conversion = rest.startswith("to_") and kind != target
    if is_conversion and (
        (kind in floats and target in (*INTEGERS, *floats))
        or (kind in INTEGERS and target in floats)
    ):
        return kind, "", target
    raise UnknownNameError("function", name, _known(floats))


def _known(floats: tuple[str, ...]) -> tuple[str, ...]:
    operations = (*_OPERATIONS, *_COMPARISONS, _INTEGRAL)
    names = [f"{kind}_{operation}" for kind in floats for operation in operations]
    names += [f"{a}_to_{b}" for a in floats for b in (*INTEGERS, *floats) if a != b]
    return (*names, *(f"{a}_to_{b}" for a in INTEGERS for b in floats))


def _dtype_of(kind: str, dtype: str | None) -> Dtype:
    """Return the dtype of a type, unless another one of the same format replaces it."""
    return Dtype.parse(DTYPES[kind] if dtype is None else dtype)


def _check_format(name: str, source: str, target: str, dtype: str) -> None:
    """Check that a dtype is of the format in a name that does not use the type ``f``."""
    own = _scalar(Dtype.parse(dtype)).format
    if target or own != _scalar(_dtype_of(source, None)).format:
        raise NumleanError(
            f"{name} is not a function of the format of --dtype {dtype}; write f for that format,"
            " as in f_add and f_to_f32"
        )


def _scalar(dtype: Dtype) -> KernelScalar:
    scalar = get_scalar(dtype.text)
    is_emulated = isinstance(scalar, KernelScalar) and scalar.table.get("flagged add") is not None
    if not is_emulated or not isinstance(scalar, KernelScalar) or scalar.format is None:
        raise NumleanError(f"{dtype.text} has no encodings with flags; use an emulated dtype")
    return scalar
