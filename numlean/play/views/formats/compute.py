"""What the view shows of a format, without its HTML."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from math import floor, log10
from typing import Final

from mpmath import libmp

from numlean.errors import NumleanError
from numlean.inspection.digits import readable
from numlean.inspection.evaluation import Evaluation
from numlean.inspection.syntax import Comparison, count_operations, parse
from numlean.play.scalars.detail import Detail, detail
from numlean.play.scalars.loading import chosen_formats, load
from numlean.play.scalars.spectrum import Stretch, spectrum_of
from numlean.play.scalars.truth import Error, Truth, error_of
from numlean.play.views.formats.query import FormatsQuery
from numlean.play.views.text import describe_numbers
from numlean.play.workspace import Workspace
from numlean.scalar.code_fields import code_width
from numlean.scalar.conversion import Conversion
from numlean.scalar.display import greatest_number, least_number
from numlean.scalar.exact import exact_of
from numlean.scalar.flags import Flags
from numlean.scalar.precision import precision_of
from numlean.scalar.protocol import Scalar, Storage
from numlean.scalar.work_limit import check_work

MOST_BITS_OF_ALL: Final = 10
"""Of formats of at most so many bits every number is drawn."""


@dataclass(frozen=True)
class Value:
    """A finite number of a small format.

    Attributes:
        code: Its code.
        text: Its decimal.
        value: The number.
    """

    code: int
    text: str
    value: float


@dataclass(frozen=True)
class Constant:
    """A row of the table of constants.

    Attributes:
        name: What it is.
        text: Its value, if it is not a number of the format.
        number: The number.
    """

    name: str
    text: str = ""
    number: Detail | None = None


@dataclass(frozen=True)
class Series:
    """The precision of a format against the magnitude."""

    dtype: str
    stretches: tuple[Stretch, ...]


@dataclass(frozen=True)
class FormatFacts:
    """A format.

    Attributes:
        dtype: The dtype.
        summary: One line about its numbers.
        width: The number of bits of a code; None without one.
        values: Every finite number, in ascending order; None if they are too many.
        spectrum: Its positive numbers by binade; None if exponents are unbounded.
        constants: Its constants.
        beside: The formats that are drawn beside it.
        message: Why there are none.
    """

    dtype: str
    summary: str
    width: int | None
    values: tuple[Value, ...] | None
    spectrum: tuple[Stretch, ...] | None
    constants: tuple[Constant, ...]
    beside: tuple[Series, ...]
    message: str


@dataclass(frozen=True)
class Converted:
    """A conversion.

    Attributes:
        source: The number that is converted.
        target: The result.
        back: The result converted back, by the rounding of the source's dtype.
        flags: The exceptions of the conversion.
        error: Its error; None where there is none.
    """

    source: Detail
    target: Detail
    back: Detail
    flags: Flags
    error: Error | None

    @property
    def is_reversible(self) -> bool:
        """Whether converting back gives the same number."""
        same_code = self.source.code == self.back.code
        return same_code and self.source.exact_value == self.back.exact_value


def format_facts(query: FormatsQuery, workspace: Workspace) -> FormatFacts:
    """Return the facts of a format.

    Raises:
        NumleanError: The dtype is invalid.
    """
    scalar = load(query.format)
    width = code_width(scalar)
    beside, message = list[Series](), ""
    try:
        for chosen in chosen_formats(query.beside, workspace):
            found = spectrum_of(chosen.dtype)
            if found is not None and chosen.dtype != scalar.name:
                beside.append(Series(chosen.dtype, found))
    except NumleanError as error:
        message = str(error)
    return FormatFacts(
        scalar.name,
        describe_numbers(scalar),
        width,
        _values(scalar.name) if width is not None and width <= MOST_BITS_OF_ALL else None,
        spectrum_of(scalar.name),
        _constants(scalar.name),
        tuple(beside),
        message,
    )


@lru_cache(maxsize=64)
def _values(dtype: str) -> tuple[Value, ...]:
    scalar = load(dtype)
    width = code_width(scalar)
    assert width is not None
    found = list[Value]()
    for code in range(1 << width):
        x = scalar.from_bits([code])
        value = exact_of(scalar.to_exact(x)[0])
        if value.is_finite:
            found.append(Value(code, readable(scalar, x), float(libmp.to_float(value))))
    return tuple(sorted(found, key=lambda each: each.value))


@lru_cache(maxsize=64)
def _constants(dtype: str) -> tuple[Constant, ...]:
    scalar = load(dtype)
    return (*_fields(scalar), *_numbers(scalar), *_counts(scalar))


def _fields(scalar: Scalar) -> Iterator[Constant]:
    format = scalar.format
    yield Constant("precision", f"{precision_of(scalar)} bits at most")
    if format is None:
        return
    yield Constant("exponent bias", str(format.bias))
    yield Constant("exponents of normal numbers", f"{format.emin} to {format.emax}")
    digits = floor(format.trailing_bits * log10(2))
    yield Constant("decimal digits that survive", str(digits))


def _numbers(scalar: Scalar) -> Iterator[Constant]:
    one = scalar.from_int([1])
    if code_width(scalar) is None:
        yield Constant("one", number=detail(scalar, one))
        return
    greatest = greatest_number(scalar)
    yield Constant("greatest number", number=detail(scalar, greatest))
    least = least_number(scalar)
    format = scalar.format
    if format is not None:
        normal = scalar.from_bits([format.least_normal])
        yield Constant("least positive normal number", number=detail(scalar, normal))
    yield Constant("least positive number", number=detail(scalar, least))
    if exact_of(scalar.to_exact(one)[0]) == libmp.fone:
        above = scalar.next_up(one)
        yield Constant("one", number=detail(scalar, one))
        if exact_of(scalar.to_exact(above)[0]).is_finite:
            yield Constant("next above one", number=detail(scalar, above))
            yield Constant("distance of these (epsilon)", _distance(scalar, one, above))
    if format is not None and format.emax >= format.precision:
        integer = scalar.from_exact([1 << format.precision])
        yield Constant("up to which it has every integer", number=detail(scalar, integer))


def _distance(scalar: Scalar, low: Storage, high: Storage) -> str:
    ends = [exact_of(scalar.to_exact(x)[0]) for x in (low, high)]
    distance = libmp.mpf_sub(ends[1], ends[0], 64, "n")
    return str(libmp.to_str(distance, 8))


def _counts(scalar: Scalar) -> Iterator[Constant]:
    format = scalar.format
    if format is None:
        width = code_width(scalar)
        if width is not None:
            yield Constant("codes", f"{1 << width:,}")
        return
    signs = 1 + format.is_signed
    magnitudes = format.max_finite + 1
    finite = signs * magnitudes - int(format.has_nan_at_minus_zero)
    yield Constant("finite encodings", f"{finite:,}")
    yield Constant("infinities", str(signs * format.has_infinity))
    nans = (1 << format.width) - finite - signs * format.has_infinity
    yield Constant("NaN encodings", f"{nans:,}")
    if nans:
        nan = scalar.from_bits([format.default_nan])
        yield Constant("default NaN", number=detail(scalar, nan))


def convert(query: FormatsQuery) -> Converted:
    """Return the conversion of a value.

    Raises:
        NumleanError: The value, a dtype or a choice is invalid.
    """
    source, target = load(query.source), load(query.target or query.format)
    tree = parse(query.value)
    if isinstance(tree, Comparison):
        raise NumleanError("a comparison is not a number that can be converted")
    operations = count_operations(tree)
    check_work(f"an expression of {operations:,} operations", precision_of(source), operations)
    conversion = Conversion.of(query.rounding or None, query.overflow or None)
    x = Evaluation(source).value(tree)
    flags = Flags()
    z = target.cast_from(source, x, **conversion.options(), flags=flags)
    before, after = detail(source, x), detail(target, z)
    truth = Truth(before.exact_value, True, None)
    return Converted(
        before,
        after,
        detail(source, source.cast_from(target, z)),
        flags,
        error_of(target, after, truth),
    )
