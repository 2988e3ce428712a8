"""Trainings by a policy in every environment and way, compared bit by bit with the reference."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, final

from numlean.errors import NumleanError
from numlean.precision import Policy
from numlean.precision.policy_text import policy_to_plain
from numlean.verification.policies.cases import Case, States
from numlean.verification.policies.environments import REFERENCE, Environment, way_text

_DIGITS: Final = 16


@final
@dataclass(frozen=True)
class Outcome:
    """A training by a policy in an environment, in all its ways.

    Attributes:
        case: The training.
        digest: The first digits of the digest of all states of the reference.
        ways: The number of ways.
        differences: The ways that differ from the reference, and where.
        seconds: The time since the environment's first training began.
    """

    case: Case
    digest: str
    ways: int
    differences: tuple[str, ...]
    seconds: float


def outcomes(
    policy: Policy, environments: Sequence[Environment], tasks: Sequence[str]
) -> Iterator[tuple[Environment, Outcome]]:
    """Yield the outcome of each training of the tasks in each environment.

    Raises:
        NumleanError: The reference cannot be run, or the process of an environment ends early.
    """
    references: dict[Case, States] = {}
    for environment in environments:
        started, found = time.perf_counter(), _states(environment, policy, tasks)
        for case, ways in environment.runs_of(tasks).items():
            if case not in references:
                references[case] = case.states(policy, REFERENCE)
            expected = references[case]
            wheres = {way_text(way): difference(expected, next(found, None)) for way in ways}
            different = tuple(f"{way}: {where}" for way, where in wheres.items() if where)
            seconds = time.perf_counter() - started
            yield environment, Outcome(case, _digest(expected), len(ways), different, seconds)


def difference(expected: States, found: object) -> str | None:
    """Return where the states of a run first differ from others; None if they are equal."""
    if isinstance(found, str):
        return found
    if not isinstance(found, list) or len(found) != len(expected):
        return f"{len(expected)} steps were expected, got {found!r:.80}"
    for step, (here, there) in enumerate(zip(expected, found, strict=True)):
        if here.keys() != there.keys():
            return f"step {step}: other tensors: {', '.join(sorted(here.keys() ^ there.keys()))}"
        for name, digest in here.items():
            if there[name] != digest:
                return f"step {step}: {name} differs"
    return None


def _states(environment: Environment, policy: Policy, tasks: Sequence[str]) -> Iterator[Any]:
    """Yield what the process of an environment prints."""
    asked = {
        "environment": environment.name,
        "policy": policy_to_plain(policy),
        "tasks": list(tasks),
    }
    with subprocess.Popen(
        [sys.executable, "-m", "numlean.verification.policies.worker"],
        env={**os.environ, **environment.variables},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        json.dump(asked, process.stdin)
        process.stdin.close()
        for line in process.stdout:
            yield json.loads(line)
        if process.wait():
            raise NumleanError(f"the process {environment.name} ended with {process.returncode}")


def _digest(states: States) -> str:
    return hashlib.sha256(json.dumps(states).encode()).hexdigest()[:_DIGITS]
