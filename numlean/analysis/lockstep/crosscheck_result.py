"""The results of a crosscheck: every two of several runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from typing import Final

from numlean.analysis.lockstep.divergence import Divergence
from numlean.analysis.lockstep.growth import GrowthPoint, growth_table


@dataclass(frozen=True)
class Pair:
    """The comparison of two runs.

    Attributes:
        a: The name of one run.
        b: The name of the other run.
        compared: "state" (encodings, within a format), "value" (exact values, across formats) or
            "rounded" (values across formats, after rounding both to the coarser one).
        first_different_step: The first step, from 0, after which the loss, a gradient, a parameter
            or the optimizer's state differs; None if all are identical.
        divergence: The operation at which the runs diverged; None if they are identical.
        rounded_to: The numbers to which both were rounded, for "rounded".
        growth: The difference after each step from the first different one on, if the runs were
            continued.
    """

    a: str
    b: str
    compared: str
    first_different_step: int | None = None
    divergence: Divergence | None = None
    rounded_to: str | None = None
    growth: tuple[GrowthPoint, ...] = ()

    @property
    def identical(self) -> bool:
        """Whether the numbers of every step are the same."""
        return self.first_different_step is None


@dataclass(frozen=True)
class Crosscheck:
    """The comparison of every two of several runs.

    Attributes:
        pairs: Each pair, in the order of the runs given.
        steps: The number of steps made: all of them, unless every two runs diverged earlier.
        nonfinite: Where each run that stopped being finite did so, by its name.
        is_partial: Whether ``on_step`` ended the runs while steps were left.
    """

    pairs: tuple[Pair, ...]
    steps: int
    nonfinite: Mapping[str, str] = field(default_factory=dict)
    is_partial: bool = False

    @property
    def identical(self) -> bool:
        """Whether all runs are identical."""
        return all(pair.identical for pair in self.pairs)

    def __str__(self) -> str:
        texts = [_text(pair, self.steps) for pair in self.pairs]
        return "\n".join([*texts, *(f"{run}: {text}" for run, text in self.nonfinite.items())])

    def _repr_html_(self) -> str:
        """Return the same for notebooks, with charts of the growth."""
        texts = [f"<p>{escape(f'{run}: {text}')}</p>" for run, text in self.nonfinite.items()]
        return "".join([*(_html(pair, self.steps) for pair in self.pairs), *texts])


_COMPARED: Final = {"state": "encodings", "value": "exact values", "rounded": "values"}


def verdict(pair: Pair, steps: int) -> str:
    """Return one line: whether two runs are identical, or where they first differ."""
    names, compared = f"{pair.a}, {pair.b}", _COMPARED[pair.compared]
    rounded = "" if pair.rounded_to is None else f" after rounding both to {pair.rounded_to}"
    if pair.identical:
        return f"{names}: identical {compared} of all numbers at all {steps} steps{rounded}"
    return f"{names}: different {compared}{rounded}, first at step {pair.first_different_step}"


def growth_summary(pair: Pair) -> str:
    """Return one line: the difference of two runs after the last step; "" if not measured."""
    if not pair.growth:
        return ""
    last = pair.growth[-1]
    distance = (
        "one of the runs is not finite"
        if last.relative is None
        else f"their relative difference is {last.relative:.3g}"
    )
    return f"after step {last.step}, {last.differing:.2%} of the parameters differ, and {distance}"


def _text(pair: Pair, steps: int) -> str:
    parts = [verdict(pair, steps)]
    if pair.divergence is not None:
        parts.append(str(pair.divergence))
    if pair.growth:
        parts += ["", growth_table(pair.growth).to_text(), growth_summary(pair)]
    return "\n".join(parts)


def _html(pair: Pair, steps: int) -> str:
    parts = [f"<p>{escape(verdict(pair, steps))}</p>"]
    if pair.divergence is not None:
        parts.append(f"<pre>{escape(str(pair.divergence))}</pre>")
    if pair.growth:
        # Imported here because it is for notebooks only.
        from numlean.analysis.lockstep.growth_charts import growth_charts
        from numlean.pages.frame import frame
        from numlean.pages.html import element

        title = f"Growth of the difference of {pair.a} and {pair.b}"
        charts = element("div", list(growth_charts(pair.growth)), class_="figures")
        parts += [growth_table(pair.growth).to_html(), f"<p>{escape(growth_summary(pair))}</p>"]
        parts.append(frame(title, [charts]))
    return "".join(parts)
