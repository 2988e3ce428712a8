"""Inspect single numbers and evaluate expressions."""

from numlean.inspection.expression import evaluate
from numlean.inspection.number import Inspection, inspect

__all__ = ["Inspection", "evaluate", "inspect"]
