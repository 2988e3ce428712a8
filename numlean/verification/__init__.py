"""Emulated arithmetic compared with independent implementations, case by case."""

from numlean.verification.comparison import (
    REFERENCES,
    ArithmeticCheck,
    CheckOutcome,
    Mismatch,
    compare,
    verify,
)

__all__ = ["REFERENCES", "ArithmeticCheck", "CheckOutcome", "Mismatch", "compare", "verify"]
