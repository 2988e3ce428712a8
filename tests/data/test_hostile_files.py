"""Files of data that ask for much memory or time, or are built to confuse: one line each."""

import io
import struct
import tracemalloc
import zipfile
import zlib

import numpy as np
import pytest

from numlean.data.size_limit import max_size
from numlean.data.tables import read_table
from numlean.data.text_file import read_text
from numlean.errors import DataError, NumleanError
from numlean.tasks.sources import TableSource, TaskName


def refusal(path, *args, **options):
    with pytest.raises(NumleanError) as caught:
        read_table(str(path), *args, **options)
    message = str(caught.value)
    assert message.isprintable()
    assert len(message) < 600
    assert path.name in message
    return message


def write(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def npy(description, shape, body=b""):
    header = repr({"descr": description, "fortran_order": False, "shape": shape}).encode()
    return b"\x93NUMPY\1\0" + len(header).to_bytes(2, "little") + header + body


def npz(method=zipfile.ZIP_DEFLATED, **members):
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", method) as file:
        for name, content in members.items():
            file.writestr(name.replace("__", "."), content)
    return archive.getvalue()


GOOD = npy("<f8", (4,), struct.pack("<4d", 1, 2, 3, 4.5))


@pytest.mark.parametrize(
    "content",
    [
        npy("<f8", (1 << 40, 2)),
        npy("<f8", (1 << 32, 1 << 32)),
        npy("<f8", (10**4000, 2)),
        npy("<f8", (-1, 2)),
        npy("<U0", (10**18, 2)),
        npy("<U0", (2, 2)),
        npy("|V0", (10**18, 2)),
        npy("|O", (2, 2), bytes(32)),
        npy("<f8", (2, 2), bytes(40)),
        npy("<f8", (2, 2), bytes(31)),
        npy("<U1", (2, 1), struct.pack("<2I", 0xD800, 65)),
        npy("<U1", (2, 1), struct.pack("<2I", 65, 0x110000)),
        npy([("1", "<f8", (10**9,))], (2,), bytes(16)),
        b"\x93NUMPY\2\0\xff\xff\xff\xff{}",
        b"\x93NUMPY\1\0" + (9000).to_bytes(2, "little") + b"-" * 8999 + b"1",
        b"\x93NUMPY\1\0" + (9000).to_bytes(2, "little") + b"(" * 9000,
    ],
)
def test_headers_of_arrays_that_lie_take_no_memory(tmp_path, content):
    path = write(tmp_path, "t.npy", content)
    tracemalloc.start()
    refusal(path, "1")
    assert tracemalloc.get_traced_memory()[1] < 10**7
    tracemalloc.stop()


@pytest.mark.parametrize("rows", [0, 3, 10**18])
def test_an_array_without_columns_is_refused_and_its_shape_is_named(tmp_path, rows):
    found = refusal(write(tmp_path, "t.npy", npy("<f8", (rows, 0))), "2")
    assert f"t.npy: an array of shape ({rows}, 0) has no columns" in found


def test_headers_of_all_versions_and_of_python_2_are_read(tmp_path):
    header = b"{'descr': '<f8', 'fortran_order': True, 'shape': (2L, 3L)}"
    body = np.arange(6.0).tobytes()
    for version, size in ((1, 2), (2, 4), (3, 4)):
        start = b"\x93NUMPY" + bytes((version, 0)) + len(header).to_bytes(size, "little")
        path = write(tmp_path, "t.npy", start + header + body)
        assert read_table(str(path), "3").inputs.tolist() == [[0, 2], [1, 3]]


def test_only_the_arrays_that_are_asked_for_are_read_from_an_archive(tmp_path):
    other = npz(x__npy=GOOD, y__npy=GOOD, z__txt=b"no array", o__npy=npy("|O", (2,), bytes(16)))
    path = write(tmp_path, "t.npz", other)
    assert read_table(str(path), "y").inputs.tolist() == [[1], [2], [3], [4.5]]
    assert "not an array of numpy" in refusal(path, "z.txt")
    assert "Python objects" in refusal(path, "y", key="o")


def test_bombs_in_archives_are_refused_before_they_are_unpacked(tmp_path):
    packer = zlib.compressobj(9)
    bomb = packer.compress(npy("|u1", (1 << 26,))) + packer.compress(bytes(1 << 26))
    raw = (bomb + packer.flush())[2:-4]
    archive = npz(zipfile.ZIP_STORED, x__npy=raw, y__npy=GOOD)
    stored, sizes = b"\0\0", struct.pack("<2I", len(raw), len(raw))
    tracemalloc.start()
    for size in (1 << 26, len(raw), 100):
        # The member states that it is deflated, and some size.
        content = archive.replace(sizes, struct.pack("<2I", len(raw), size))
        place = content.index(b"PK\1\2") + 10
        content = content[:8] + b"\x08\0" + content[10:place] + b"\x08\0" + content[place + 2 :]
        assert content[8:10] != stored
        path = write(tmp_path, "t.npz", content)
        with max_size("1MB"):
            refusal(path, "y")
    assert tracemalloc.get_traced_memory()[1] < 10**7
    tracemalloc.stop()


def test_encrypted_members_and_unknown_compression_are_named(tmp_path):
    content = npz(x__npy=GOOD, y__npy=GOOD)
    for place, value, what in ((8, b"\1\0", "encrypted"), (10, b"\x61\0", "method 97")):
        start = content.index(b"PK\1\2") + place
        path = write(tmp_path, "t.npz", content[:start] + value + content[start + 2 :])
        assert what in refusal(path, "y")
    path = write(tmp_path, "t.npz", npz(zipfile.ZIP_LZMA, x__npy=GOOD, y__npy=GOOD))
    assert "savez_compressed" in refusal(path, "y")


def test_one_hot_targets_and_inputs_are_within_the_limit(tmp_path):
    rows = "a,y\n" + "".join(f"c{k},t{k}\n" for k in range(12_000))
    path = write(tmp_path, "t.csv", rows)
    message = refusal(path, "y", kind="classification", drop=(), categorical=["y"], header="yes")
    assert "'c0' is not a number" in message
    path = write(tmp_path, "t.csv", rows.replace("c", ""))
    message = refusal(path, "y", kind="classification")
    assert "1.2 GB exceed the limit of 1 GB" in message
    assert message.endswith('--max-size 2GB (in Python: numlean.data.max_size("2GB"))')
    message = refusal(path, "a", categorical=["y"])
    assert "one-hot in 12,000 columns" in message
    np.savez(tmp_path / "t.npz", x=np.arange(12_000), y=np.arange(12_000))
    assert "1.2 GB" in refusal(tmp_path / "t.npz", "y", kind="classification")


def test_tables_are_refused_by_their_memory_and_not_by_their_bytes(tmp_path):
    with max_size("1MB"):
        path = write(tmp_path, "t.csv", "1," * 1001 + "1\n")
        assert "1,002 columns: 1 MB exceed" in refusal(path, "1", header="no")
        path = write(tmp_path, "t.csv", "".join(f"{k},{k}\n" for k in range(6000)))
        assert "rows in memory" in refusal(path, "1", header="no")
    with max_size("9MB"):
        assert read_table(str(path), "1", header="no").inputs.shape == (6000, 1)


def test_columns_by_the_thousand_are_looked_up_by_name(tmp_path):
    count = 5000
    names = ",".join(f"c{k}" for k in range(count))
    path = write(tmp_path, "t.csv", names + "\n" + ("1," * (count - 1) + "2\n") * 2)
    assert "every row" in refusal(path, f"c{count - 1}")
    same = write(tmp_path, "t.csv", names + ",c7\n" + "1," * count + "2\n")
    assert "two columns are called 'c7'" in refusal(same, "c1")


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("a,y\n" + "x" * 140_000 + ",1\n", "row 2: a cell has more than 131,072 characters"),
        ('a,y\n"1,2\n3,4\n', "row 2: a cell begins with a quote"),
        ("a,y\n" + "9" * 5000 + ",1\n2,2\n", "overflows binary64"),
        ("a,y\n1," + "9" * 5000 + "\n2,2\n", "overflows binary64"),
        ("a,y\n1,1e999999999\n2,2\n", "overflows binary64"),
        ("a,y\n1,2\n2,1e9999999999999999999\n", "out of range"),
        ("a,y\n1e99999999%,1\n2,2\n", "percentages"),
        ("a\x1b[31m,y\nx,1\n2,2\n", r"'a\x1b[31m'"),
        ("a" * 300 + ",y\nx,1\n2,2\n", "is not a number"),
        ("a\0,y\nx,1\n2,2\n", r"'a\x00'"),
    ],
)
def test_hostile_cells_and_names_are_one_short_line(tmp_path, text, what):
    assert what in refusal(write(tmp_path, "t.csv", text), "y")


def test_missing_values_beyond_every_number_are_compared_exactly(tmp_path):
    from numlean.data.missing import MissingValues

    missing = MissingValues(("1e999999999", "0e99999999", "-1e-999999999999"))
    np.savez(tmp_path / "t.npz", x=np.array([0, 1, 2, 3]), y=np.array([0.5, 1, 2, 3]))
    assert "every" not in refusal(tmp_path / "t.npz", "y", missing=missing)
    missing = MissingValues(("0e99999999",), drop_rows=True)
    table = read_table(str(tmp_path / "t.npz"), "y", missing=missing)
    assert table.inputs.tolist() == [[1], [2], [3]]


def test_shares_with_huge_exponents_are_refused_at_once():
    for share in ("1e999999999", "1e-999999999", "1E99999", "9" * 5000, "1/" + "9" * 5000, "1e900"):
        with pytest.raises(NumleanError, match=r"--test-share|fraction of the rows") as caught:
            TableSource("t.csv", "y", test_share=share)
        assert len(str(caught.value)) < 300


def test_models_of_a_table_and_outputs_for_a_text_are_within_the_limit(tmp_path):
    path = write(tmp_path, "t.csv", "a,y\n1,2\n2,3.5\n3,4\n")
    with pytest.raises(DataError, match=r"t\.csv: the 300,000,003 parameters .* --max-size 3GB"):
        TableSource(str(path), "y", hidden=(100_000_000, 1)).resolve()
    text = "".join(chr(0x4E00 + k) for k in range(20_000))
    path = write(tmp_path, "t.txt", text)
    with pytest.raises(DataError, match=r"t\.txt: the model's outputs .* --max-size"):
        TaskName("char-rnn", str(path)).resolve()


def test_the_limit_does_not_hold_for_the_texts_of_tasks():
    with max_size(1):
        assert len(TaskName("char-rnn").resolve().load().train.x) > 100


def test_half_a_character_is_refused(tmp_path):
    path = write(tmp_path, "t.csv", b"a,y\n+2AA-,1\n")
    with pytest.raises(DataError, match="surrogate"):
        read_text(str(path), "utf-7")


def test_carriage_returns_end_lines_and_a_byte_order_mark_is_removed(tmp_path):
    path = write(tmp_path, "t.csv", b"\xef\xbb\xbfa,y\r1,2\r\n3,4\n5,7")
    assert read_table(str(path), "y").inputs.tolist() == [[1], [3], [5]]


def test_test_data_of_another_type_are_within_the_limit(tmp_path):
    whole, real = tmp_path / "whole.npz", tmp_path / "real.npz"
    np.savez(whole, x=np.arange(30_000, dtype=np.int64), y=np.arange(30_000))
    np.savez(real, x=np.arange(30_000) / 2, y=np.arange(30_000))
    assert len(read_table(str(whole), "y", test_path=str(real)).inputs) == 60_000
    words = r"real\.npz, key 'x': the 60,000 elements of two types of numbers: 2\.4 MB"
    with max_size("1MB"), pytest.raises(DataError, match=words):
        read_table(str(whole), "y", test_path=str(real))


def test_an_escape_that_an_encoding_does_not_know_is_refused_without_a_warning(tmp_path):
    path = tmp_path / "t.csv"
    path.write_bytes(b"a,y\n1,\\\xe0\n")
    with pytest.raises(DataError, match="not unicode-escape: invalid escape sequence"):
        read_text(str(path), "unicode_escape")
