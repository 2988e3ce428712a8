"""Emulated arithmetic compared with independent implementations, case by case."""

from numlean.verification.comparison import (
    REFERENCES,
    Comparison,
    Mismatch,
    Outcome,
    compare,
    verify,
)

__all__ = ["REFERENCES", "Comparison", "Mismatch", "Outcome", "compare", "verify"]
