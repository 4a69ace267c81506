"""Sound as what networks listen to: the logarithm of the energy in mel bands, and its cosine coefficients.

|rfft(hann · frame)|² · triangles → ln(energy + floor) → perhaps an orthonormal DCT-II. Mel as in HTK, m = 2595
log10(1 + f / 700) (Young et al., The HTK Book, §5.4); triangles have their peak 1 at their centre, and equal distances
in mel. Frames are not centred: frame t begins at sample t · hop.

>>> import numpy as np
>>> Settings(mels=4, frames=2).of(np.zeros(16000)).shape
(2, 4)
"""

import functools
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Everything that decides what comes out."""

    mels: int
    frames: int
    sample_rate: int = 16_000
    window: int = 400
    hop: int = 160
    fft: int = 512
    low: float = 20.0
    high: float = 8000.0
    floor: float = 1e-6
    coefficients: int = 0
    """0: the log-mel values themselves."""

    @property
    def samples(self) -> int:
        """How long the sound has to be."""
        return (self.frames - 1) * self.hop + self.window

    def of(self, sound: NDArray[np.floating]) -> NDArray[np.float32]:
        """[frames, mels or coefficients] of a sound: of its middle, or with silence behind it."""
        heard = fitted(np.asarray(sound, np.float64), self.samples)
        places = np.arange(self.frames)[:, None] * self.hop + np.arange(self.window)
        # The periodic Hann window, as spectra take it.
        shape = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(self.window) / self.window)
        power = np.abs(np.fft.rfft(heard[places] * shape, self.fft)) ** 2
        bands = np.log(power @ triangles(self).T + self.floor)
        return (bands @ _cosines(self.mels, self.coefficients).T if self.coefficients else bands).astype(np.float32)


def fitted(sound: Values, samples: int) -> Values:
    """So many samples: the middle of a longer sound; a shorter one with silence behind it."""
    start = max(0, (len(sound) - samples) // 2)
    return np.pad(sound[start : start + samples], (0, max(0, samples - len(sound))))


@functools.lru_cache(maxsize=8)
def triangles(settings: Settings) -> Values:
    """What each band takes of each frequency, [mels, fft / 2 + 1]."""
    edges = _hertz(np.linspace(_mel(settings.low), _mel(settings.high), settings.mels + 2))
    at = np.arange(settings.fft // 2 + 1) * settings.sample_rate / settings.fft
    left, middle, right = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    return np.clip(np.minimum((at - left) / (middle - left), (right - at) / (right - middle)), 0, None)


@functools.lru_cache(maxsize=8)
def _cosines(count: int, kept: int) -> Values:
    rows = np.cos(np.pi / count * np.arange(kept)[:, None] * (np.arange(count) + 0.5)) * math.sqrt(2 / count)
    rows[0] /= math.sqrt(2)
    return rows


def _mel(hertz: float) -> float:
    return 2595 * math.log10(1 + hertz / 700)


def _hertz(mel: Values) -> Values:
    return np.asarray(700 * (10 ** (mel / 2595) - 1), np.float64)
