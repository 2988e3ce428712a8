"""The record of a program in several arithmetics: one list of steps, in program order.

A Scalar computes in a recorded program by its *twin*: the same arithmetic, whose operations are
appended to the record. Twins are made on demand, so a program may cast to any Scalar.
"""

from __future__ import annotations

from typing import final

from numlean.errors import UnavailableError
from numlean.scalar.contract import record
from numlean.scalar.protocol import Scalar
from numlean_kernels.protocol import ProgramStep


@final
class Record(list[ProgramStep]):
    """The steps of a program, and the twins that append to them. Clearing it keeps the twins."""

    def __init__(self) -> None:
        super().__init__()
        self._twins: dict[int, tuple[Scalar, Scalar]] = {}

    def twin(self, scalar: Scalar) -> Scalar:
        """Return the twin of a Scalar; it is made once, and a twin is its own.

        Raises:
            UnavailableError: The Scalar cannot be recorded, or runs on another device than the
                twins so far.
        """
        if scalar.recorder is self:
            return scalar
        if id(scalar) not in self._twins:
            self._check_device(scalar)
            self._twins[id(scalar)] = scalar, record(scalar, self)
        return self._twins[id(scalar)][1]

    def has_twin(self, scalar: Scalar) -> bool:
        """Return whether a Scalar has a twin, or is one."""
        return scalar.recorder is self or id(scalar) in self._twins

    def original(self, twin: Scalar) -> Scalar:
        """Return the Scalar of a twin; another one as it is."""
        return next((scalar for scalar, own in self._twins.values() if own is twin), twin)

    def _check_device(self, scalar: Scalar) -> None:
        for other, _ in self._twins.values():
            if other.device != scalar.device:
                raise UnavailableError(
                    f"a recorded step runs on one device, but {scalar.name} is on {scalar.device}"
                    f" and {other.name} on {other.device}; use --backend eager"
                )


def recorded_like(source: Scalar, scalar: Scalar) -> Scalar:
    """Return a Scalar for a program that computes in another one: its twin if that one is a twin.

    Raises:
        UnavailableError: The program is recorded, and a record cannot repeat the Scalar's
            operations.
    """
    steps = source.recorder
    if steps is None or scalar.recorder is steps:
        return scalar
    if not isinstance(steps, Record):
        return record(scalar, steps)
    if not (scalar.is_deterministic or steps.has_twin(scalar)):
        raise UnavailableError(
            f"a recorded step cannot cast to {scalar.name}, because the run does not start its"
            " random stream at each step; use --backend eager, or nl.cast(x, dtype,"
            " rounding='stochastic') to the dtype without that option"
        )
    return steps.twin(scalar)
