"""Scalars around another Scalar: counting, stochastic, faulty and traced arithmetic."""

from numlean.scalar.wrappers.counting import CountingScalar
from numlean.scalar.wrappers.faulty import Fault, FaultyScalar
from numlean.scalar.wrappers.wrapper import WrappedScalar

__all__ = ["CountingScalar", "Fault", "FaultyScalar", "WrappedScalar"]
