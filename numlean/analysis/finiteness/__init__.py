"""The first operation of a run whose result is not finite, and a hook that looks for it."""

from numlean.analysis.finiteness.check import ON_NONFINITE, FiniteCheck, NonfiniteEvent

__all__ = ["ON_NONFINITE", "FiniteCheck", "NonfiniteEvent"]
