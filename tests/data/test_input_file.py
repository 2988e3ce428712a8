"""Reading files: regular ones up to a limit, pipes that the process was given, and nothing else."""

import os
import socket

import pytest

from numlean.data.input_file import naming_file, read_input
from numlean.data.size_limit import check_size, max_size, parse_size
from numlean.errors import DataError, NumleanError


def refusal(path, **options):
    with pytest.raises(DataError) as caught:
        read_input(path, **options)
    message = str(caught.value)
    assert message.isprintable()
    return message


def test_a_regular_file_is_read_whole_also_through_a_link(tmp_path):
    path = tmp_path / "x"
    for content in (b"", b"\0\xff" * 5000):
        path.write_bytes(content)
        assert read_input(path) == read_input(str(path)) == content
    (tmp_path / "link").symlink_to(path)
    assert read_input(tmp_path / "link") == content


def test_folders_devices_sockets_and_named_pipes_are_refused_without_waiting(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    os.mkfifo("fifo")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("socket")
        for pipes in (False, True):
            assert "this is a folder" in refusal(".", pipes=pipes)
            assert "this is a device" in refusal("/dev/zero", pipes=pipes)
            assert "this is a device" in refusal("/dev/null", pipes=pipes)
            assert "this is a named pipe" in refusal("fifo", pipes=pipes)
            assert "this is a socket" in refusal("socket", pipes=pipes)


def test_a_pipe_of_the_process_is_read_to_its_end_if_pipes_are_allowed():
    reading, writing = os.pipe()
    path = f"/dev/fd/{reading}"
    try:
        os.write(writing, b"content")
        os.close(writing)
        assert "this is a named pipe" in refusal(path)
        assert read_input(path, pipes=True) == b"content"
    finally:
        os.close(reading)


def test_a_pipe_with_more_than_the_limit_is_refused():
    reading, writing = os.pipe()
    try:
        os.write(writing, b"x" * 2000)
        with max_size(1999):
            assert "--max-size" in refusal(f"/dev/fd/{reading}", pipes=True)
    finally:
        os.close(writing)
        os.close(reading)


def test_files_that_the_system_makes_as_they_are_read_are_refused():
    # They have no size, and some, such as pagemap, no end.
    for path in ("/proc/self/status", "/proc/self/pagemap"):
        if os.path.exists(path):  # noqa: PTH110
            assert refusal(path)


def test_a_file_that_grows_or_shrinks_while_it_is_read_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "x"
    path.write_bytes(b"12345678")
    true = os.fstat

    def fstat(descriptor, *, size):
        status = list(true(descriptor))
        status[6] = size
        return os.stat_result(status)

    for size, what in ((7, "more than the 7 bytes"), (9, "less than the 9 bytes")):
        monkeypatch.setattr(os, "fstat", lambda descriptor, size=size: fstat(descriptor, size=size))
        assert what in refusal(path)


def test_the_limit_is_named_with_an_option_that_suffices(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(bytes(2_500_001))
    with max_size("1MB"):
        message = refusal(path)
        assert "2.5 MB exceed the limit of 1 MB" in message
        assert message.endswith('--max-size 3MB (in Python: numlean.data.max_size("3MB"))')
    with max_size("3MB"):
        assert len(read_input(path)) == 2_500_001
    with max_size(None):
        assert len(read_input(path)) == 2_500_001
    with pytest.raises(DataError, match="more than 1000 PB exceed the limit of 1 GB"):
        check_size("the array", 10**4500)


def test_a_hole_in_a_file_counts(tmp_path):
    path = tmp_path / "x"
    with path.open("wb") as file:
        file.truncate(2_500_001)
    with max_size("1MB"):
        assert "2.5 MB exceed" in refusal(path)


def test_names_in_messages_are_printable_and_short(tmp_path):
    for name in ("a\x1b[31m\nb", "x" * 300, "x\0y", "\ud800", "a/" * 3000):
        message = refusal(f"{tmp_path}/{name}")
        assert len(message) < 500


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("test data lack a class", "t: test data lack a class"),  # begins with the file's letter
        ("t: row 3", "t: row 3"),
        ("t, key 'x': text", "t, key 'x': text"),
        ("other: row 3", "other: row 3"),
        ("others lack a class", "t: others lack a class"),
    ],
)
def test_a_message_names_its_file_once(message, expected):
    with pytest.raises(DataError) as caught, naming_file("t", "other", None):
        raise DataError(message)
    assert str(caught.value) == expected


@pytest.mark.parametrize(
    ("text", "size"),
    [("1", 1), ("8GB", 8 * 10**9), ("2 GiB", 2 << 30), ("500mb", 5 * 10**8), ("3k", 3000)],
)
def test_sizes_are_read_with_their_units(text, size):
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "0", "-1", "1e9", "1.5GB", "GB", "٣", "9" * 5000])
def test_other_texts_are_no_sizes(text):
    with pytest.raises(NumleanError, match="expected a size"):
        parse_size(text)
