"""Frames on a stream socket: four bytes of length, big-endian, then as many bytes of content.

>>> buffer = FrameBuffer()
>>> whole = frame(b"one") + frame(b"two")
>>> buffer.feed(whole[:9]), buffer.feed(whole[9:])
([b'one'], [b'two'])
"""

import socket
import struct
from collections.abc import Iterator

MAX_FRAME = 64 << 20
"""Bytes of one frame's content; arrays do not travel in frames."""

_LENGTH = struct.Struct(">I")
_CHUNK = 1 << 18


class FrameError(Exception):
    """The other side does not speak frames: the connection is of no use any more."""


def frame(content: bytes) -> bytes:
    """The bytes of one frame.

    Raises:
        FrameError: The content is too big.
    """
    if len(content) > MAX_FRAME:
        raise FrameError(f"a frame of {len(content)} bytes; at most {MAX_FRAME}")
    return _LENGTH.pack(len(content)) + content


class FrameBuffer:
    """Collects bytes as they come and gives the frames that are complete."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    def feed(self, received: bytes | memoryview) -> list[bytes]:
        """The frames that these bytes complete.

        Raises:
            FrameError: A frame says that it is too big.
        """
        self._bytes += received
        found, start = [], 0
        while len(self._bytes) - start >= _LENGTH.size:
            (size,) = _LENGTH.unpack_from(self._bytes, start)
            if size > MAX_FRAME:
                raise FrameError(f"a frame of {size} bytes; at most {MAX_FRAME}")
            end = start + _LENGTH.size + size
            if len(self._bytes) < end:
                break
            found.append(bytes(self._bytes[start + _LENGTH.size : end]))
            start = end
        del self._bytes[:start]
        return found


def frames(stream: socket.socket) -> Iterator[bytes]:
    """Every frame of a blocking socket until its end; an end inside a frame is an end, too.

    Raises:
        FrameError: A frame says that it is too big.
    """
    buffer, chunk = FrameBuffer(), bytearray(_CHUNK)
    while received := _received(stream, chunk):
        yield from buffer.feed(memoryview(chunk)[:received])


def _received(stream: socket.socket, chunk: bytearray) -> int:
    try:
        return stream.recv_into(chunk)
    except ConnectionError:
        return 0  # the other side was killed
