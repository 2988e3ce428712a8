"""Tests of checkpoints: files changed in every way, and runs killed at any moment."""

from numlean.verification.checkpoints._mutations import KINDS, Mutation, mutations
from numlean.verification.checkpoints.kills import (
    KillOutcome,
    RunFiles,
    Uninterrupted,
    kill_and_resume,
    run_uninterrupted,
)
from numlean.verification.checkpoints.refusals import CorruptedRun, Refusal

__all__ = [
    "KINDS",
    "CorruptedRun",
    "KillOutcome",
    "Mutation",
    "Refusal",
    "RunFiles",
    "Uninterrupted",
    "kill_and_resume",
    "mutations",
    "run_uninterrupted",
]
