"""What a benchmark measured, as data."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final

KIND: Final = "numlean bench"
"""What a document of measurements says that it is."""

VERSION: Final = 1
"""The version of the schema, which docs/reference.md describes."""


@dataclass(frozen=True)
class Measurement:
    """The least time of one piece of work.

    Attributes:
        work: What is computed, such as ``matmul 512, fma``.
        by: The dtype, the policy, the library or the hardware that computes it.
        seconds: The least time of one run in all rounds.
        count: The units of work in one run.
        unit: What is counted: operations, elements, steps, ...
        variant: How it is computed, if there are several ways: ``plain``, ``fast``, an engine, a
            device.
        memory_growth: The bytes that resident memory grew by over further steps, if measured.
    """

    work: str
    by: str
    seconds: float
    count: float
    unit: str
    variant: str | None = None
    memory_growth: int | None = None

    @property
    def each(self) -> float:
        """The seconds of one unit."""
        return self.seconds / self.count

    def to_plain(self) -> dict[str, Any]:
        """Return the fields that have a value."""
        return {name: value for name, value in asdict(self).items() if value is not None}
