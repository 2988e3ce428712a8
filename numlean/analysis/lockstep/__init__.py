"""Run several trainings in lockstep, and find the first operation that differs."""

from numlean.analysis.lockstep.assessment import Assessment
from numlean.analysis.lockstep.crosscheck_result import Crosscheck, Pair
from numlean.analysis.lockstep.divergence import Divergence
from numlean.analysis.lockstep.growth import GrowthPoint
from numlean.analysis.lockstep.lockstep import crosscheck
from numlean.analysis.lockstep.numbers import Number
from numlean.analysis.lockstep.run_spec import RunSpec
from numlean.analysis.lockstep.unit_chains import BlockDifference
from numlean.scalar.wrappers.faulty import Fault, FaultyScalar

__all__ = [
    "Assessment",
    "BlockDifference",
    "Crosscheck",
    "Divergence",
    "Fault",
    "FaultyScalar",
    "GrowthPoint",
    "Number",
    "Pair",
    "RunSpec",
    "crosscheck",
]
