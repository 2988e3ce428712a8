"""Scalars that wrap another one: counting, random, faulty and traced arithmetic."""

from numlean.scalar.wrappers.counting import CountingScalar
from numlean.scalar.wrappers.faulty import Fault, FaultyScalar

__all__ = ["CountingScalar", "Fault", "FaultyScalar"]
