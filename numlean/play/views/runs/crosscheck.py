"""What a crosscheck found: where two runs diverge, and how the difference grows.

The results are a file: whatever they contain becomes text, and what is missing is left out.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlencode

from numlean.display_text import shorten
from numlean.pages.html import Child, Html, element
from numlean.pages.layout import scrolling
from numlean.pages.lines import Curve, line_chart
from numlean.pages.numbers import format_number
from numlean.play.runs.losses import number_of
from numlean.play.views.numbers.query import PATH as NUMBERS_PATH
from numlean.play.views.parameters import SAFE

_COMPARED = {"state": "encodings", "value": "exact values", "rounded": "rounded values"}
_CLOSER = {
    "a": "A is closer to the exact result",
    "b": "B is closer to the exact result",
    "equal": "A and B are equally close to the exact result",
}
_MOST_OPERANDS = 8


def crosscheck_view(results: Any) -> Child:
    """Return the pairs of a crosscheck."""
    found = _dict(results)
    if not found:
        return element("p", "The result is written at the end of the run.", class_="soft")
    steps = _text(found.get("steps"))
    pairs = [_dict(each) for each in _list(found.get("pairs"))]
    return [_pair(k, pair, steps) for k, pair in enumerate(pairs)]


def _pair(k: int, pair: dict[str, Any], steps: str) -> Child:
    a, b = _text(pair.get("a")), _text(pair.get("b"))
    compared = _COMPARED.get(_text(pair.get("compared")), "numbers")
    if pair.get("identical") is True:
        verdict = f"Identical {compared} of all numbers at all {steps} steps."
    else:
        first = _text(pair.get("first_different_step"))
        verdict = f"Different {compared}, first at step {first} of {steps}."
    divergence = _dict(pair.get("divergence"))
    return (
        element("h2", f"A: {a}, B: {b}"),
        element("p", verdict, class_="headline"),
        _divergence(k, divergence, (a, b)) if divergence else None,
        _growth(pair, a, b),
    )


def _divergence(k: int, found: dict[str, Any], names: tuple[str, str]) -> Child:
    place = ", ".join(_text(each) for each in _list(found.get("element")))
    where = f"{_text(found.get('operation'))} in {_text(found.get('where'))}"
    at = f", element [{place}]" if place else ""
    return (
        element(
            "p",
            f"The first operation whose results differ is {where}, call"
            f" {_text(found.get('call'))}{at}. After the step, {_text(found.get('differing'))}"
            " differs first.",
        ),
        scrolling(
            f"Operands and results of pair {k + 1}",
            element(
                "table",
                element(
                    "thead",
                    element(
                        "tr",
                        [
                            element("th", each, scope="col")
                            for each in ("", "value", "bits", "verdict")
                        ],
                    ),
                ),
                element("tbody", list(_rows(found, names))),
                class_="numbers-table",
            ),
        ),
        [element("p", text) for text in _notes(found)],
        _block(k, _dict(found.get("block")), names),
    )


def _rows(found: dict[str, Any], names: tuple[str, str]) -> Iterable[Html]:
    dtypes = [_dtype(name) for name in names]
    other = _dict(found.get("operands_b"))
    for end, operands, dtype in (
        (" of A" if other else "", _dict(found.get("operands")), dtypes[0]),
        (" of B", other, dtypes[1]),
    ):
        for label, numbers in operands.items():
            listed = _list(numbers)
            for k, number in enumerate(listed[:_MOST_OPERANDS]):
                index = f"[{k}]" if len(listed) > 1 else ""
                yield _number_row(f"operand {label}{index}{end}", number, dtype)
            if len(listed) > _MOST_OPERANDS:
                yield _number_row(f"{len(listed) - _MOST_OPERANDS} more", {}, "")
    judgements = [_dict(each) for each in _list(found.get("judgements"))]
    for k, number in enumerate(_list(found.get("results"))[:2]):
        judgement = judgements[k] if k < len(judgements) else {}
        yield _number_row(f"result {'AB'[k]}", number, dtypes[k], _judgement(judgement))
    for label, name in (("exact", "exact"), ("exact for B", "exact_b")):
        if found.get(name) is not None:
            yield _number_row(label, {"value": found[name]}, "")


def _number_row(label: str, number: Any, dtype: str, verdict: str = "") -> Html:
    value, bits = _text(_dict(number).get("value")), _text(_dict(number).get("bits"))
    shown: Child = shorten(bits, 40)
    if bits and dtype:
        query = urlencode({"x": bits, "xb": dtype, "in": dtype}, safe=SAFE)
        shown = element("a", shorten(bits, 40), href=f"{NUMBERS_PATH}?{query}")
    return element(
        "tr",
        element("th", label, scope="row"),
        element("td", shorten(value, 60), class_="number"),
        element("td", shown, class_="code-cell"),
        element("td", verdict, class_="text"),
    )


def _judgement(found: dict[str, Any]) -> str:
    parts = [_text(found.get("verdict"))]
    for name, end in (("relative_error", "relative"), ("error", "ulp")):
        value = found.get(name)
        if isinstance(value, int | float):
            parts.append(f"{format_number(float(value), 4)} {end}")
    causes = [_text(each) for each in _list(found.get("causes"))]
    if causes:
        parts.append(f"as if {', or '.join(causes)}")
    return ", ".join(part for part in parts if part)


def _notes(found: dict[str, Any]) -> Iterable[str]:
    closer = _CLOSER.get(_text(found.get("closer")))
    ulps = found.get("ulps")
    if isinstance(ulps, int):
        yield f"B is {abs(ulps)} ulp {'above' if ulps > 0 else 'below'} A."
    if closer:
        yield f"{closer}."
    for name, rule in zip("AB", _list(found.get("rules")), strict=False):
        yield f"{name}: {_text(rule)}."
    rounded = [_text(each) for each in _list(found.get("rounded"))]
    if rounded:
        yield f"Rounded to {_text(found.get('rounded_to'))}: {' and '.join(rounded)}."


def _block(k: int, block: dict[str, Any], names: tuple[str, str]) -> Child:
    """Return how two matrix units align and add the terms that make their sums differ."""
    if not block:
        return None
    rows = []
    for name, side, steps in zip("AB", names, _list(block.get("steps")), strict=False):
        for each in map(_dict, _list(steps)):
            number = _dict(each.get("result"))
            rows.append(
                (
                    f"{name}: {side}",
                    *(_text(each.get(key)) for key in ("title", "top", "fraction_bits")),
                    _text(number.get("value")),
                    _text(number.get("bits")),
                )
            )
    head = ("unit", "sum", "alignment e*", "fraction bits", "result", "bits")
    before = _text(_dict(block.get("before")).get("value"))
    return (
        element("h3", "Alignment in the matrix units"),
        element(
            "p",
            f"Terms {_text(block.get('start'))} to {_text(block.get('stop'))} make the sums differ;"
            f" before them, both are {before}. Each sum aligns its terms at 2 to the power e*, and"
            " keeps that many bits of a fraction.",
        ),
        scrolling(
            f"Sums of matrix units of pair {k + 1}",
            element(
                "table",
                element(
                    "thead", element("tr", [element("th", each, scope="col") for each in head])
                ),
                element(
                    "tbody",
                    [element("tr", [element("td", shorten(c, 60)) for c in row]) for row in rows],
                ),
            ),
        ),
    )


def _growth(pair: dict[str, Any], a: str, b: str) -> Child:
    points = [_dict(each) for each in _list(pair.get("growth"))]
    points = [each for each in points if isinstance(each.get("step"), int)]
    if not points:
        return None
    steps = [each["step"] for each in points]

    def values(name: str) -> list[float]:
        found = (number_of(each.get(name)) for each in points)
        return [value if math.isfinite(value) else math.nan for value in found]

    return (
        element("h3", "How the difference grows"),
        element(
            "div",
            line_chart(
                [Curve.of("A against B", 0, steps, values("relative"))],
                "relative difference",
                "Relative difference of all parameters by step",
                log=True,
                caption="Relative difference of all parameters, as norms.",
            ),
            line_chart(
                [Curve.of("differ", 0, steps, [100 * each for each in values("differing")])],
                "percent of parameters",
                "Share of the parameters that differ by step",
                log=False,
                caption="Share of the parameters that differ.",
            ),
            line_chart(
                [
                    Curve.of(f"A: {a}", 0, steps, values("loss_a")),
                    Curve.of(f"B: {b}", 1, steps, values("loss_b")),
                ],
                "loss",
                "Losses of both runs by step",
                caption="Loss of each batch, before its update.",
            ),
            class_="figures",
        ),
    )


def _dtype(name: str) -> str:
    """Return the dtype of a run's name; "" of a run by a policy."""
    text = name.partition(" with ")[0]
    return "" if text.startswith("policy:") else text


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: Any) -> str:
    return "" if value is None else str(value)
