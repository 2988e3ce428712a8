"""Mutations of bytes: each differs from the original, and a seed determines them."""

from random import Random

import pytest

from numlean.verification.attacks.bytes_mutations import _CHANGES, mutate_bytes


@pytest.mark.parametrize("content", [b"", b"\0", b"7", bytes(range(256)) * 3])
def test_every_mutation_differs_from_the_original(content):
    draw = Random(1)
    assert all(mutate_bytes(content, draw)[1] != content for _ in range(300))


def test_every_kind_of_change_is_made():
    draw = Random(2)
    made = {mutate_bytes(b"0123 abcd" * 9, draw)[0].partition(" at byte ")[0] for _ in range(400)}
    assert made == {words for words, _ in _CHANGES}


def test_a_seed_determines_the_mutations():
    first, second = (
        [mutate_bytes(b"numlean" * 5, draw) for _ in range(50)] for draw in (Random(3), Random(3))
    )
    assert first == second
