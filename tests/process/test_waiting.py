"""Waits for pipes last as long as nobody asks the program to end, and then a second."""

import fcntl
import os

import pytest

from numlean.data.input_file import read_input
from numlean.files import atomic
from numlean.files.growing import GrowingFile
from numlean.files.streams import SharedOutput
from numlean.process import waiting
from numlean.process.waiting import WaitEndedError, forget_request, request_end


@pytest.fixture
def request_when_waiting(monkeypatch):
    """Request the end of the program as soon as it waits; return the error of the request."""
    error, is_ready, sleep = KeyboardInterrupt("asked"), waiting._is_ready, waiting.time.sleep

    def look(descriptor, event):
        found = is_ready(descriptor, event)
        if not found:
            request_end(error)
        return found

    def wait(seconds):
        request_end(error)
        sleep(seconds)

    monkeypatch.setattr(waiting, "_is_ready", look)
    monkeypatch.setattr(waiting.time, "sleep", wait)
    yield error
    forget_request()


@pytest.fixture
def full_pipe(tmp_path):
    """Return the path of a named pipe that is full, and the descriptors of both its ends."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    writer = os.open(path, os.O_WRONLY)
    size = fcntl.fcntl(writer, fcntl.F_GETPIPE_SZ)
    os.write(writer, bytes(size))
    yield path, reader, writer
    os.close(reader)
    os.close(writer)


def test_a_wait_for_input_ends_at_once_with_the_error_of_the_request(request_when_waiting):
    reading, writing = os.pipe()
    try:
        os.write(writing, b"half")
        with pytest.raises(KeyboardInterrupt) as raised:
            read_input(f"/dev/fd/{reading}", pipes=True)
        assert raised.value is request_when_waiting
        assert not waiting.is_waiting_for_input()
    finally:
        os.close(reading)
        os.close(writing)


@pytest.mark.usefixtures("request_when_waiting")
def test_a_wait_for_the_first_reader_of_a_pipe_ends(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    with pytest.raises(WaitEndedError, match="the pipe has no reader, and the command was asked"):
        GrowingFile(path).write(b"a\n")


@pytest.mark.usefixtures("request_when_waiting")
def test_a_wait_for_a_reader_that_does_not_read_ends_and_what_is_left_can_be_written(full_pipe):
    path, reader, writer = full_pipe
    file = GrowingFile(path)
    with pytest.raises(WaitEndedError, match="its reader does not read"):
        file.write(b"a\n")
    with pytest.raises(WaitEndedError):
        atomic.write(path, b"new")
    with pytest.raises(WaitEndedError):
        SharedOutput(writer).write(b"b")
    assert not os.read(reader, 2**20).strip(b"\0")
    file.close()
    assert os.read(reader, 9) == b"a\n"


def test_a_slow_reader_gets_everything_although_the_end_is_requested(full_pipe, monkeypatch):
    path, reader, _ = full_pipe
    is_ready, got = waiting._is_ready, []

    def look(descriptor, event):
        if not (found := is_ready(descriptor, event)):
            request_end(KeyboardInterrupt())
            got.append(os.read(reader, 4096))
        return found

    monkeypatch.setattr(waiting, "_is_ready", look)
    content = os.urandom(2**18)
    try:
        atomic.write(path, content)
    finally:
        forget_request()
    while len(b"".join(got)) < 2**16 + len(content):
        got.append(os.read(reader, 2**20))
    assert b"".join(got).endswith(content)


def test_a_shared_output_takes_what_there_is_room_for_and_does_not_become_another_one(full_pipe):
    _, reader, writer = full_pipe
    output = SharedOutput(writer)
    os.read(reader, 4096)
    assert output.write(b"x" * 10_000) == 4096
    assert os.get_blocking(writer)
    output.close()
    os.fstat(writer)


def test_a_pipe_of_the_process_without_a_reader_is_an_error_at_once():
    reading, writing = os.pipe()
    os.close(reading)
    try:
        with pytest.raises(OSError):
            GrowingFile(f"/dev/fd/{writing}").write(b"a")
    finally:
        os.close(writing)
