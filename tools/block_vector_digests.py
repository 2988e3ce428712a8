"""Compare the test vectors of all block formats with the digests in the repository.

python tools/block_vector_digests.py [--write] [FORMAT ...]

For every combination of format, scale rule, preset and rounding: the vectors are made, compared
with exact rationals (``numlean.testing.blocks``), and the digest at the end of their file with the
table ``tests/verification/block_vectors/digests.txt``. Takes about three minutes. Prints what
differs; exit status 1 if anything does. --write makes the table anew.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

from numlean.precision.blocks import BlockFormat, block_formats, get_block_format
from numlean.precision.blocks.presets import NEAREST, PRESETS
from numlean.testing import blocks as reference
from numlean.verification.block_vectors import Vector, make_vectors, vectors_text
from numlean.verification.block_vectors.inputs import tensors
from numlean.verification.block_vectors.making import vectors_of
from numlean_kernels.blocks.rules import PowerRule, ScaleRule

TABLE = Path(__file__).parents[1] / "tests/verification/block_vectors/digests.txt"
DIGITS = 12
ROUNDINGS = (
    *("ties_to_even", "ties_to_away", "toward_zero", "away_from_zero"),
    *("toward_positive", "toward_negative", "to_odd"),
)
"""The roundings of elements, a column each."""


@dataclass(frozen=True)
class Row:
    """A combination, without the rounding of elements.

    Attributes:
        name: The name of the format, with the rounding of its scales if there is a choice.
        rule: The rule of its scales; None if there is none.
        preset: The preset.
    """

    name: str
    rule: str | None
    preset: str

    def format(self, rounding: str) -> BlockFormat:
        """Return the format with a rounding of elements, which its name has unless it is usual."""
        own = next(each.rounding for each in PRESETS if each.name == self.preset)
        given = None if rounding == own else rounding
        return get_block_format(
            self.name, scale_rule=self.rule, preset=self.preset, rounding=given, device="python"
        )

    def __str__(self) -> str:
        return f"{self.name} {self.rule or '-'} {self.preset}"


def rows() -> Iterator[Row]:
    """Yield all combinations."""
    for name in block_formats():
        if isinstance(get_block_format(name, device="python").rule, PowerRule):
            presets = [each.name for each in PRESETS if each.powers is not None]
            yield from (Row(name, rule.value, one) for rule, one in product(ScaleRule, presets))
        else:
            presets = [each.name for each in PRESETS if each.quantizer is not None]
            for rounding, preset in product(ROUNDINGS, presets):
                option = "" if rounding == NEAREST else f",scale_rounding={rounding}"
                yield Row(f"{name}{option}", None, preset)


def vectors_and_mistakes(row: Row, rounding: str) -> tuple[list[Vector], int]:
    """Return the vectors of a combination, and how many are not those of exact rationals."""
    f, made, mistakes = row.format(rounding), [], 0
    for blocks in tensors(f):
        vectors = list(vectors_of(f, blocks))
        expected = reference_codes(row, rounding, f, [each.input for each in vectors])
        found = [(each.scale, list(each.elements)) for each in vectors]
        mistakes += sum(a != b for a, b in zip(found, expected, strict=True))
        made += vectors
    return made, mistakes


def reference_codes(
    row: Row, rounding: str, f: BlockFormat, blocks: list[tuple[int, ...]]
) -> list[tuple[int, list[int]]]:
    """Return the codes of a tensor's blocks by exact rationals."""
    if row.rule is not None:
        elements = reference.ELEMENTS["int8" if f.rule.element.is_integer else f.element]
        return [reference.power_block(row.rule, row.preset, rounding, elements, x) for x in blocks]
    own = replace(
        reference.NVFP4, rounding=rounding, scale_rounding=row.name.partition("=")[2] or NEAREST
    )
    whole = reference.two_levels(row.preset, own, blocks)
    return list(zip(whole.scales, whole.elements, strict=True))


def own_digests(row: Row) -> dict[str, str]:
    """Return the digests of a combination by rounding, without comparing its vectors."""
    return {each: digest_of(list(make_vectors(row.format(each)))) for each in ROUNDINGS}


def digest_of(vectors: list[Vector]) -> str:
    """Return the digest in the last line of a file of vectors, shortened."""
    last = vectors_text(vectors).rstrip("\n").rpartition("\n")[2]
    return str(json.loads(last)["sha256"])[:DIGITS]


def read_table(text: str) -> dict[str, dict[str, str]]:
    """Return the digests of rows by their texts, by rounding."""
    head, *lines = (line for line in text.splitlines() if not line.startswith("#"))
    columns = head.split()[3:]
    found = {}
    for line in lines:
        *row, digests = line.split(maxsplit=3)
        found[" ".join(row)] = dict(zip(columns, digests.split(), strict=True))
    return found


def table_text(digests: Mapping[str, dict[str, str]]) -> str:
    """Return the table of digests."""
    lines = [
        "# The first digits of the SHA-256 digests of test vectors, by the rounding of elements.",
        "# tools/block_vector_digests.py compares them.",
        " ".join(["format", "rule", "preset", *ROUNDINGS]),
        *(" ".join([row, *(own[each] for each in ROUNDINGS)]) for row, own in digests.items()),
    ]
    return "\n".join(lines) + "\n"


def differing(chosen: Iterator[tuple[Row, str]], table: Mapping[str, dict[str, str]]) -> list[str]:
    """Return a line for each combination that differs from rationals or from the table."""
    found = []
    for row, rounding in chosen:
        vectors, mistakes = vectors_and_mistakes(row, rounding)
        what = f"{row}, {rounding}"
        if mistakes:
            found.append(f"{what}: {mistakes} vectors are not those of exact rationals")
        expected, digest = table.get(str(row), {}).get(rounding), digest_of(vectors)
        if digest != expected:
            found.append(f"{what}: the digest is {digest}, the table has {expected}")
    return found


def main() -> int:
    """Compare, or write the table; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("formats", nargs="*", metavar="FORMAT", help="only these (default: all)")
    parser.add_argument("--write", action="store_true", help="write the table")
    arguments = parser.parse_args()
    chosen = [
        row
        for row in rows()
        if not arguments.formats or row.name.partition(",")[0] in arguments.formats
    ]
    if arguments.write:
        kept = read_table(TABLE.read_text()) if arguments.formats else {}
        made = kept | {str(row): own_digests(row) for row in chosen}
        TABLE.write_text(table_text({str(row): made[str(row)] for row in rows()}))
        return 0
    table, wrong = read_table(TABLE.read_text()), 0
    for row in chosen:
        lines = differing(((row, rounding) for rounding in ROUNDINGS), table)
        print(f"{row}: {len(ROUNDINGS)} files, {len(lines)} differences", flush=True)
        print("".join(line + "\n" for line in lines), end="")
        wrong += len(lines)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
