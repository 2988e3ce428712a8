"""The reference for arrays: a filter where it is certain, MPFR elsewhere, and measurements."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import numpy as np

from numlean.verification.elementary.certified import Certified
from numlean.verification.elementary.filter import Enclosures, Filter, Libm
from numlean.verification.elementary.functions import Function
from numlean.verification.elementary.hard_cases import HardCase, distance, hardest
from numlean.verification.elementary.rounding_test import can_decide, round_if_certain
from numlean.verification.encoding import Bools, Floats, decode, is_signalling
from numlean.verification.nan_rules import nan_result
from numlean.verification.operands import Bits
from numlean.verification.reference import Choices, Raised
from numlean_kernels.flags import INVALID
from numlean_kernels.formats import BINARY32, Format

_CHUNK: Final = 1 << 16
"""The number of values processed at a time, so that they stay in the processor's cache."""

_LISTED: Final = 20
"""The width up to which a format's values are kept in a list."""

_APART: Final = 1 << 14
_ENDS: Final = 1024


@dataclass
class FilteredResults:
    """The correct results.

    Attributes:
        z: The encodings.
        raised: The flags.
        referred: The number of values that the filter left to MPFR.
        worst: The largest relative error of the filter that was measured.
        unsound: The position where the filter was wrong; None if nowhere.
        hard_cases: The hardest operands.
    """

    z: Bits
    raised: Raised
    referred: int = 0
    worst: float = 0.0
    unsound: int | None = None
    hard_cases: tuple[HardCase, ...] = ()


class FilteredReference:
    """Correctly rounded functions on arrays of encodings.

    NaNs are those of the rule ``torchlean``.

    Attributes:
        format: The format of operands and results.
        certified: The reference that decides where the filter cannot.
        filter: The filter; None where binary64 is too coarse for the format.
    """

    def __init__(self, format: Format, choices: Choices, source: Filter | None = None) -> None:
        self.format = format
        self.certified = Certified(format, choices)
        self.filter = (source or Libm()) if can_decide(format) else None
        self._choices = choices

    def compute(
        self, function: Function, x: list[Bits], measured: np.ndarray[Any, Any]
    ) -> FilteredResults:
        """Compute the results, and the filter's error at the positions ``measured``."""
        count = len(x[0])
        whole = FilteredResults(np.empty_like(x[0]), np.empty(count, np.uint8))
        for start in range(0, count, _CHUNK):
            chunk = slice(start, start + _CHUNK)
            here = measured[(measured >= start) & (measured < start + _CHUNK)] - start
            part = self._chunk(function, [a[chunk] for a in x], here)
            whole.z[chunk], whole.raised[chunk] = part.z, part.raised
            whole.referred += part.referred
            whole.worst = max(whole.worst, part.worst)
            whole.hard_cases = hardest(whole.hard_cases, part.hard_cases)
            if whole.unsound is None and part.unsound is not None:
                whole.unsound = start + part.unsound
        return whole

    def _chunk(
        self, function: Function, x: list[Bits], measured: np.ndarray[Any, Any]
    ) -> FilteredResults:
        floats = [_values(self.format, a) for a in x]
        nan, outside = self._not_a_number(function, x, floats)
        decided = nan | outside
        if decided.all() or self.filter is None:
            results = FilteredResults(np.zeros_like(x[0]), np.zeros(len(decided), np.uint8))
        else:
            enclosures = self.filter.enclose(function, floats)
            z, raised, certain = round_if_certain(self.format, self._choices, enclosures)
            for a in floats:
                certain &= (a != 0) & np.isfinite(a)
            results = FilteredResults(z, raised)
            self._measure(
                function, floats, results, enclosures, measured[(certain & ~decided)[measured]]
            )
            decided = decided | certain
        self._refer(function, x, floats, results, np.flatnonzero(~decided))
        if nan.any() or outside.any():
            signalling = np.any([is_signalling(self.format, a) for a in x], axis=0)
            results.z[outside] = self.format.default_nan
            results.raised[outside] = INVALID
            results.z[nan] = nan_result(self.format, self._choices, function.name, x)[nan]
            results.raised[nan] = INVALID * signalling[nan]
        return results

    def _not_a_number(
        self, function: Function, x: list[Bits], floats: list[Floats]
    ) -> tuple[Bools, Bools]:
        """Return where an operand's NaN is the result, and where there is no value."""
        nan: Bools = np.any([np.isnan(a) for a in floats], axis=0)
        if function.ignores_nan is not None:
            signalling = np.any([is_signalling(self.format, a) for a in x], axis=0)
            nan &= signalling | ~function.ignores_nan(*floats)
        if function.outside is None:
            return nan, np.zeros_like(nan)
        return nan, function.outside(*floats) & ~nan

    def _refer(
        self,
        function: Function,
        x: list[Bits],
        floats: list[Floats],
        results: FilteredResults,
        positions: np.ndarray[Any, Any],
    ) -> None:
        cases = []
        operands = zip(*(a[positions].tolist() for a in floats), strict=True)
        for k, given in zip(positions.tolist(), operands, strict=True):
            value = self.certified.value(function.name, given)
            results.z[k], results.raised[k] = self.certified.rounded(value)
            off = distance(self.format, given, value)
            if off is not None:
                cases.append(HardCase(off, tuple(int(a[k]) for a in x)))
        results.referred = len(positions)
        results.hard_cases = hardest(cases)

    def _measure(
        self,
        function: Function,
        floats: list[Floats],
        results: FilteredResults,
        enclosures: Enclosures,
        positions: np.ndarray[Any, Any],
    ) -> None:
        """Compare the filter, and the results it decided, with MPFR."""
        for k in positions.tolist():
            value = self.certified.value(function.name, tuple(float(a[k]) for a in floats))
            certain = int(results.z[k]), int(results.raised[k])
            if not enclosures.holds(k, value) or certain != self.certified.rounded(value):
                results.unsound = k
            if enclosures.side[k] == 0:
                results.worst = max(results.worst, abs(enclosures.offset(k, value)))


def _values(format: Format, x: Bits) -> Floats:
    if format.width <= _LISTED:
        return _list_of_values(format)[x]
    if format == BINARY32:
        with np.errstate(invalid="ignore"):  # signalling NaNs
            return x.view(np.float32).astype(np.float64)
    return decode(format, x)


@cache
def _list_of_values(format: Format) -> Floats:
    return decode(format, np.arange(1 << format.width, dtype=format.storage_dtype))


def worth_measuring(format: Format, x: list[Bits], offset: int) -> np.ndarray[Any, Any]:
    """Return positions of one operand in 2**14 from an offset, and some at an exponent's ends."""
    count, mask = len(x[0]), x[0].dtype.type(format.trailing_mask)
    at_end = np.zeros(count, np.bool_)
    for a in x:
        at_end |= ((a & mask) == 0) | ((a & mask) == mask)
    ends = np.flatnonzero(at_end)
    ends = ends[:: -(-len(ends) // _ENDS) or 1]
    return np.union1d(np.arange(offset % _APART, count, _APART), ends)
