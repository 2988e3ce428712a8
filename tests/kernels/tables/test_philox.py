"""Philox4x32-10 against its authors' known answers, and on every target and thread."""

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
import pytest

from numlean_kernels.loops.elementwise import filled
from numlean_kernels.protocol import kernel_for
from numlean_kernels.tables.philox import philox_table
from numlean_kernels.targets import get_target

ONES = (1 << 64) - 1


@pytest.mark.parametrize(
    ("key", "high", "low", "words"),
    [  # kat_vectors of Random123: the first two words of a block
        (0, 0, 0, (0x6627E8D5, 0xE169C58D)),
        (ONES, ONES, ONES, (0x408F276D, 0x41C83B0E)),
        (
            0x299F31D0A4093822,
            0x0370734413198A2E,
            0x85A308D3243F6A88,
            (0xD16CFE09, 0x94FDCCEB),
        ),
    ],
)
def test_the_known_answers(key, high, low, words):
    z = philox_table(get_target("python"))["philox"](key, high, low)
    assert (z & 0xFFFFFFFF, z >> 32) == words


def drawn(device, count, key=(7, 3 << 32 | 5)):
    target, z = get_target(device), np.empty(count, np.uint64)
    kernel = kernel_for(target, filled("philox"), philox_table(target))
    kernel((count,), np.array(key, np.uint64), z)
    return z


def test_the_compiled_kernel_gives_the_interpreter_s_words():
    assert drawn("cpu", 500).tolist() == drawn("python", 500).tolist()


def test_the_number_of_threads_changes_no_bit():
    target, z = get_target("cpu"), np.empty(10_001, np.uint64)
    kernel_for(target, filled("philox"), philox_table(target))
    run = target.compiled(filled("philox"), philox_table(target))
    key = np.array([7, 3 << 32 | 5], np.uint64)
    bounds = [np.uint64(b) for b in (0, 3333, 6000, 10_001)]
    with ThreadPoolExecutor(2) as threads:
        list(threads.map(lambda part: run(*part, key, z), pairwise(bounds)))
    assert z.tolist() == drawn("cpu", 10_001).tolist()


def test_no_two_places_steps_or_seeds_share_a_word():
    words = [drawn("cpu", 1000, key) for key in ((0, 0), (0, 1), (0, 1 << 32), (1, 0))]
    assert len(np.unique(np.concatenate(words))) == 4000
