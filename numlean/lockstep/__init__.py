"""Runs beside each other: the first bit that differs, and what made it differ."""

from numlean.lockstep.divergence import Divergence
from numlean.lockstep.faults import Fault, FaultyScalar
from numlean.lockstep.judgement import Judgement
from numlean.lockstep.lockstep import Crosscheck, Pair, crosscheck
from numlean.lockstep.numbers import Number
from numlean.lockstep.side import Side

__all__ = [
    "Crosscheck",
    "Divergence",
    "Fault",
    "FaultyScalar",
    "Judgement",
    "Number",
    "Pair",
    "Side",
    "crosscheck",
]
