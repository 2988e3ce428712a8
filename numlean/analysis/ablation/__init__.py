"""Ablations: which part of a precision policy costs most."""

from numlean.analysis.ablation.ablating import ablate
from numlean.analysis.ablation.result import Ablation, Row, Stop
from numlean.analysis.ablation.seed_run import SeedRun
from numlean.analysis.ablation.statistics import Sample
from numlean.analysis.ablation.variants import Omission, Variant

__all__ = ["Ablation", "Omission", "Row", "Sample", "SeedRun", "Stop", "Variant", "ablate"]
