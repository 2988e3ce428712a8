"""What the report of a run says about numbers that are not finite."""

from __future__ import annotations

from typing import Any

from numlean.analysis.finiteness import FiniteCheck, NonfiniteEvent
from numlean.scalar.finiteness import Specials
from numlean.training import Stepper
from numlean.training.finiteness import RunNumbers


def nonfinite_report(stepper: Stepper, check: FiniteCheck) -> dict[str, Any] | None:
    """Return the first events and the final numbers as plain data; None if all is finite."""
    final = RunNumbers.of(stepper).nonfinite()
    if not final and check.first is None:
        return None
    return {
        "first_loss": check.loss and _event(check.loss),
        "first_number": check.death and _event(check.death),
        "parameters": _counts(final.parameters),
        "optimizer_state": _counts(final.state),
    }


def nonfinite_text(report: dict[str, Any]) -> str:
    """Return one line about the numbers that are not finite at the end."""
    parts = []
    for name, key in (("parameters", "parameters"), ("optimizer state", "optimizer_state")):
        found = Specials(*(report[key][part] for part in ("count", "nan", "inf")))
        if found.nonfinite:
            parts.append(f"{name}: {found}")
    event = report["first_number"] or report["first_loss"]
    since = "" if event is None or event["step"] is None else f"since step {event['step']}"
    what = ", ".join(parts) or "the loss only"
    return f"{what}{', ' + since if since else ''}"


def _event(event: NonfiniteEvent) -> dict[str, Any]:
    cause = event.cause
    return {
        "step": event.step if event.step >= 0 else None,
        "where": cause and cause.where,
        "operation": cause and cause.operation,
        "exception": cause and cause.exception,
        "constant": (cause.constant or None) if cause else None,
        "text": str(event),
    }


def _counts(found: Specials) -> dict[str, int]:
    return {"count": found.count, "nan": found.nan, "inf": found.inf}
