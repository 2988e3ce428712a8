"""How a run that was made again compares with its certificate."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from numlean.analysis.lockstep import Pair
from numlean.checkpoint.fingerprint import summary

_COMPARED = {
    "state": "encodings of each loss, and state digests of parameters and buffers",
    "value": "exact values of each loss, and of the last parameters and buffers",
}


@dataclass(frozen=True)
class Difference:
    """The first thing in which a run differs from a certificate.

    Attributes:
        step: The step, from 0; None before the first.
        what: What differs: "loss", "parameters after it", "initial parameters" or "values of the
            last parameters".
        expected: What the certificate tells: a number, or a digest.
        found: What the run has.
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
    """How a run that was made again compares with its certificate.

    Attributes:
        name: What the task is called; None if it has no name.
        side: In which arithmetic, where and how it was made again.
        steps: How many steps the certificate tells.
        identical_steps: How many of them are the same, from the first on.
        compared: "state", encodings, within a format; "value", exact values, across formats.
        difference: The first difference; None if there is none.
        pair: Where the certificate's own side and this one part; None if they are one, or nothing
            differs, or it could not be found out.
        no_pair: Why it could not.
        environment: In what the environments differ: for information.
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

    @property
    def identical(self) -> bool:
        """Whether all is as the certificate tells."""
        return self.difference is None

    @property
    def is_irreproducible(self) -> bool:
        """Whether the certificate's own side does not give its numbers here."""
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
        yield f"{self.name or 'a run'} in {self.side}: {count} ({_COMPARED[self.compared]})"
        if self.difference is not None:
            yield str(self.difference)
        if self.unexplained_reason is not None:
            yield self.unexplained_reason
        if self.divergence is not None and self._sides_part:
            yield str(self.divergence.divergence)
        if self.is_irreproducible:
            yield "the certificate's run cannot be reproduced here, or the file was altered"
            yield f"environments: {summary(self.environment) or 'alike'}"
