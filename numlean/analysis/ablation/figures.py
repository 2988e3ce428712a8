"""The figures of a run that an ablation compares."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

from numlean.analysis.ablation.seed_run import SeedRun

Figure: TypeAlias = Callable[[SeedRun], float | None]
"""Selects a figure of a run; None if the run has none."""


def loss(run: SeedRun) -> float:
    """Return the final loss of a run."""
    return run.loss


def accuracy(run: SeedRun) -> float | None:
    """Return the accuracy of a run."""
    return run.accuracy


def drift(run: SeedRun) -> float | None:
    """Return the distance of a run's parameters from those of the reference run."""
    return run.drift


FIGURES: Final[dict[str, Figure]] = {"loss": loss, "accuracy": accuracy, "drift": drift}
"""The figures of a run, by name."""
