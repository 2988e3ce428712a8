"""The HTML of the view."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlencode

from numlean.pages.html import Child, Html, element
from numlean.pages.layout import scrolling
from numlean.play.scalars.detail import Detail
from numlean.play.views.formats.catalogue import Entry
from numlean.play.views.formats.compute import Constant, Converted, FormatFacts, Series
from numlean.play.views.formats.figures import (
    density_line,
    linear_line,
    logarithmic_line,
    precision_chart,
)
from numlean.play.views.formats.query import PATH, FormatsQuery
from numlean.play.views.numbers.compute import raised_names
from numlean.play.views.numbers.query import PATH as NUMBERS_PATH
from numlean.play.views.parameters import SAFE
from numlean.play.views.text import code_text, decimal, error_message, signed
from numlean.scalar.conversion import OVERFLOWS, WRAP
from numlean.scalar.rounding_names import DIRECTIONS, STOCHASTIC


def form(query: FormatsQuery, entries: Sequence[Entry]) -> Html:
    """Return the form."""
    return element(
        "form",
        element("datalist", [element("option", value=each.dtype) for each in entries], id="dtypes"),
        _input("f", "Format", query.format, "such as e4m3, ieee:e5m6, posit:12.1, fixed:4.12"),
        _input("beside", "Beside it", query.beside, "formats and policies in the chart"),
        element(
            "fieldset",
            element("legend", "Conversion"),
            _input("v", "Value", query.value, ""),
            _input("from", "from", query.source, "", listed=True),
            _input("to", "to", query.target, "", listed=True, placeholder=query.format),
            _choice("round", "Rounding", query.rounding, (*DIRECTIONS, STOCHASTIC)),
            _choice("overflow", "Overflow", query.overflow, (*OVERFLOWS, WRAP)),
        ),
        element("button", "Show", type="submit"),
        action=PATH,
        method="get",
        class_="query",
    )


def _input(
    name: str, label: str, value: str, hint: str, *, listed: bool = False, placeholder: str = ""
) -> Html:
    is_list = listed or name == "f"
    return element(
        "div",
        element("label", label, for_=name),
        element(
            "input",
            id=name,
            name=name,
            value=value,
            list="dtypes" if is_list else None,
            placeholder=placeholder or None,
            autocomplete="off",
            autocapitalize="none",
            spellcheck="false",
            aria_describedby=f"{name}-hint" if hint else None,
        ),
        element("small", hint, id=f"{name}-hint") if hint else None,
        class_="field wide-field" if name == "beside" else "field",
    )


def _choice(name: str, label: str, chosen: str, values: Sequence[str]) -> Html:
    known = values if not chosen or chosen in values else (*values, chosen)
    return element(
        "div",
        element("label", label, for_=name),
        element(
            "select",
            element("option", "of the dtype", value="", selected=not chosen),
            [
                element("option", each.replace("_", " "), value=each, selected=each == chosen)
                for each in known
            ],
            id=name,
            name=name,
        ),
        class_="field",
    )


def facts_section(facts: FormatFacts) -> Html:
    """Return the figures and the constants of a format."""
    return element(
        "section",
        element("h2", facts.dtype),
        element("p", facts.summary, class_="soft"),
        _line_figures(facts),
        _precision(facts),
        _constants(facts.dtype, facts.constants),
        aria_label=facts.dtype,
    )


def _line_figures(facts: FormatFacts) -> Child:
    if facts.values is not None:
        has_positive = any(each.value > 0 for each in facts.values)
        return (
            _figure("All numbers", linear_line(facts.values)),
            _figure("Positive numbers, logarithmic", logarithmic_line(facts.values))
            if has_positive
            else None,
        )
    if facts.spectrum is None:
        return element("p", "Exponents are unbounded: there are numbers in every binade.")
    return _figure(
        "Positive numbers: the colour shows how many each binade has",
        density_line(facts.spectrum),
    )


def _figure(title: str, content: Html) -> Html:
    return element(
        "figure",
        element("figcaption", title),
        element("div", content, class_="line", data_line=True),
    )


def _precision(facts: FormatFacts) -> Child:
    if facts.spectrum is None:
        return None
    return (
        element("h3", "Precision against magnitude"),
        element(
            "p",
            "Significant bits of the numbers in each binade: one more than the logarithm of how"
            " many there are.",
            class_="soft",
        ),
        error_message(facts.message) if facts.message else None,
        precision_chart(Series(facts.dtype, facts.spectrum), facts.beside),
    )


def _constants(dtype: str, constants: Sequence[Constant]) -> Html:
    rows = [
        element(
            "tr",
            element("th", each.name, scope="row"),
            element("td", _link(each.number) if each.number else each.text),
            element("td", code_text(each.number.fields) if each.number else None),
        )
        for each in constants
    ]
    return scrolling(
        f"Constants of {dtype}",
        element(
            "table",
            element("caption", f"Constants of {dtype}"),
            element("tbody", rows),
        ),
    )


def _link(number: Detail) -> Html:
    """Return a number that leads to the view of numbers."""
    if number.code is None:
        return decimal(number.value)
    parameters = {"x": number.hexadecimal_code(), "xb": number.dtype, "in": number.dtype}
    return element(
        "a", decimal(number.value), href=f"{NUMBERS_PATH}?{urlencode(parameters, safe=SAFE)}"
    )


def conversion_section(query: FormatsQuery, converted: Converted | None, message: str) -> Html:
    """Return the conversion, or why there is none."""
    return element(
        "section",
        element("h2", "Conversion"),
        error_message(message) if converted is None else _conversion(query, converted),
        aria_label="Conversion",
    )


def _conversion(query: FormatsQuery, converted: Converted) -> Child:
    back = "the same number" if converted.is_reversible else "another number"
    rows = (
        (f"{query.value} in {converted.source.dtype}", converted.source),
        (f"converted to {converted.target.dtype}", converted.target),
        (f"and back: {back}", converted.back),
    )
    error = converted.error
    return (
        scrolling(
            "The number before and after",
            element(
                "table",
                element(
                    "tbody",
                    [
                        element(
                            "tr",
                            element("th", name, scope="row"),
                            element("td", _link(number)),
                            element("td", number.hexadecimal_code()),
                            element("td", code_text(number.fields)),
                        )
                        for name, number in rows
                    ],
                ),
            ),
        ),
        element(
            "p",
            "Flags: ",
            ", ".join(raised_names(converted.flags)) or "none",
            f"; error {signed(error.ulps)} {error.unit}" if error and error.ulps else None,
            class_="soft",
        ),
    )


def catalogue_section(query: FormatsQuery, entries: Sequence[Entry]) -> Html:
    """Return the list of all formats."""
    head = ("dtype", "bits", "p", "emin", "emax", "numbers", "other names")
    rows = [
        element(
            "tr",
            element(
                "th",
                element(
                    "a",
                    each.dtype,
                    href=query.address(format=each.dtype),
                    aria_current="true" if each.dtype == query.format else None,
                ),
                scope="row",
            ),
            [element("td", text, class_="number") for text in _numbers_of(each)],
            element("td", each.summary, class_="text"),
            element("td", " ".join(each.aliases), class_="text"),
        )
        for each in entries
    ]
    return element(
        "section",
        element("h2", "All formats"),
        scrolling(
            "List of all formats",
            element(
                "table",
                element(
                    "thead", element("tr", [element("th", each, scope="col") for each in head])
                ),
                element("tbody", rows),
            ),
        ),
        data_top=True,
    )


def _numbers_of(entry: Entry) -> tuple[str, ...]:
    format = entry.format
    if format is None:
        return ("",) * 4
    return str(format.width), str(format.precision), str(format.emin), str(format.emax)
