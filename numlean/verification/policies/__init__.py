"""Runs by policies: one result on every engine, device and kernel, and from every file."""

from numlean.verification.policies.drawing import random_policies
from numlean.verification.policies.environments import ENVIRONMENTS, TASKS, Environment
from numlean.verification.policies.equality import Outcome, outcomes
from numlean.verification.policies.properties import Judgement, judge

__all__ = [
    "ENVIRONMENTS",
    "TASKS",
    "Environment",
    "Judgement",
    "Outcome",
    "judge",
    "outcomes",
    "random_policies",
]
