"""A difference of two results as one aligned block, which can be pasted into a test."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final

from numlean.text_table import align_rows
from numlean_kernels.flags import FLAGS
from numlean_kernels.formats import Format

if TYPE_CHECKING:
    from numlean.analysis.lockstep.assessment import Assessment
    from numlean.analysis.lockstep.divergence import Divergence
    from numlean.verification import Mismatch

_INDENT: Final = "  "
_ENDS: Final = 3
"""Longer operands show only this many numbers at each end."""


def encoding_block(title: str, rows: Iterable[tuple[str, str]], notes: Iterable[str] = ()) -> str:
    """Return a title, aligned rows of labels and numbers, and notes."""
    indented = (f"{_INDENT}{note}" for note in notes)
    return "\n".join([title, *align_rows(rows, indent=_INDENT), *indented])


def mismatch_block(title: str, format: Format, mismatch: Mismatch) -> str:
    """Return the operands and both results of a mismatch: encodings with their fields, flags."""
    operands = zip("abc", mismatch.operands, strict=False)
    results = (
        ("expected", mismatch.expected, mismatch.expected_flags),
        ("actual", mismatch.actual, mismatch.actual_flags),
    )
    counts_flags = mismatch.expected_flags is not None
    rows = [(label, format.format_bits(bits)) for label, bits in operands]
    for label, bits, flags in results:
        suffix = f"   {_flag_names(flags or 0)}" if counts_flags else ""
        rows.append((label, f"{format.format_bits(bits)}{suffix}"))
    return encoding_block(title, rows)


def divergence_block(found: Divergence) -> str:
    """Return the location, the operands, both results, the exact one, and the verdicts."""
    assert found.results is not None
    rows = list(_operands(found))
    rows += zip(("result A", "result B"), map(str, found.results), strict=True)
    expected = {str(each.right) for each in found.assessments if each.is_right is False}
    rows += (("expected", text) for text in expected - set(map(str, found.results)))
    if found.exact is not None:
        rows.append(("exact", found.exact))
    return encoding_block(_divergence_title(found), rows, _verdicts(found))


def _flag_names(flags: int) -> str:
    return ", ".join(name for name, bit in FLAGS.items() if flags & bit) or "no flag"


def _divergence_title(found: Divergence) -> str:
    assert found.element is not None
    place = f" at [{', '.join(map(str, found.element))}]" if found.element else ""
    format = found.results[0].format if found.results else None
    kind = f"{format.name} " if format else ""
    distance = "" if found.ulps is None else f" by {abs(found.ulps)} ulp"
    return (
        f"step {found.step}, {found.where}: {kind}{found.operation} (call {found.call}):"
        f" B differs from A{distance}{place}\n{_INDENT}A is {found.a}, B is {found.b}"
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
    for name, assessment in zip("AB", found.assessments, strict=True):
        yield f"{name} {_verdict(assessment)}"
    if all(assessment.is_right for assessment in found.assessments):
        yield "each is right in its own arithmetic: the runs use two arithmetics"


def _verdict(assessment: Assessment) -> str:
    kinds = {True: "is right", False: "is wrong", None: "may be right or wrong"}
    parts = [kinds[assessment.is_right]]
    if assessment.error is not None:
        parts.append(f"{assessment.error:+.4g} ulp from the exact result")
    if assessment.causes:
        parts.append(f"as if {', or '.join(assessment.causes)}")
    return ", ".join(parts)
