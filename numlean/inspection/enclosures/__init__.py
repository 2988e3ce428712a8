"""Exact results of expressions, as enclosures by numbers of a working precision."""

from numlean.inspection.enclosures.arithmetic import EnclosureArithmetic
from numlean.inspection.enclosures.enclosure import Enclosure, UndecidedError

__all__ = ["Enclosure", "EnclosureArithmetic", "UndecidedError"]
