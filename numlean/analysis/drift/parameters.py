"""How far a run's parameters and its loss are from the truth run's after a step."""

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
    """Measures numbers of one arithmetic against the truth's.

    Attributes:
        judge: Says how far numbers are apart.
        truth: The truth's arithmetic.
        grid: The coarser of both.
    """

    def __init__(self, judge: ExactReference, truth: Scalar) -> None:
        self.judge = judge
        self.truth = truth
        self.grid = UlpScale.of(judge.own).coarser(UlpScale.of(truth))

    def parameters(
        self, names: Sequence[str], params: Sequence[Tensor], true: Sequence[Tensor]
    ) -> dict[str, Any]:
        """The errors of all parameters and buffers together, and of each."""
        found = [self._apart(p, t) for p, t in zip(params, true, strict=True)]
        parts = {name: _figures(self.grid, *each) for name, each in zip(names, found, strict=True)}
        whole = [np.concatenate([x.ravel() for x in arrays]) for arrays in zip(*found, strict=True)]
        short = ("max_ulp", "median_ulp", "relative", "sign_flips", "inf", "nan")
        return {
            **_figures(self.grid, *whole),
            "by_parameter": {
                name: {key: part[key] for key in short} for name, part in parts.items()
            },
        }

    def loss(self, loss: Tensor, true: Tensor) -> dict[str, float | None]:
        """The error of the loss: in ulp, and by the truth's; None if one of both is not finite."""
        differences, values, right = self._apart(loss, true)
        if not np.isfinite([differences, values, right]).all():
            return {"loss_error_ulp": None, "loss_relative_error": None}
        return {
            "loss_error_ulp": float(self.grid.ulps(differences, values, right)),
            "loss_relative_error": _relative(abs(float(differences)), abs(float(right))),
        }

    def _apart(self, x: Tensor, true: Tensor) -> tuple[Floats, Floats, Floats]:
        """How far numbers are above the truth's, they themselves, and the truth's."""
        judge = self.judge
        a, b = judge.to_wide(judge.own, x.data), judge.to_wide(self.truth, true.data)
        return judge.differences(a, b), judge.floats(a), judge.floats(b)


def _figures(grid: UlpScale, differences: Floats, values: Floats, right: Floats) -> dict[str, Any]:
    finite = np.isfinite(differences) & np.isfinite(values) & np.isfinite(right)
    errors, ours, true = differences[finite], values[finite], right[finite]
    ulps = grid.ulps(errors, ours, true)
    tally = ErrorStats()
    tally.add(ulps, errors, ours, true)
    nonzero = true != 0
    relative = np.abs(errors[nonzero]) / np.abs(true[nonzero])
    return {
        **tally.as_plain(),
        "median_ulp": float(np.median(ulps)) if ulps.size else None,
        "max_relative": float(relative.max()) if relative.size else None,
        "median_relative": float(np.median(relative)) if relative.size else None,
        "sign_flips": int((np.sign(ours) * np.sign(true) < 0).sum()),
        "inf": int(np.isinf(values).sum()),
        "nan": int(np.isnan(values).sum()),
    }


def _relative(error: float, right: float) -> float | None:
    return error / right if right else (0.0 if error == 0 else None)
