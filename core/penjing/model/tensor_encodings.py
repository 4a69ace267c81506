"""How arrays of numbers are stored in `.penjingnet` files: a registry of encodings, numpy only.

A new encoding (a codebook, an entropy coder) is a new class with `@register`.

>>> import numpy as np
>>> from penjing.model.tensor_encodings import encodings
>>> encodings()["packed"].size(5, 2)  # five values of two bits
2
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

_CHUNK = 1 << 20  # values packed together; a multiple of 8, so that every chunk ends at a byte

_ENCODINGS: dict[str, "Encoding"] = {}


class Encoding:
    """One way to store `count` values; `bits` is what a quantizer says, 32 where there is none."""

    id: ClassVar[str]

    def size(self, count: int, bits: int) -> int:
        """The bytes that `count` values take."""
        raise NotImplementedError

    def write(self, values: Array, bits: int) -> bytes:
        """The bytes of a flat array: float32 values, or codes of `bits` bits."""
        raise NotImplementedError

    def read(self, content: bytes, count: int, bits: int) -> Array:
        """The flat array back; `content` has exactly `size` bytes."""
        raise NotImplementedError


def register(encoding: type[Encoding]) -> type[Encoding]:
    """Put an encoding into the registry."""
    assert encoding.id not in _ENCODINGS, encoding.id
    _ENCODINGS[encoding.id] = encoding()
    return encoding


def encodings() -> Mapping[str, Encoding]:
    """Every encoding by id."""
    return _ENCODINGS


@register
class Float32(Encoding):
    """IEEE single precision, little-endian."""

    id = "float32"

    def size(self, count: int, bits: int) -> int:
        """Four bytes a value."""
        return 4 * count

    def write(self, values: Array, bits: int) -> bytes:
        """As they are."""
        return values.astype("<f4").tobytes()

    def read(self, content: bytes, count: int, bits: int) -> Array:
        """As they are."""
        return np.frombuffer(content, "<f4", count).astype(np.float32)


@register
class Float16(Encoding):
    """IEEE half precision, little-endian, for values that have no more."""

    id = "float16"

    def size(self, count: int, bits: int) -> int:
        """Two bytes a value."""
        return 2 * count

    def write(self, values: Array, bits: int) -> bytes:
        """Rounded to half precision; the caller sees to it that nothing is lost."""
        return values.astype("<f2").tobytes()

    def read(self, content: bytes, count: int, bits: int) -> Array:
        """Single precision again."""
        return np.frombuffer(content, "<f2", count).astype(np.float32)


@register
class Fixed8(Encoding):
    """Fixed point: an exponent e for all, then q of 8 bits each, for values q · 2^e."""

    id = "fixed8"

    def size(self, count: int, bits: int) -> int:
        """A byte a value, and one."""
        return 1 + count

    def write(self, values: Array, bits: int) -> bytes:
        """The caller sees to it that `fixed8_exponent` finds one."""
        exponent = fixed8_exponent(values)
        assert exponent is not None
        return np.int8(exponent).tobytes() + np.ldexp(values.astype(np.float64), -exponent).astype("i1").tobytes()

    def read(self, content: bytes, count: int, bits: int) -> Array:
        """Single precision again."""
        exponent = int(np.frombuffer(content, "i1", 1)[0])
        return np.ldexp(np.frombuffer(content, "i1", count, offset=1).astype(np.float64), exponent).astype(np.float32)


def fixed8_exponent(values: Array) -> int | None:
    """The e with which every value is q · 2^e, q whole in -127..127; None where there is none.

    >>> fixed8_exponent(np.array([0.5, -0.75]))  # 64 and -96 times 2⁻⁷
    -7
    """
    largest = float(np.abs(values).max(initial=0.0))
    if not np.isfinite(largest):
        return None
    exponent = int(np.frexp(largest)[1]) - 7
    codes = np.ldexp(values.astype(np.float64), -exponent)
    return exponent if -128 <= exponent <= 112 and np.array_equal(codes, np.rint(codes)) else None


@register
class Packed(Encoding):
    """Signed codes of 2 to 8 or 16 bits as two's complement, packed without gaps, lowest bit first."""

    id = "packed"

    def size(self, count: int, bits: int) -> int:
        """`bits` each, together rounded up to whole bytes."""
        return -(-count * bits // 8)

    def write(self, values: Array, bits: int) -> bytes:
        """`values` are codes within the range of `bits` bits."""
        if bits in (8, 16):
            return values.astype(f"<i{bits // 8}").tobytes()
        codes = (values & ((1 << bits) - 1)).astype(np.uint8)
        parts = []
        for start in range(0, len(codes), _CHUNK):
            each = np.unpackbits(codes[start : start + _CHUNK, None], axis=1, count=bits, bitorder="little")
            parts.append(np.packbits(each.reshape(-1), bitorder="little").tobytes())
        return b"".join(parts)

    def read(self, content: bytes, count: int, bits: int) -> Array:
        """The codes as int32."""
        if bits in (8, 16):
            return np.frombuffer(content, f"<i{bits // 8}", count).astype(np.int32)
        packed = np.frombuffer(content, np.uint8)
        codes = np.empty(count, np.int32)
        for start in range(0, count, _CHUNK):
            wanted = min(_CHUNK, count - start)
            first = start * bits // 8
            part = packed[first : first + self.size(wanted, bits)]
            each = np.unpackbits(part, count=wanted * bits, bitorder="little").reshape(wanted, bits)
            codes[start : start + wanted] = np.packbits(each, axis=1, bitorder="little")[:, 0]
        return np.where(codes >= 1 << (bits - 1), codes - (1 << bits), codes).astype(np.int32)


def bitmap_size(count: int) -> int:
    """Bytes of a bitmap with one bit a value."""
    return -(-count // 8)


def write_bitmap(kept: Array) -> bytes:
    """A flat array of booleans, lowest bit first."""
    return np.packbits(kept, bitorder="little").tobytes()


def read_bitmap(content: bytes, count: int) -> NDArray[np.bool_]:
    """The booleans back; `content` has exactly `bitmap_size` bytes."""
    return np.unpackbits(np.frombuffer(content, np.uint8), count=count, bitorder="little").astype(np.bool_)
