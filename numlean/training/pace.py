"""How many steps a run may make before a hook must be called."""

from __future__ import annotations

from typing import Final, Protocol

from numlean.training.stepper import Stepper

UNLIMITED: Final = 1 << 62
"""The steps of a hook that never needs a call."""


class Paced(Protocol):
    """A hook that does not need a call after every step.

    It takes the steps since its last call from ``stepper.step_count``, and may be called earlier.
    """

    def steps_until_call(self, stepper: Stepper) -> int:
        """Return after how many further steps, at least 1, it must be called."""


def steps_until_call(hook: object, stepper: Stepper) -> int:
    """Return after how many further steps a hook, or None, must be called: 1 unless it says so."""
    if hook is None:
        return UNLIMITED
    find = getattr(hook, "steps_until_call", None)
    return 1 if find is None else int(find(stepper))
