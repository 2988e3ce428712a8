"""The process of an environment: it prints the states of its runs as lines of JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Any

from numlean.errors import NumleanError
from numlean.precision import Policy
from numlean.precision.policy_text import policy_from_plain
from numlean.verification.policies.environments import ENVIRONMENTS, Environment


def states_in(environment: Environment, policy: Policy, tasks: list[str]) -> Iterator[Any]:
    """Yield the states of each training of the tasks, in each way, or the error that ended it."""
    for case, ways in environment.runs_of(tasks).items():
        for way in ways:
            try:
                yield case.states(policy, way)
            except NumleanError as error:
                yield str(error)


def main() -> None:
    """Read the environment, the policy and the tasks as JSON, and print a line for each run."""
    asked = json.load(sys.stdin)
    (environment,) = (each for each in ENVIRONMENTS if each.name == asked["environment"])
    for found in states_in(environment, policy_from_plain(asked["policy"]), asked["tasks"]):
        print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
