"""Frames survive any cutting of the stream and refuse what is too big."""

import socket
import struct
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penjing.worker.frames import MAX_FRAME, FrameBuffer, FrameError, frame, frames


@given(contents=st.lists(st.binary(max_size=40), max_size=8), cut=st.integers(1, 17))
def test_that_frames_come_out_as_they_went_in_however_the_stream_is_cut(contents: list[bytes], cut: int) -> None:
    stream = b"".join(frame(content) for content in contents)
    buffer, found = FrameBuffer(), []
    for start in range(0, len(stream), cut):
        found += buffer.feed(stream[start : start + cut])
    assert found == contents


def test_that_a_frame_is_its_length_in_four_bytes_and_its_content() -> None:
    assert frame(b"abc") == b"\x00\x00\x00\x03abc"


def test_that_a_frame_too_big_is_refused_before_its_content_is_read() -> None:
    with pytest.raises(FrameError, match=str(MAX_FRAME + 1)):
        FrameBuffer().feed(struct.pack(">I", MAX_FRAME + 1))


def test_that_a_frame_too_big_is_not_made() -> None:
    with pytest.raises(FrameError):
        frame(bytes(MAX_FRAME + 1))


def test_that_a_socket_gives_its_frames_until_its_end_and_drops_the_part_of_one() -> None:
    ours, theirs = socket.socketpair()
    big = bytes(range(256)) * 8000
    sender = threading.Thread(target=_send_and_close, args=(theirs, frame(b"a") + frame(big) + frame(b"lost")[:-1]))
    sender.start()
    with ours:
        assert list(frames(ours)) == [b"a", big]
    sender.join()


def _send_and_close(stream: socket.socket, content: bytes) -> None:
    with stream:
        stream.sendall(content)
