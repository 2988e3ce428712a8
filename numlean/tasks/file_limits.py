"""What a run of a file may ask for, unless somebody here asks for it, too.

A file may come from anybody, and a few bytes of it can ask for a run of years or for numbers of
megabytes each. The limits hold for what a file alone says; a user passes any of them by naming the
value on the command line or, in Python, as an argument.
"""

from __future__ import annotations

from typing import Final

from numlean.errors import NumleanError
from numlean.precision import Policy
from numlean.precision.resolved import resolve_policy
from numlean.scalar.precision import precision_of
from numlean.scalar.protocol import Scalar
from numlean.scalar.registry import get_scalar

MAX_STEPS: Final = 10_000_000
"""The most steps that a file may ask for."""

MAX_PRECISION: Final = 10_000
"""The most significant bits of the numbers that a file may ask for."""


def check_steps(steps: int | None) -> None:
    """Check the number of steps that a file asks for; None stands for the task's.

    Raises:
        NumleanError: It exceeds the limit.
    """
    if steps is not None and steps > MAX_STEPS:
        raise NumleanError(
            f"the recipe in this file asks for {steps!s:.24} steps, and a file may ask for at most"
            f" {MAX_STEPS:,}; pass --steps N to make more"
        )


def check_recipe_precision(dtype: str, policy: Policy | None) -> None:
    """Check the precision of all arithmetics that a recipe in a file asks for.

    Raises:
        NumleanError: One exceeds the limit.
    """
    if policy is None:
        check_precision(get_scalar(dtype), None)
        return
    for scalar in resolve_policy(policy, get_scalar).everything:
        if precision_of(scalar) > MAX_PRECISION:
            raise NumleanError(
                f"the policy of this file has {scalar.name}, and a file may ask for at most"
                f" {MAX_PRECISION:,} bits; to compute with more, pass --policy again"
            )


def check_precision(scalar: Scalar, named: Scalar | None) -> None:
    """Check the precision that a file asks for.

    Args:
        scalar: The arithmetic of the file's run.
        named: The arithmetic that a user names; None if it is the file's.

    Raises:
        NumleanError: It exceeds the limit, and what the user names.
    """
    precision = precision_of(scalar)
    if precision <= MAX_PRECISION or (named is not None and precision <= precision_of(named)):
        return
    raise NumleanError(
        f"the run of this file is in {scalar.name}, and a file may ask for at most"
        f" {MAX_PRECISION:,} bits; to compute with more, pass --dtype {scalar.name} (in Python:"
        f' side="{scalar.name}")'
    )
