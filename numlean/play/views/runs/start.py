"""The form that starts runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from numlean.pages.html import Child, Html, element
from numlean.play.runs.plan import KINDS, MOST_SEEDS, MOST_STEPS, OWN
from numlean.play.views.runs.query import PATH
from numlean.play.views.text import error_message
from numlean.tasks import task_names

START: Final = f"{PATH}/start"
ACT: Final = f"{PATH}/act"
TABLE: Final = f"{PATH}/table"
"""The addresses of what pages ask the server to do."""

_DEFAULTS: Final = {"do": "train", "task": "xor", "in": "float32,bfloat16", "truth": "mp:200"}


def start_form(fields: Mapping[str, str], message: str = "") -> Html:
    """Return the form, with what was typed and what was wrong with it."""
    shown = {**_DEFAULTS, **fields}
    return element(
        "form",
        error_message(message) if message else None,
        _choice("do", "Do", KINDS, shown["do"]),
        _choice(
            "task",
            "Task",
            {**{name: name for name in task_names()}, OWN: "a table of your own"},
            shown["task"],
        ),
        _input("in", "In", shown, "dtypes and policies, such as float32, posit:16, bf16-mixed"),
        _input("steps", "Steps", shown, "empty: as the task has", numeric=MOST_STEPS),
        _input("seeds", "Seeds", shown, "how many", numeric=MOST_SEEDS),
        _input("seed", "First seed", shown, "", numeric=2**32 - 1),
        element(
            "fieldset",
            element("legend", "Table of your own"),
            _input("data", "Table", shown, "a .csv in this folder, or drop one anywhere here"),
            _input("target", "Target", shown, "the column to predict"),
            id="drop",
        ),
        element(
            "fieldset",
            element("legend", "Crosscheck and compare"),
            _input("truth", "Reference", shown, "of a comparison"),
            _input("fault", "Fault", shown, "in the last run of a crosscheck, such as flip:step=3"),
            element(
                "div",
                element("label", "Beyond rounding", for_="rounding"),
                element(
                    "input",
                    id="rounding",
                    name="rounding",
                    type="checkbox",
                    value="yes",
                    checked=bool(shown.get("rounding")),
                    aria_describedby="rounding-hint",
                ),
                element(
                    "small", "round to the coarser format before comparing", id="rounding-hint"
                ),
                class_="field",
            ),
        ),
        element("button", "Start", type="submit", id="start"),
        action=START,
        method="post",
        class_="query start",
    )


def _input(
    name: str, label: str, shown: Mapping[str, str], hint: str, *, numeric: int | None = None
) -> Html:
    return element(
        "div",
        element("label", label, for_=name),
        element(
            "input",
            id=name,
            name=name,
            value=shown.get(name, ""),
            autocomplete="off",
            spellcheck="false",
            aria_describedby=f"{name}-hint" if hint else None,
            inputmode=None if numeric is None else "numeric",
            maxlength=None if numeric is None else len(str(numeric)),
        ),
        element("small", hint, id=f"{name}-hint") if hint else None,
        class_="field",
    )


def _choice(name: str, label: str, choices: Mapping[str, str], chosen: str) -> Html:
    options: Child = [
        element("option", text, value=value, selected=value == chosen)
        for value, text in choices.items()
    ]
    return element(
        "div",
        element("label", label, for_=name),
        element("select", options, id=name, name=name),
        class_="field",
    )
