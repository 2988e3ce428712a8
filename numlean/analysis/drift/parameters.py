"""The errors of a run's parameters and loss against the reference run after a step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from numlean.analysis.drift.error_stats import ErrorStats, by_power_of_two, plain_histogram
from numlean.analysis.drift.exact_reference import ExactReference
from numlean.analysis.drift.ulp_scale import Floats, UlpScale
from numlean.autograd.tensor import Tensor
from numlean.scalar.protocol import Scalar


class ParameterMeter:
    """Measures numbers of a run against those of the reference run.

    Errors in ulps are in those of the number's arithmetic or, if that is coarser, of the truth.

    Attributes:
        exact_reference: Computes differences.
        truth: The arithmetic of the reference run.
    """

    def __init__(self, exact_reference: ExactReference, truth: Scalar) -> None:
        self.exact_reference = exact_reference
        self.truth = truth
        self._scales: dict[Scalar, UlpScale] = {}

    def parameters(
        self, names: Sequence[str], params: Sequence[Tensor], expected: Sequence[Tensor]
    ) -> dict[str, Any]:
        """Return the errors of all parameters and buffers together, and of each."""
        found = [self._differences(p, t) for p, t in zip(params, expected, strict=True)]
        parts = {name: _figures(each) for name, each in zip(names, found, strict=True)}
        short = ("relative", "max_ulp", "median_ulp", "sign_flips", "inf", "nan")
        return {
            **_figures(_Differences.together(found)),
            "by_parameter": {
                name: {key: part[key] for key in short} for name, part in parts.items()
            },
        }

    def loss(self, loss: Tensor, expected: Tensor) -> dict[str, float | None]:
        """Return the error of the loss, relative and in ulp; None if one is not finite."""
        found = self._differences(loss, expected)
        if not found.finite.all():
            return {"loss_relative_error": None, "loss_error_ulp": None}
        error, reference = abs(float(found.errors)), abs(float(found.expected))
        return {
            "loss_relative_error": _relative(error, reference),
            "loss_error_ulp": float(found.ulps),
        }

    def _differences(self, x: Tensor, expected: Tensor) -> _Differences:
        """Return the differences from the expected numbers, the numbers, and those."""
        measure = self.exact_reference
        a = measure.to_wide(x.scalar, x.data)
        b = measure.to_wide(self.truth, expected.data)
        return _Differences.of(
            self._scale(x.scalar), measure.differences(a, b), measure.floats(a), measure.floats(b)
        )

    def _scale(self, scalar: Scalar) -> UlpScale:
        if scalar not in self._scales:
            self._scales[scalar] = UlpScale.of(scalar).coarser(UlpScale.of(self.truth))
        return self._scales[scalar]


@dataclass(frozen=True)
class _Differences:
    """Differences of numbers from the expected ones.

    Attributes:
        errors: The differences.
        values: The numbers.
        expected: The expected numbers.
        ulps: The magnitudes of the differences in ulps; 0 where a number is not finite.
        finite: Where all of them are finite.
    """

    errors: Floats
    values: Floats
    expected: Floats
    ulps: Floats
    finite: np.ndarray[Any, np.dtype[np.bool_]]

    @classmethod
    def of(cls, scale: UlpScale, errors: Floats, values: Floats, expected: Floats) -> _Differences:
        finite = np.isfinite(errors) & np.isfinite(values) & np.isfinite(expected)
        shown = (np.where(finite, x, 0.0) for x in (errors, values, expected))
        return cls(errors, values, expected, scale.ulps(*shown), finite)

    @classmethod
    def together(cls, several: Sequence[_Differences]) -> _Differences:
        """Return the differences of several tensors, one after the other."""
        names = ("errors", "values", "expected", "ulps", "finite")
        return cls(*(np.concatenate([getattr(x, name).ravel() for x in several]) for name in names))


def _figures(found: _Differences) -> dict[str, Any]:
    finite, values, expected = found.finite, found.values, found.expected
    errors, ours, reference = found.errors[finite], values[finite], expected[finite]
    ulps = found.ulps[finite]
    stats = ErrorStats()
    stats.add(ulps, errors, ours, reference)
    specials = _special_errors(values[~finite], expected[~finite])
    unknown = int(np.isnan(specials).sum())
    stats.add_specials(infinite=specials.size - unknown, unknown=unknown)
    nonzero = reference != 0
    relative = np.abs(errors[nonzero]) / np.abs(reference[nonzero])
    return {
        **stats.as_plain(),
        "relative_histogram": plain_histogram(
            by_power_of_two(_by_power_of_number(errors, ours, reference))
        ),
        "median_ulp": _median(ulps, specials),
        "max_relative": _max(relative, specials),
        "median_relative": _median(relative, specials),
        "sign_flips": int((np.sign(ours) * np.sign(reference) < 0).sum()),
        "inf": int(np.isinf(values).sum()),
        "nan": int(np.isnan(values).sum()),
    }


def _by_power_of_number(errors: Floats, values: Floats, expected: Floats) -> Floats:
    """Return errors divided by the power of two of the number or the expected one, if greater."""
    _, exponents = np.frexp(np.maximum(np.abs(values), np.abs(expected)))
    divided: Floats = np.ldexp(np.abs(errors), 1 - exponents)
    return divided


def _special_errors(values: Floats, expected: Floats) -> Floats:
    """Return the errors of numbers that are not both finite: infinite, or NaN if neither is."""
    neither = ~np.isfinite(values) & ~np.isfinite(expected)
    return np.where(neither, np.nan, np.inf)


def _median(errors: Floats, specials: Floats) -> float | None:
    """Return the median error, with NaN as the greatest; None without numbers."""
    values = np.sort(np.concatenate([errors, specials]))
    if not values.size:
        return None
    low, high = values[(values.size - 1) // 2], values[values.size // 2]
    return float(low) if low == high else float(low + (high - low) / 2)


def _max(errors: Floats, specials: Floats) -> float | None:
    """Return the greatest error: infinite if one is, else NaN if one is unknown."""
    if not errors.size + specials.size:
        return None
    if np.isinf(specials).any():
        return np.inf
    return float(np.concatenate([errors, specials]).max())


def _relative(error: float, expected: float) -> float | None:
    return error / expected if expected else (0.0 if error == 0 else None)
