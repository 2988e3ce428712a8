"""A file that is not a whole checkpoint, bit for bit, is refused in one line and nothing is loaded.

``numlean verify checkpoints`` does the same by the thousand.
"""

import json

import numpy as np
import pytest

from numlean.checkpoint import CheckpointError, load
from numlean.checkpoint.container import VERSION, dumps, loads, read_header
from numlean.checkpoint.raw_numbers import from_raw
from numlean.data.size_limit import max_size
from numlean.verification.checkpoints import CorruptedRun, mutations


@pytest.mark.parametrize("dtype", ["float32", "e4m3", "mp:200"])
def test_every_mutation_is_refused_and_nothing_of_it_is_loaded(tmp_path, dtype):
    victim = CorruptedRun(dtype, tmp_path)
    for mutation in mutations(victim.content, 65, seed=len(dtype)):
        refusal = victim.try_load(mutation)
        assert refusal.is_clean, (refusal, mutation.content)


def test_no_prefix_and_no_flipped_bit_of_a_header_is_taken(tmp_path):
    victim, path = CorruptedRun("bfloat16", tmp_path), tmp_path / "changed"
    content = victim.content
    for place in range(0, len(content), 7):
        flipped = bytearray(content)
        flipped[place] ^= 1 << place % 8
        for changed in (content[:place], flipped):
            path.write_bytes(changed)
            with pytest.raises(CheckpointError, match="changed: "):
                load(path)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", ["only 0 bytes"]),
        (b"1,2,3\n" * 9, ["not a safetensors file"]),
        (b"PK\x03\x04" + bytes(100), ["not a safetensors file"]),
        ((1 << 40).to_bytes(8, "little") + b"{}", ["header", "byte 1099511627784", "10"]),
        ((2).to_bytes(8, "little") + b"{}", ["not a numlean checkpoint"]),
        ((3).to_bytes(8, "little") + b"{]}", ["not valid JSON"]),
        ((6).to_bytes(8, "little") + b'{"a":1', ["not valid JSON"]),
        ((7).to_bytes(8, "little") + b'{"a":1}', ["safetensors"]),
    ],
)
def test_files_that_are_not_checkpoints_are_identified(path, content, words):
    path.write_bytes(content)
    with pytest.raises(CheckpointError) as caught:
        load(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert all(word in str(caught.value) for word in words)


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    for wrong in (tmp_path / "nothing", tmp_path):
        with pytest.raises(CheckpointError, match=str(wrong)):
            load(wrong)


def test_a_future_version_is_distinguished_from_damage(case, path):
    case("float32").saved_after(1, path)
    document, arrays = loads(path.read_bytes())
    path.write_bytes(dumps({**document, "version": VERSION + 1, "numlean": "9.0"}, arrays))
    expected = r"version 3, written by numlean 9\.0; .* versions 1 and 2"
    with pytest.raises(CheckpointError, match=expected):
        load(path)


@pytest.mark.parametrize("field", ["step", "schedule"])
def test_a_count_that_no_run_reaches_is_refused(case, path, field):
    case("float32").saved_after(1, path)
    document, arrays = loads(path.read_bytes())
    for count in (-1, 10**400):
        path.write_bytes(dumps({**document, field: count}, arrays))
        with pytest.raises(CheckpointError, match=f"{field} must be at least 0"):
            load(path)


def test_a_checkpoint_is_not_cut_off_unnoticed_at_any_byte_of_its_end(case, path):
    case("mp:60").saved_after(1, path)
    content = path.read_bytes()
    for count in (1, 2, 8, 100):
        path.write_bytes(content[:-count])
        with pytest.raises(CheckpointError, match=f"{len(content) - count} bytes instead of"):
            load(path)


def test_numbers_that_take_too_much_memory_are_refused_before_they_are_made(case, path):
    case("mp:60").saved_after(1, path)
    document, arrays = loads(path.read_bytes())
    entry = document["parameters"][0]
    arrays[entry["name"]] = np.frombuffer(b"nan\n" * 10**6, np.uint8)
    large = [entry | {"shape": [10**6 + 1]}, *document["parameters"][1:]]
    path.write_bytes(dumps(document | {"parameters": large}, arrays))
    expected = "the numbers in the checkpoint: 304 MB exceed the limit of 100 MB"
    with max_size("100MB"), pytest.raises(CheckpointError, match=expected):
        load(path)
    path.write_bytes(dumps(document, arrays))
    with pytest.raises(CheckpointError, match="1000001 numbers do not fill the shape"):
        from_raw(load(path).parameters["0.weight"], case("mp:60").scalar)


def test_a_digest_that_is_not_written_digit_by_digit_is_refused(case, path):
    case("float32").saved_after(1, path)
    content = path.read_bytes()
    header, start = read_header(content), 8 + int.from_bytes(content[:8], "little")
    text = header["__metadata__"]["numlean"]
    digest = json.loads(text)["sha256"]
    header["__metadata__"]["numlean"] = text.replace(
        digest, f"{digest[:-1]}\\u{ord(digest[-1]):04x}"
    )
    escaped = json.dumps(header).encode()
    path.write_bytes(len(escaped).to_bytes(8, "little") + escaped + content[start:])
    with pytest.raises(CheckpointError, match="not written digit by digit"):
        load(path)
