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
    from numlean.analysis.lockstep.numbers import Number
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
    rows = list(_rows_of_operands(found.operands, " of A" if found.operands_b else ""))
    rows += _rows_of_operands(found.operands_b, " of B")
    rows += zip(("result A", "result B"), map(str, found.results), strict=True)
    rows += zip(("A rounded", "B rounded"), found.rounded or (), strict=False)
    specified = {str(each.right) for each in found.assessments if each.is_right is False}
    rows += (("specified", text) for text in specified - set(map(str, found.results)))
    labels = ("exact A", "exact B") if found.exact_b is not None else ("exact",)
    exact = zip(labels, (found.exact, found.exact_b), strict=False)
    rows += ((label, text) for label, text in exact if text is not None)
    return encoding_block(_divergence_title(found), rows, _verdicts(found))


def _flag_names(flags: int) -> str:
    return ", ".join(name for name, bit in FLAGS.items() if flags & bit) or "no flag"


def _divergence_title(found: Divergence) -> str:
    assert found.element is not None
    place = f" at [{', '.join(map(str, found.element))}]" if found.element else ""
    format = found.results[0].format if found.results else None
    kind = f"{format.name} " if format else ""
    distance = "" if found.ulps is None else f" by {abs(found.ulps)} ulp"
    if found.rounded_to is not None:
        distance += f" after rounding to {found.rounded_to}"
    return (
        f"step {found.step}, {found.where}: {kind}{found.operation} (call {found.call}):"
        f" B differs from A{distance}{place}\n{_INDENT}A is {found.a}, B is {found.b}"
    )


def _rows_of_operands(
    operands: dict[str, tuple[Number, ...]] | None, suffix: str
) -> Iterator[tuple[str, str]]:
    for label, numbers in (operands or {}).items():
        if len(numbers) == 1:
            yield f"{label}{suffix}", str(numbers[0])
            continue
        for k in _shown_places(len(numbers)):
            yield (f"{label}[{k}]{suffix}", str(numbers[k])) if k is not None else ("...", "")


def _shown_places(count: int) -> list[int | None]:
    if count <= 2 * _ENDS + 1:
        return list(range(count))
    return [*range(_ENDS), None, *range(count - _ENDS, count)]


def _verdicts(found: Divergence) -> Iterator[str]:
    formats = [None if each.format is None else each.format.name for each in found.results or ()]
    for name, assessment, format in zip("AB", found.assessments, formats, strict=True):
        yield f"{name} {_verdict(assessment, format)}"
    for name, rule in zip("AB", found.rules or (), strict=False):
        yield f"{name}: {rule}"
    if found.block is not None:
        yield from found.block.lines
    if found.closer is not None:
        yield _CLOSER[found.closer]
    if all(assessment.is_right for assessment in found.assessments):
        yield "both are as specified: the runs use two arithmetics"


_CLOSER: Final = {
    "a": "A is closer to the exact result",
    "b": "B is closer to the exact result",
    "equal": "A and B are equally close to the exact result",
}


def _verdict(assessment: Assessment, format: str | None) -> str:
    relative, ulps = assessment.relative_error, assessment.error
    parts = [assessment.verdict]
    is_exact = relative == 0 or ulps == 0
    if is_exact:
        parts.append("equal to the exact result")
    elif relative is not None:
        parts.append(f"relative error {relative:+.4g}")
    if ulps is not None and not is_exact:
        parts.append(f"{ulps:+.4g} ulp of {format} from the exact result")
    if assessment.causes:
        parts.append(f"as if {', or '.join(assessment.causes)}")
    return ", ".join(parts)
