"""The test vectors of block formats never change: their digests are those in the repository.

``tools/block_vector_digests.py`` compares all of them; here are some, so that each format, rule,
preset and rounding is in one of them.
"""

from itertools import chain

import block_vector_digests as digests


def some() -> list[tuple[digests.Row, str]]:
    """Return combinations that have, together, every choice of each kind."""
    listed = list(digests.rows())
    formats = {row.name.partition(",")[0]: [] for row in listed}
    for row in listed:
        formats[row.name.partition(",")[0]].append(row)
    chosen = chain.from_iterable(
        (own[(5 * k + step) % len(own)] for step in (0, 7))
        for k, own in enumerate(formats.values())
    )
    several = [*chosen, *(row for row in listed[-6:])]
    return [(row, digests.ROUNDINGS[k % 7]) for k, row in enumerate(several)]


def test_the_table_has_every_combination() -> None:
    table = digests.read_table(digests.TABLE.read_text())
    assert list(table) == [str(row) for row in digests.rows()]
    assert all(tuple(own) == digests.ROUNDINGS for own in table.values())
    different = {digest for own in table.values() for digest in own.values()}
    assert len(different) > 700


def test_some_combinations_have_every_choice() -> None:
    rows = [row for row, _ in some()]
    assert {row.rule for row in rows} >= {"floor", "ceil", "even", "rceil"}
    assert {row.preset for row in rows} == {row.preset for row in digests.rows()}
    assert {rounding for _, rounding in some()} == set(digests.ROUNDINGS)


def test_vectors_are_those_of_exact_rationals_and_of_the_table() -> None:
    table = digests.read_table(digests.TABLE.read_text())
    assert digests.differing(iter(some()), table) == []


def test_a_change_is_found() -> None:
    row = next(digests.rows())
    table = {str(row): dict.fromkeys(digests.ROUNDINGS, "0" * digests.DIGITS)}
    (line,) = digests.differing(iter([(row, "to_odd")]), table)
    assert line.startswith("mxfp8_e4m3 floor ocp, to_odd: the digest is ")
