"""Checkpoints put to the test: files changed in every way, and runs killed at any moment."""

from numlean.verification.checkpoints._mutations import KINDS, Mutation, mutations
from numlean.verification.checkpoints.kills import (
    Killing,
    Uninterrupted,
    kill_and_resume,
    uninterrupted,
)
from numlean.verification.checkpoints.refusals import Refusal, Victim

__all__ = [
    "KINDS",
    "Killing",
    "Mutation",
    "Refusal",
    "Uninterrupted",
    "Victim",
    "kill_and_resume",
    "mutations",
    "uninterrupted",
]
