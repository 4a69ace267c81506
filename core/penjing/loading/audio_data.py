"""Reads a folder of recordings, `.wav`, one folder for each class, as log-mel spectrograms or as samples."""

import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from penjing.errors import UserError
from penjing.loading import limits
from penjing.loading.card import AudioCard
from penjing.loading.class_folders import class_folders, examples, left_out
from penjing.loading.log_mel import Settings, fitted
from penjing.loading.raw_data import RawData
from penjing.loading.splitting import RULE
from penjing.loading.wav import read_wav, resampled
from penjing.results import Note

SUFFIXES = (".wav", ".wave")
MAX_SOUNDS = 1_000_000
MAX_BYTES = 4 << 30
MOST_KINDS = 16
"""So many kinds of files are told, the most frequent first."""
UNTOUCHED = AudioCard()


def read_sounds(folder: Path, *, shape: tuple[int, ...], card: AudioCard = UNTOUCHED) -> RawData:
    """Recordings as the network's input `shape` takes them, float32 [n, *shape].

    [1, n] or [n]: the samples themselves. Two extents that are not 1: a spectrogram; of [channels, length] the
    channels are the bands, else the smaller extent is them unless the card says how many there are. The mean of all
    channels is taken, at the card's sample rate; of a long recording the middle, of a short one with silence behind.

    Raises:
        UserError: `data.no_sounds`, `data.wav`, `data.sound_network`, `data.sound_settings`, `load.too_big`.
    """
    listed = class_folders(folder, SUFFIXES)
    if listed is None:
        raise UserError("data.no_sounds", path=folder.name)
    total = sum(len(files) for files in listed.splits.values())
    limits.check(total, MAX_SOUNDS, what="recordings", where=folder.name)
    limits.check(4 * total * math.prod(shape), MAX_BYTES, what="bytes", where=folder.name)
    settings, bands_first = _settings(shape, card)
    rates: dict[str, int] = {}

    def read(path: Path) -> NDArray[Any]:
        sound = read_wav(path)
        key = f"{sound.rate} Hz, {sound.bits} bit, {sound.channels} ch"
        rates[key] = rates.get(key, 0) + 1
        heard = resampled(sound.samples, sound.rate, card.sample_rate)
        if settings is None:
            return fitted(heard.astype(np.float64), math.prod(shape)).astype(np.float32).reshape(shape)
        found = settings.of(heard)
        return (found.T if bands_first else found).reshape(shape)

    splits, broken = examples(listed, read, shape, np.float32)
    kinds = [f"{count} × {key}" for key, count in sorted(rates.items(), key=lambda entry: -entry[1])]
    told = ", ".join((*kinds[:MOST_KINDS], *(("…",) if len(kinds) > MOST_KINDS else ())))
    facts = (Note(code="data.fact.sound", values={"rate": card.sample_rate, "found": told}), *_facts(settings, shape))
    rule = RULE if listed.whole else ""
    return RawData(
        splits=splits, whole=listed.whole, classes=listed.classes, rule=rule, facts=(*facts, *left_out(broken))
    )


def _settings(shape: tuple[int, ...], card: AudioCard) -> tuple[Settings | None, bool]:
    """(what makes the spectrogram, whether its bands come before its frames); (None, …): the samples themselves."""
    extents = [extent for extent in shape if extent != 1]
    if len(extents) == 1 and card.mels is None and card.coefficients is None:
        return None, False
    if len(extents) == 1:
        extents = [extents[0], 1] if shape[0] != 1 else [1, extents[0]]
    if len(extents) != 2:
        raise UserError("data.sound_network", shape=list(shape))
    wanted = card.coefficients or card.mels
    if wanted is not None and wanted not in extents:
        raise UserError("data.sound_settings", key="mels", value=wanted, shape=list(shape))
    if wanted is not None and extents[0] != extents[1]:
        first = extents[0] == wanted
    else:
        first = len(shape) == 2 or extents[0] < extents[1]
    bands, frames = extents if first else extents[::-1]
    high = card.high if card.high is not None else card.sample_rate / 2
    fft = card.fft if card.fft is not None else 1 << (card.window - 1).bit_length()
    mels = card.mels if card.mels is not None else (40 if card.coefficients else bands)
    for key, value, wrong in (
        ("high", high, not card.low < high <= card.sample_rate / 2),
        ("fft", fft, fft < card.window),
        ("coefficients", card.coefficients, (card.coefficients or 0) > mels),
    ):
        if wrong:
            raise UserError("data.sound_settings", key=key, value=value, shape=list(shape))
    found = Settings(
        mels=mels,
        frames=frames,
        sample_rate=card.sample_rate,
        window=card.window,
        hop=card.hop,
        fft=fft,
        low=card.low,
        high=high,
        floor=card.floor,
        coefficients=card.coefficients or 0,
    )
    return found, first


def _facts(settings: Settings | None, shape: tuple[int, ...]) -> tuple[Note, ...]:
    if settings is None:
        return (Note(code="data.fact.sound_samples", values={"count": math.prod(shape)}),)
    names = ("mels", "frames", "window", "hop", "fft", "low", "high", "floor")
    values: dict[str, int | float | str] = {name: getattr(settings, name) for name in names}
    found = [Note(code="data.fact.sound_mels", values=values)]
    if settings.coefficients:
        found.append(Note(code="data.fact.sound_cosines", values={"count": settings.coefficients}))
    return tuple(found)
