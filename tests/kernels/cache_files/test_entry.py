"""The file of a kernel: what was packed comes back, and nothing else is accepted."""

import hashlib
import random

import pytest

from numlean_kernels.cache_files.entry import MAGIC, DamagedError, content_of, pack, unpack

RAW = pack("a kernel µ", b"machine code" * 9)


def test_a_key_and_its_content_come_back():
    assert unpack(RAW) == ("a kernel µ", b"machine code" * 9)
    assert content_of(RAW, "a kernel µ") == b"machine code" * 9
    assert unpack(pack("", b"")) == ("", b"")


def test_every_flipped_bit_is_found():
    for place in range(8 * len(RAW)):
        raw = bytearray(RAW)
        raw[place // 8] ^= 1 << place % 8
        with pytest.raises(DamagedError):
            unpack(bytes(raw))


def test_every_other_length_is_found():
    for length in range(len(RAW)):
        with pytest.raises(DamagedError):
            unpack(RAW[:length])
    for more in (b"\0", RAW):
        with pytest.raises(DamagedError, match="SHA-256"):
            unpack(RAW + more)


@pytest.mark.parametrize("length", [2**64 - 1, 2**63, 9, 1])
def test_a_length_beyond_the_file_is_found_though_its_hash_is_right(length):
    body = length.to_bytes(8, "little")
    with pytest.raises(DamagedError, match="longer than the file"):
        unpack(MAGIC + hashlib.sha256(body).digest() + body)


def test_a_key_that_is_not_text_is_not_that_of_a_kernel():
    body = (4).to_bytes(8, "little") + b"\xff" * 8
    with pytest.raises(DamagedError, match="something else"):
        content_of(MAGIC + hashlib.sha256(body).digest() + body, "a")


def test_another_key_is_refused():
    with pytest.raises(DamagedError, match="something else"):
        content_of(RAW, "a kernel")


def test_random_bytes_are_refused():
    draw = random.Random(0)
    for _ in range(100):
        with pytest.raises(DamagedError):
            unpack(draw.randbytes(200))
