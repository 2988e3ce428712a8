"""Emulated arithmetic held to somebody else's, by the hundred million."""

from numlean.verification.comparison import (
    REFERENCES,
    Comparison,
    Mismatch,
    Outcome,
    compare,
    verify,
)

__all__ = ["REFERENCES", "Comparison", "Mismatch", "Outcome", "compare", "verify"]
