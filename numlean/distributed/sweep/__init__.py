"""Sweeps: a run for each point of a grid of recipes, with results in a folder of Parquet files."""

from numlean.distributed.sweep.folder import SweepFolder
from numlean.distributed.sweep.result import SweepResult
from numlean.distributed.sweep.sweeping import sweep

__all__ = ["SweepFolder", "SweepResult", "sweep"]
