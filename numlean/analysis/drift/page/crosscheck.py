"""A crosscheck as one self-contained HTML page."""

from __future__ import annotations

import math
from collections.abc import Iterator
from html import escape
from typing import TYPE_CHECKING

from numlean.analysis.drift.page.curves import Curve
from numlean.analysis.drift.page.lines import draw_curves
from numlean.analysis.drift.page.shell import html_document
from numlean.analysis.lockstep.crosscheck_result import growth_summary, verdict
from numlean.analysis.lockstep.growth import growth_table

if TYPE_CHECKING:
    from numlean.analysis.lockstep import Crosscheck, GrowthPoint, Pair


def crosscheck_page(task: str, result: Crosscheck) -> str:
    """Return a crosscheck of a task as one HTML text, which loads nothing from a network."""
    runs = dict.fromkeys(name for pair in result.pairs for name in (pair.a, pair.b))
    stopped = ", stopped before the last step" if result.is_partial else ""
    title = f"Crosscheck of {task} in {len(runs)} runs, {result.steps} steps{stopped}"
    return html_document(title, _sections(result))


def _sections(result: Crosscheck) -> Iterator[str]:
    for run, text in result.nonfinite.items():
        yield f"<p><b>Warning:</b> {escape(f'{run}: {text}')}</p>"
    for k, pair in enumerate(result.pairs):
        yield f"<h2>{escape(pair.a)} and {escape(pair.b)}</h2>"
        yield f"<p>{escape(verdict(pair, result.steps))}</p>"
        if pair.divergence is not None:
            yield f'<pre class="scroll" tabindex="0">{escape(str(pair.divergence))}</pre>'
        if pair.growth:
            yield f"<p>{escape(growth_summary(pair))}</p>"
            yield f'<div class="figures">{"".join(_figures(f"pair{k}", pair))}</div>'
            table = growth_table(pair.growth).to_html()
            yield f'<div class="scroll" tabindex="0">{table}</div>'


def _figures(name: str, pair: Pair) -> Iterator[str]:
    points = pair.growth
    distance = _curve("A and B", 0, points, [point.relative for point in points])
    text = "Relative difference of all parameters, as norms"
    yield _figure(f"{name}-relative", [distance], text, log=True)
    losses = [
        _curve("A", 0, points, [point.loss_a for point in points]),
        _curve("B", 1, points, [point.loss_b for point in points]),
    ]
    yield _figure(f"{name}-loss", losses, "Loss of each batch, before its update", log=None)


def _figure(name: str, curves: list[Curve], text: str, *, log: bool | None) -> str:
    label = text.partition(" of ")[0].lower()
    drawn = draw_curves(name, curves, label, text, log=log)
    return f"<figure><figcaption><b>{escape(text)}</b></figcaption>{drawn}</figure>"


def _curve(
    name: str, style: int, points: tuple[GrowthPoint, ...], values: list[float | None]
) -> Curve:
    known = [math.nan if value is None else value for value in values]
    return Curve(name, style, [point.step for point in points], known, known, known)
