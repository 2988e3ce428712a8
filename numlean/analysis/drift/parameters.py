"""The errors of a run's parameters and loss against the reference run after a step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from numlean.analysis.drift.error_stats import ErrorStats
from numlean.analysis.drift.exact_reference import ExactReference
from numlean.analysis.drift.ulp_scale import Floats, UlpScale
from numlean.autograd.tensor import Tensor
from numlean.scalar.protocol import Scalar


class ParameterMeter:
    """Measures numbers of one arithmetic against those of the reference run.

    Attributes:
        exact_reference: Computes differences.
        truth: The arithmetic of the reference run.
        scale: The coarser ulps of both.
    """

    def __init__(self, exact_reference: ExactReference, truth: Scalar) -> None:
        self.exact_reference = exact_reference
        self.truth = truth
        self.scale = UlpScale.of(exact_reference.own).coarser(UlpScale.of(truth))

    def parameters(
        self, names: Sequence[str], params: Sequence[Tensor], expected: Sequence[Tensor]
    ) -> dict[str, Any]:
        """Return the errors of all parameters and buffers together, and of each."""
        found = [self._differences(p, t) for p, t in zip(params, expected, strict=True)]
        parts = {name: _figures(self.scale, *each) for name, each in zip(names, found, strict=True)}
        whole = [np.concatenate([x.ravel() for x in arrays]) for arrays in zip(*found, strict=True)]
        short = ("relative", "max_ulp", "median_ulp", "sign_flips", "inf", "nan")
        return {
            **_figures(self.scale, *whole),
            "by_parameter": {
                name: {key: part[key] for key in short} for name, part in parts.items()
            },
        }

    def loss(self, loss: Tensor, expected: Tensor) -> dict[str, float | None]:
        """Return the error of the loss, relative and in ulp; None if one is not finite."""
        differences, values, reference = self._differences(loss, expected)
        if not np.isfinite([differences, values, reference]).all():
            return {"loss_relative_error": None, "loss_error_ulp": None}
        return {
            "loss_relative_error": _relative(abs(float(differences)), abs(float(reference))),
            "loss_error_ulp": float(self.scale.ulps(differences, values, reference)),
        }

    def _differences(self, x: Tensor, expected: Tensor) -> tuple[Floats, Floats, Floats]:
        """Return the differences from the expected numbers, the numbers, and those."""
        measure = self.exact_reference
        a = measure.to_wide(measure.own, x.data)
        b = measure.to_wide(self.truth, expected.data)
        return measure.differences(a, b), measure.floats(a), measure.floats(b)


def _figures(
    scale: UlpScale, differences: Floats, values: Floats, expected: Floats
) -> dict[str, Any]:
    finite = np.isfinite(differences) & np.isfinite(values) & np.isfinite(expected)
    errors, ours, reference = differences[finite], values[finite], expected[finite]
    ulps = scale.ulps(errors, ours, reference)
    stats = ErrorStats()
    stats.add(ulps, errors, ours, reference)
    specials = _special_errors(values[~finite], expected[~finite])
    unknown = int(np.isnan(specials).sum())
    stats.add_specials(infinite=specials.size - unknown, unknown=unknown)
    nonzero = reference != 0
    relative = np.abs(errors[nonzero]) / np.abs(reference[nonzero])
    return {
        **stats.as_plain(),
        "median_ulp": _median(ulps, specials),
        "max_relative": _max(relative, specials),
        "median_relative": _median(relative, specials),
        "sign_flips": int((np.sign(ours) * np.sign(reference) < 0).sum()),
        "inf": int(np.isinf(values).sum()),
        "nan": int(np.isnan(values).sum()),
    }


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
