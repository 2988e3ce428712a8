"""The result of replaying a certificate."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from numlean.analysis.lockstep import Pair
from numlean.checkpoint.differences import summary
from numlean.display_text import escape_line, one_line

_COMPARED = {
    "state": "encodings of each loss, and state digests of parameters and buffers",
    "value": "exact values of each loss, and of the last parameters and buffers",
}


@dataclass(frozen=True)
class Difference:
    """The first difference between a run and a certificate.

    Attributes:
        step: The step, from 0; None before the first.
        what: The part that differs: "loss", "parameters after it", "initial parameters" or "values
            of the last parameters".
        expected: The number or digest in the certificate.
        found: The number or digest of the run.
    """

    step: int | None
    what: str
    expected: str
    found: str

    def __str__(self) -> str:
        where = "before the first step" if self.step is None else f"step {self.step}"
        numbers = f"  expected  {self.expected}\n  found     {self.found}"
        return f"{where}: different {self.what}\n{numbers}"


@dataclass(frozen=True)
class ReplayResult:
    """The result of replaying a certificate.

    Attributes:
        name: The name of the task; None if it has no name.
        side: Number format, device and engine of the replay.
        steps: Number of steps in the certificate.
        identical_steps: Number of identical steps, from the first on.
        compared: "state" for encodings, within a format; "value" for exact values, across formats.
        difference: The first difference; None if there is none.
        divergence: The comparison of the certificate's own side with this one; None if they are the
            same, or nothing differs, or the certificate's side cannot be run here.
        unexplained_reason: The reason why it cannot be run.
        environment: Differences of the environments, for information.
        nonfinite: Where the replayed run stopped being finite; None if it did not.
        is_partial: Whether ``on_step`` ended the replay while it was identical and steps were left.
    """

    name: str | None
    side: str
    steps: int
    identical_steps: int
    compared: str
    difference: Difference | None = None
    divergence: Pair | None = None
    unexplained_reason: str | None = None
    environment: tuple[str, ...] = ()
    nonfinite: str | None = None
    is_partial: bool = False

    @property
    def identical(self) -> bool:
        """Whether the run is the same as the certificate's; a partial replay does not show that."""
        return self.difference is None and not self.is_partial

    @property
    def is_irreproducible(self) -> bool:
        """Whether the certificate's own side gives other numbers here."""
        return (
            self.difference is not None and self.unexplained_reason is None and not self._sides_part
        )

    def __str__(self) -> str:
        return "\n".join(self._lines())

    @property
    def _sides_part(self) -> bool:
        return self.divergence is not None and not self.divergence.identical

    def _lines(self) -> Iterator[str]:
        count = f"identical for {self.identical_steps} of {self.steps} steps"
        count += ", stopped there" if self.is_partial else ""
        name = escape_line(self.name or "a run")
        yield f"{name} in {self.side}: {count} ({_COMPARED[self.compared]})"
        if self.nonfinite is not None:
            yield self.nonfinite
        if self.difference is not None:
            yield str(self.difference)
        if self.unexplained_reason is not None:
            yield self.unexplained_reason
        if self.divergence is not None and self._sides_part:
            yield str(self.divergence.divergence)
        if self.is_irreproducible:
            yield "the certificate's run cannot be reproduced here, or the file was altered"
            yield f"environments: {one_line(summary(self.environment)) or 'alike'}"
