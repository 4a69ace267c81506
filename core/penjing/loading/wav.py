"""Reads `.wav` files, RIFF with PCM of 8 to 32 bits or floats, and brings them to another sample rate.

The chunks are those of Microsoft's "Multimedia Programming Interface and Data Specifications 1.0" (1991) and of
WAVEFORMATEXTENSIBLE; samples lie in -1..1, PCM divided by 2^(bits-1), 8 bits around 128.
"""

import functools
import math
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from penjing.errors import UserError
from penjing.loading import limits

Wave = NDArray[np.float32]

MAX_BYTES = 256 << 20
MAX_CHANNELS = 64
MAX_RATE = 1_536_000
PCM, FLOAT, EXTENSIBLE = 1, 3, 0xFFFE
HALF_TAPS = 32
"""Zero crossings of the sinc on each side."""
BETA = 8.6
"""Of the Kaiser window: about 86 dB below in the stop band (Kaiser 1974)."""
ROLL_OFF = 0.945
"""The cut-off beside the lower of the two Nyquist frequencies."""
_CHUNK = 1 << 15


@dataclass(frozen=True, kw_only=True)
class Sound:
    """One channel: the mean of all channels of the file."""

    samples: Wave
    rate: int
    channels: int
    bits: int


def read_wav(path: Path) -> Sound:
    """The sound in a file.

    Raises:
        UserError: `data.wav` with what is wrong, `load.too_big`.
    """
    limits.check_file(path, most=MAX_BYTES)
    try:
        return _sound(path.read_bytes())
    except (OSError, ValueError, struct.error) as error:
        raise UserError("data.wav", path=path.name, detail=error) from error


def _sound(content: bytes) -> Sound:
    if len(content) < 12 or content[:4] != b"RIFF" or content[8:12] != b"WAVE":
        raise ValueError("no RIFF/WAVE file")
    place, form = 12, None
    while place + 8 <= len(content):
        name, size = content[place : place + 4], struct.unpack_from("<I", content, place + 4)[0]
        body = content[place + 8 : place + 8 + size]
        if name == b"fmt ":
            form = _form(body)
        elif name == b"data":
            if form is None:
                raise ValueError("its data come before its format")
            return _decoded(body, *form)
        place += 8 + size + size % 2
    raise ValueError("it has no data")


def _form(body: bytes) -> tuple[int, int, int, int]:
    """(kind, channels, rate, bits)."""
    kind, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", body)
    if kind == EXTENSIBLE:
        if len(body) < 26:
            raise ValueError("its format is cut off")
        kind = struct.unpack_from("<H", body, 24)[0]
    if not 1 <= channels <= MAX_CHANNELS or not 1 <= rate <= MAX_RATE:
        raise ValueError(f"{channels} channels at {rate} Hz")
    if (kind, bits) not in {(PCM, 8), (PCM, 16), (PCM, 24), (PCM, 32), (FLOAT, 32), (FLOAT, 64)}:
        raise ValueError(f"coding {kind} with {bits} bits; PCM of 8, 16, 24 or 32 bits or floats are read")
    return kind, channels, rate, bits


def _decoded(body: bytes, kind: int, channels: int, rate: int, bits: int) -> Sound:
    wide = bits // 8 * channels
    body = body[: len(body) // wide * wide]
    if not body:
        raise ValueError("it has no samples")
    if kind == FLOAT:
        values = np.frombuffer(body, f"<f{bits // 8}").astype(np.float32)
        if not np.isfinite(values).all():
            raise ValueError("some of its samples are not finite")
    elif bits == 8:
        values = np.asarray((np.frombuffer(body, np.uint8).astype(np.float32) - 128) / 128, np.float32)
    elif bits == 24:
        parts = np.frombuffer(body, np.uint8).reshape(-1, 3).astype(np.int32)
        whole = parts[:, 0] | parts[:, 1] << 8 | parts[:, 2] << 16
        values = np.asarray(((whole ^ 1 << 23) - (1 << 23)) / float(1 << 23), np.float32)
    else:
        values = (np.frombuffer(body, f"<i{bits // 8}") / float(1 << (bits - 1))).astype(np.float32)
    mixed = values.reshape(-1, channels).mean(axis=1, dtype=np.float32)
    return Sound(samples=mixed, rate=rate, channels=channels, bits=bits)


def resampled(samples: Wave, rate: int, wanted: int) -> Wave:
    """The sound at another rate: y(t) = Σ x[k] · c · sinc(c (t - k)) · w(t - k), w a Kaiser window.

    c is `ROLL_OFF` times the lower of the two rates, beside `rate`: what lies above the new Nyquist frequency goes.
    Source: J. O. Smith, "Digital Audio Resampling", CCRMA 2002. The result has ceil(n · wanted / rate) samples.
    """
    if rate == wanted or not len(samples):
        return samples
    cut = ROLL_OFF * min(1.0, wanted / rate)
    half = math.ceil(HALF_TAPS / cut)
    padded = np.pad(samples, half).astype(np.float64)
    count = -(-len(samples) * wanted // rate)
    found = np.empty(count, np.float32)
    offsets = np.arange(-half + 1, half + 1)
    size = max(1, _CHUNK * 64 // len(offsets))
    # Where samples of the result lie between those of the file repeats after so many of them.
    phases = wanted // math.gcd(rate, wanted)
    table = _weights(rate, wanted, phases) if phases * len(offsets) <= _MOST_WEIGHTS else None
    for start in range(0, count, size):
        places = np.arange(start, min(start + size, count), dtype=np.int64)
        first, rest = places * rate // wanted, places * rate % wanted
        weights = _windowed(rest / wanted, cut, half) if table is None else table[places % phases]
        found[start : start + len(places)] = (padded[first[:, None] + offsets + half] * weights).sum(axis=1)
    return found


_MOST_WEIGHTS = 1 << 20
"""Of a table, 8 MiB: usual rates repeat after a few hundred samples; of two that have no common divisor each is new."""


@functools.lru_cache(maxsize=2)
def _weights(rate: int, wanted: int, phases: int) -> NDArray[np.float64]:
    """[phases, taps] of a whole period."""
    cut = ROLL_OFF * min(1.0, wanted / rate)
    return _windowed(np.arange(phases) * rate % wanted / wanted, cut, math.ceil(HALF_TAPS / cut))


def _windowed(beyond: NDArray[np.float64], cut: float, half: int) -> NDArray[np.float64]:
    """What the taps around places so far beyond a sample weigh, c · sinc(c d) · w(d), [places, taps]."""
    apart = beyond[:, None] - np.arange(-half + 1, half + 1)
    inside = np.clip(1 - (apart / half) ** 2, 0, None)
    return np.asarray(cut * np.sinc(cut * apart) * np.i0(BETA * np.sqrt(inside)) / np.i0(BETA), np.float64)
