"""The HTML of the view."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from numlean.pages.html import Child, Html, element
from numlean.pages.layout import scrolling
from numlean.play.scalars.detail import Detail, Neighbour
from numlean.play.scalars.truth import Error, Truth
from numlean.play.views.numbers.compute import Card, Direction, Outcome
from numlean.play.views.numbers.number_line import number_line
from numlean.play.views.numbers.query import NAMES, OPERATION_KINDS, PATH, NumbersQuery
from numlean.play.views.text import (
    code_text,
    decimal,
    dyadic,
    error_message,
    signed,
    unsigned,
)
from numlean.scalar.operations import OPERATIONS

_NONE: Final = "\N{EN DASH}"
_HINT: Final = (
    "A click on a bit flips it; the arrow keys move between bits, and the space bar flips one."
)


def form(query: NumbersQuery, dtypes: Sequence[str]) -> Html:
    """Return the form."""
    return element(
        "form",
        [_operand_field(query, index, dtypes) for index in range(len(NAMES))],
        element(
            "div",
            element("label", "Operation", for_="op"),
            element("select", _operations(query.operation), id="op", name="op"),
            class_="field",
        ),
        element(
            "div",
            element("label", "Formats and policies", for_="in"),
            element(
                "input",
                id="in",
                name="in",
                value=query.formats,
                autocomplete="off",
                spellcheck="false",
                aria_describedby="in-hint",
            ),
            element("small", "such as float32, e4m3@round=toward_zero, fp8-current", id="in-hint"),
            class_="field wide-field",
        ),
        element("button", "Show", type="submit"),
        action=PATH,
        method="get",
        class_="query",
    )


def _operand_field(query: NumbersQuery, index: int, dtypes: Sequence[str]) -> Html:
    name, operand = NAMES[index], query.operands[index]
    label = "Number, expression or bits" if not query.operation else f"Operand {name}"
    known = list(dict.fromkeys([*dtypes, operand.bits_of] if operand.bits_of else dtypes))
    return element(
        "div",
        element("label", label, for_=name, id=f"{name}-label"),
        element(
            "div",
            element(
                "input",
                id=name,
                name=name,
                value=operand.text,
                autocomplete="off",
                autocapitalize="none",
                spellcheck="false",
            ),
            element(
                "select",
                element("option", "an expression", value="", selected=not operand.bits_of),
                [
                    element(
                        "option", f"bits of {each}", value=each, selected=each == operand.bits_of
                    )
                    for each in known
                ],
                id=f"{name}b",
                name=f"{name}b",
                aria_label=f"What {name} is",
            ),
            class_="joined",
        ),
        class_="field wide-field",
        id=f"field-{name}",
        hidden=index >= query.arity,
    )


def _operations(chosen: str) -> Child:
    return (
        element("option", "none", value="", selected=not chosen),
        [
            element(
                "optgroup",
                [
                    element("option", _call(name), value=name, selected=name == chosen)
                    for name in names
                ],
                label=family,
            )
            for family, names in OPERATION_KINDS.items()
        ],
    )


def _call(name: str) -> str:
    return f"{name}({', '.join(NAMES[: OPERATIONS[name].arity])})"


def result(query: NumbersQuery, cards: Sequence[Card]) -> Html:
    """Return what the formats make of the numbers."""
    return element(
        "div",
        _summary(cards),
        _overview(cards),
        element("p", _HINT, class_="soft"),
        element(
            "div",
            [_card(query, index, card) for index, card in enumerate(cards)],
            class_="cards operations" if query.operation else "cards",
        ),
        id="result",
    )


def _summary(cards: Sequence[Card]) -> Child:
    """Return the exact value, if it is the same for all formats."""
    truths = [card.truth for card in cards if card.truth is not None]
    texts = {truth.decimal() for truth in truths}
    if len(texts) != 1:
        return None
    return element("p", "Exactly ", _exact_text(truths[0]), class_="headline")


def _exact_text(truth: Truth) -> Child:
    fraction = truth.fraction_text()
    return decimal(truth.decimal()), f" = {fraction}" if fraction else None


def _overview(cards: Sequence[Card]) -> Html:
    head = ("format", "value", "bits", "error", "relative error", "flags")
    rows = [element("tr", list(_overview_cells(index, card))) for index, card in enumerate(cards)]
    return scrolling(
        "All formats side by side",
        element(
            "table",
            element("thead", element("tr", [element("th", each, scope="col") for each in head])),
            element("tbody", rows),
        ),
    )


def _overview_cells(index: int, card: Card) -> Iterator[Html]:
    yield element(
        "th", element("a", card.chosen.dtype, href=f"#card-{index}"), scope="row", class_="dtype"
    )
    if card.outcome is None:
        text = card.message or str(card.answer).lower()
        yield element("td", text, colspan=5, class_="error-text" if card.message else None)
        return
    number = card.outcome.number
    yield element("td", decimal(number.value))
    yield element("td", code_text(number.fields) if number.fields else _NONE)
    yield element("td", _ulps(card.outcome.error), class_="number")
    yield element("td", _relative(card.outcome.error), class_="number")
    yield element("td", _flags(card.outcome))


def _ulps(error: Error | None) -> str:
    if error is None or error.ulps is None:
        return _NONE
    return f"{signed(error.ulps)} {error.unit}" if error.ulps else "exact"


def _relative(error: Error | None) -> str:
    return _NONE if error is None or error.relative is None else unsigned(error.relative)


def _flags(outcome: Outcome) -> str:
    return "not recorded" if outcome.flags is None else ", ".join(outcome.flags) or "none"


def _card(query: NumbersQuery, index: int, card: Card) -> Html:
    content: Child
    if card.message:
        content = error_message(card.message)
    elif card.outcome is None:
        content = element("p", str(card.answer).lower(), class_="value")
    elif query.operation:
        content = _operation(query, index, card, card.outcome)
    else:
        content = _number(query, index, card, card.outcome)
    return element(
        "section",
        element("h2", card.chosen.dtype),
        element("p", card.summary, class_="soft") if card.summary else None,
        [element("p", role, class_="soft") for role in card.chosen.roles],
        content,
        id=f"card-{index}",
        class_="card",
        aria_label=card.chosen.dtype,
    )


def _number(query: NumbersQuery, index: int, card: Card, outcome: Outcome) -> Child:
    number = outcome.number
    return (
        element("p", decimal(number.value), class_="value"),
        _bits(query, index, 0, number),
        number_line(number, card.placement) if card.placement else None,
        _properties(query, 0, card, outcome),
    )


def _operation(query: NumbersQuery, index: int, card: Card, outcome: Outcome) -> Child:
    operands = [
        (
            element("p", f"{NAMES[k]} = ", decimal(number.value), class_="operand"),
            _bits(query, index, k, number),
        )
        for k, number in enumerate(card.operands)
    ]
    left = (
        operands,
        element("p", f"{_call(query.operation)} = ", decimal(outcome.number.value), class_="value"),
        code_text(outcome.number.fields) if outcome.number.fields else None,
        number_line(outcome.number, card.placement) if card.placement else None,
    )
    right = (
        _properties(query, None, card, outcome),
        _directions(card.chosen.dtype, card.directions, query.operation)
        if card.directions
        else None,
    )
    return element("div", element("div", left), element("div", right), class_="split")


def _bits(query: NumbersQuery, card: int, operand: int, number: Detail) -> Child:
    """Return the bits of a number; each is a link to the number with that bit flipped."""
    if number.code is None:
        return None
    groups, place = list[Html](), number.width
    for field in number.fields:
        bits = list[Html]()
        for bit in field.bits:
            place -= 1
            flipped = query.with_code(operand, number.dtype, number.code ^ 1 << place, number.width)
            bits.append(
                element(
                    "a",
                    bit,
                    href=flipped.address(),
                    id=f"bit-{card}-{operand}-{place}",
                    class_="bit",
                    aria_label=f"{field.kind} bit {place} is {bit}, flip it",
                )
            )
        name = element("span", field.kind, class_="field-name", aria_hidden="true")
        groups.append(
            element(
                "span",
                element("span", bits, class_="field-bits"),
                name,
                class_=f"bit-field bits-{field.kind}",
            )
        )
    label = f"Bits of {NAMES[operand]} in {number.dtype}: {number.hexadecimal_code()}"
    return element("div", groups, class_="bits", role="group", aria_label=label, data_bits=True)


def _properties(query: NumbersQuery, operand: int | None, card: Card, outcome: Outcome) -> Html:
    number, error = outcome.number, outcome.error
    is_finite = number.exact_value.is_finite
    rows: list[tuple[str, Child]] = [
        ("code", number.hexadecimal_code() or None),
        ("exactly", decimal(number.exact) if is_finite else None),
        ("hexadecimal", decimal(number.hexadecimal) if is_finite else None),
        ("as a fraction", dyadic(number.dyadic) if number.dyadic else None),
        ("class", number.kind),
        ("next below", _neighbour(query, operand, number, number.below)),
        ("next above", _neighbour(query, operand, number, number.above)),
        ("exact result", _exact_text(card.truth) if card.truth else None),
        ("error", _error(error) if error else None),
        ("flags", _flags(outcome)),
    ]
    shown = [
        (element("dt", name), element("dd", value)) for name, value in rows if value is not None
    ]
    return element("dl", shown)


def _error(error: Error) -> str:
    relative = _relative(error)
    return _ulps(error) + (f", relative {relative}" if error.ulps and relative != _NONE else "")


def _neighbour(
    query: NumbersQuery, operand: int | None, number: Detail, side: Neighbour | None
) -> Child:
    if side is None:
        return "none" if number.code is not None else None
    if operand is None:
        return decimal(side.value)
    address = query.with_code(operand, number.dtype, side.code, number.width).address()
    return element("a", decimal(side.value), href=address)


def _directions(dtype: str, directions: Sequence[Direction], operation: str) -> Html:
    head = ("rounding", "result", "bits", "error", "flags")
    rows = [
        element(
            "tr",
            element("th", each.rounding.replace("_", " "), scope="row"),
            element("td", decimal(each.outcome.number.value)),
            element("td", code_text(each.outcome.number.fields)),
            element("td", _ulps(each.outcome.error), class_="number"),
            element("td", _flags(each.outcome)),
        )
        for each in directions
    ]
    return scrolling(
        f"Rounding directions of {dtype}",
        element(
            "table",
            element("caption", f"{_call(operation)} in each rounding direction"),
            element("thead", element("tr", [element("th", each, scope="col") for each in head])),
            element("tbody", rows),
        ),
    )
