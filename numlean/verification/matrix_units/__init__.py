"""Comparisons of matrix units: with exact rationals, and with recorded results of chips."""

from numlean.verification.matrix_units.comparing import (
    Mismatch,
    Outcome,
    batches_of,
    compare_random,
    compare_recorded,
)
from numlean.verification.matrix_units.recordings import Recording, read_recording

__all__ = [
    "Mismatch",
    "Outcome",
    "Recording",
    "batches_of",
    "compare_random",
    "compare_recorded",
    "read_recording",
]
