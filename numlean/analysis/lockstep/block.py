"""A divergence as one aligned block, which can be pasted into a test."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from numlean.analysis.lockstep.assessment import Assessment
    from numlean.analysis.lockstep.divergence import Divergence

_ENDS: Final = 3
"""Of longer operands, this many numbers at each end are shown."""


def as_block(found: Divergence) -> str:
    """Return the location, the operands, both results, the exact one, and the verdicts."""
    assert found.results is not None
    rows = list(_operands(found))
    rows += zip(("result A", "result B"), map(str, found.results), strict=True)
    expected = {str(each.right) for each in found.assessments if each.is_right is False}
    rows += (("expected", text) for text in expected - set(map(str, found.results)))
    if found.exact is not None:
        rows.append(("exact", found.exact))
    width = max(len(label) for label, _ in rows)
    lines = [f"  {label:<{width}}  {text}".rstrip() for label, text in rows]
    return "\n".join([_title(found), *lines, *_verdicts(found)])


def _title(found: Divergence) -> str:
    assert found.element is not None
    place = f" at [{', '.join(map(str, found.element))}]" if found.element else ""
    format = found.results[0].format if found.results else None
    kind = f"{format.name} " if format else ""
    distance = "" if found.ulps is None else f" by {abs(found.ulps)} ulp"
    return (
        f"step {found.step}, {found.where}: {kind}{found.operation} (call {found.call}):"
        f" B differs from A{distance}{place}\n  A is {found.a}, B is {found.b}"
    )


def _operands(found: Divergence) -> Iterator[tuple[str, str]]:
    for label, numbers in (found.operands or {}).items():
        if len(numbers) == 1:
            yield label, str(numbers[0])
            continue
        for k in _shown_places(len(numbers)):
            yield (f"{label}[{k}]", str(numbers[k])) if k is not None else ("...", "")


def _shown_places(count: int) -> list[int | None]:
    if count <= 2 * _ENDS + 1:
        return list(range(count))
    return [*range(_ENDS), None, *range(count - _ENDS, count)]


def _verdicts(found: Divergence) -> Iterator[str]:
    for name, judgement in zip("AB", found.assessments, strict=True):
        yield f"  {name} {_verdict(judgement)}"
    if all(judgement.is_right for judgement in found.assessments):
        yield "  each is right in its own arithmetic: these are two arithmetics"


def _verdict(judgement: Assessment) -> str:
    kinds = {True: "is right", False: "is wrong", None: "may be right or wrong"}
    parts = [kinds[judgement.is_right]]
    if judgement.error is not None:
        parts.append(f"{judgement.error:+.4g} ulp from the exact result")
    if judgement.causes:
        parts.append(f"as if {', or '.join(judgement.causes)}")
    return ", ".join(parts)
