"""Recordings become log-mel spectrograms by a formula that is worked out again here, sum by sum, in float64."""

import cmath
import math
import struct
import wave
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from torch import nn

from penjing.errors import UserError
from penjing.loading.audio_data import MOST_KINDS, read_sounds
from penjing.loading.card import AudioCard
from penjing.loading.data import open_data
from penjing.loading.log_mel import Settings
from penjing.loading.wav import read_wav, resampled
from tests.support.networks import network

RANDOM = np.random.default_rng(3)


def riff(values: NDArray[np.float64], *, rate: int, kind: int, bits: int, extensible: bool = False) -> bytes:
    """[samples, channels] in -1..1 as a file, written by hand."""
    channels = values.shape[1]
    if kind == 3:
        body = values.astype(f"<f{bits // 8}").tobytes()
    elif bits == 8:
        body = np.round(values * 127 + 128).astype(np.uint8).tobytes()
    else:
        whole = np.round(values * ((1 << (bits - 1)) - 1)).astype(np.int64).flatten()
        body = b"".join(int(one).to_bytes(bits // 8, "little", signed=True) for one in whole)
    wide = channels * bits // 8
    form = struct.pack("<HHIIHH", 0xFFFE if extensible else kind, channels, rate, rate * wide, wide, bits)
    if extensible:
        form += struct.pack("<HHIH", 22, bits, 0, kind) + bytes(14)
    chunks = b"LIST" + struct.pack("<I", 3) + b"odd\x00" + b"fmt " + struct.pack("<I", len(form)) + form
    chunks += b"data" + struct.pack("<I", len(body)) + body
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize(
    ("kind", "bits", "extensible", "error"),
    [
        (1, 8, False, 0.01),
        (1, 16, False, 1e-4),
        (1, 16, True, 1e-4),
        (1, 24, False, 1e-6),
        (1, 32, True, 1e-6),
        (3, 32, False, 1e-7),
        (3, 64, True, 1e-7),
    ],
)
def test_that_every_coding_gives_the_same_sound(
    kind: int, bits: int, extensible: bool, error: float, channels: int, tmp_path: Path
) -> None:
    values = RANDOM.uniform(-1, 1, (50, channels))
    (tmp_path / "s.wav").write_bytes(riff(values, rate=8000, kind=kind, bits=bits, extensible=extensible))
    sound = read_wav(tmp_path / "s.wav")
    assert (sound.rate, sound.channels, sound.bits) == (8000, channels, bits)
    assert np.abs(sound.samples - values.mean(axis=1)).max() < error


def test_that_files_of_python_s_own_module_are_read(tmp_path: Path) -> None:
    with wave.open(str(tmp_path / "s.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16000)
        file.writeframes(struct.pack("<4h", 0, 16384, -32768, 32767))
    assert read_wav(tmp_path / "s.wav").samples.tolist() == [0, 0.5, -1, 32767 / 32768]


@pytest.mark.parametrize(
    "content", [b"", b"RIFF\x00\x00\x00\x00WAVE", b"RIFF\x00\x00\x00\x00WAVEfmt \xff\xff\xff\xff\x01\x00", b"no sound"]
)
def test_that_what_is_no_recording_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "s.wav").write_bytes(content)
    with pytest.raises(UserError) as refusal:
        read_wav(tmp_path / "s.wav")
    assert refusal.value.code == "data.wav"


@pytest.mark.parametrize(("rate", "wanted"), [(44100, 16000), (8000, 16000), (48000, 16000), (16000, 22050)])
def test_that_a_tone_is_the_same_tone_at_another_rate(rate: int, wanted: int) -> None:
    def tone(at: int) -> NDArray[np.float32]:
        return np.sin(2 * np.pi * 1000 * np.arange(at // 4) / at).astype(np.float32)

    found = resampled(tone(rate), rate, wanted)
    assert len(found) == -(-(rate // 4) * wanted // rate)
    inner = slice(300, len(found) - 300)
    assert np.abs(found[inner] - tone(wanted)[: len(found)][inner]).max() < 2e-3


def test_that_a_tone_above_the_new_nyquist_frequency_is_gone() -> None:
    tone = np.sin(2 * np.pi * 11000 * np.arange(11025) / 44100).astype(np.float32)
    assert np.abs(resampled(tone, 44100, 16000)[300:-300]).max() < 1e-3


def by_hand(sound: list[float], settings: Settings) -> list[list[float]]:
    """The definition, sum by sum."""

    def mel(hertz: float) -> float:
        return 2595 * math.log10(1 + hertz / 700)

    step = (mel(settings.high) - mel(settings.low)) / (settings.mels + 1)
    edges = [700 * (10 ** ((mel(settings.low) + step * n) / 2595) - 1) for n in range(settings.mels + 2)]
    found = []
    for frame in range(settings.frames):
        part = sound[frame * settings.hop :][: settings.window]
        part = [x * (0.5 - 0.5 * math.cos(2 * math.pi * n / settings.window)) for n, x in enumerate(part)]
        power = [
            abs(sum(x * cmath.exp(-2j * math.pi * k * n / settings.fft) for n, x in enumerate(part))) ** 2
            for k in range(settings.fft // 2 + 1)
        ]
        row = []
        for left, middle, right in zip(edges, edges[1:], edges[2:], strict=False):
            energy = 0.0
            for k, value in enumerate(power):
                at = k * settings.sample_rate / settings.fft
                if left < at <= middle:
                    energy += value * (at - left) / (middle - left)
                elif middle < at < right:
                    energy += value * (right - at) / (right - middle)
            row.append(math.log(energy + settings.floor))
        if settings.coefficients:
            row = [
                sum(x * math.cos(math.pi * k * (n + 0.5) / len(row)) for n, x in enumerate(row))
                * math.sqrt((1 if k == 0 else 2) / len(row))
                for k in range(settings.coefficients)
            ]
        found.append(row)
    return found


@pytest.mark.parametrize("coefficients", [0, 3])
def test_that_log_mel_and_its_coefficients_are_what_the_formula_says(coefficients: int) -> None:
    settings = Settings(
        mels=5, frames=3, sample_rate=2000, window=50, hop=20, fft=64, low=30, high=900, coefficients=coefficients
    )
    sound = RANDOM.uniform(-1, 1, settings.samples)
    assert np.allclose(settings.of(sound), by_hand(sound.tolist(), settings), atol=1e-5)


def folder(path: Path, rate: int = 8000) -> Path:
    for name, hertz in (("high", 3000), ("low", 300)):
        (path / name).mkdir(parents=True)
        for number in range(6):
            sound = np.sin(2 * np.pi * hertz * np.arange(rate // 2 + number) / rate)[:, None]
            (path / name / f"{number}.wav").write_bytes(riff(0.5 * sound, rate=rate, kind=1, bits=16))
    return path


def test_that_a_folder_of_recordings_is_what_the_network_takes_with_its_settings_in_the_card(tmp_path: Path) -> None:
    path = folder(tmp_path / "words")
    (tmp_path / "dataset.toml").write_text("[audio]\nsample_rate = 8000\nwindow = 256\nhop = 128\nmels = 16\n")
    model = network((1, 30, 16), [("flatten", nn.Flatten(), ""), ("fc", nn.Linear(480, 2), "")])
    data = open_data(path, model=model)
    assert data.classes == ("high", "low") and data.train.x.shape[1:] == (1, 30, 16)
    (mels,) = [fact for fact in data.facts if fact.code == "data.fact.sound_mels"]
    assert mels.values == {
        "mels": 16, "frames": 30, "window": 256, "hop": 128, "fft": 256, "low": 20.0, "high": 4000.0, "floor": 1e-6,
    }  # fmt: skip
    loudest = data.train.x[:, 0, 2].argmax(axis=1)
    assert data.train.y is not None
    assert loudest[data.train.y == 0].min() > 12 and loudest[data.train.y == 1].max() < 4
    channels_first = network((16, 30), [("flatten", nn.Flatten(), ""), ("fc", nn.Linear(480, 2), "")])
    turned = open_data(path, model=channels_first)
    assert np.array_equal(turned.train.x, data.train.x[:, 0].transpose(0, 2, 1))


def test_that_every_kind_of_recording_is_told(tmp_path: Path) -> None:
    rates = (8000, 11025, 16000, 22050, 32000, 44100, 48000)
    for name in ("a", "b"):
        (tmp_path / "set" / name).mkdir(parents=True)
        for rate in rates:
            sound = np.zeros((rate // 100, 1))
            (tmp_path / "set" / name / f"{rate}.wav").write_bytes(riff(sound, rate=rate, kind=1, bits=16))
    raw = read_sounds(tmp_path / "set", shape=(1, 50))
    told = raw.facts[0].values["found"]
    assert told == ", ".join(f"2 × {rate} Hz, 16 bit, 1 ch" for rate in sorted(rates, key=str))  # as the files lie
    for rate in range(1000, 3000, 100):
        (tmp_path / "set" / "a" / f"{rate}.wav").write_bytes(riff(np.zeros((20, 1)), rate=rate, kind=1, bits=16))
    told = str(read_sounds(tmp_path / "set", shape=(1, 50)).facts[0].values["found"])
    assert told.count("×") == MOST_KINDS and told.endswith(", …")


def test_that_a_network_of_samples_takes_them_from_the_middle(tmp_path: Path) -> None:
    path = folder(tmp_path / "words")
    raw = read_sounds(path, shape=(1, 100), card=AudioCard(sample_rate=8000))
    sound = read_wav(path / "high" / "0.wav").samples
    assert np.array_equal(raw.splits["train"].x[0, 0], sound[1950:2050])
    longer = read_sounds(path, shape=(5000,), card=AudioCard(sample_rate=8000)).splits["train"].x[0]
    assert np.array_equal(longer[:4000], sound) and not longer[4000:].any()


def test_that_settings_that_do_not_fit_are_named(tmp_path: Path) -> None:
    path = folder(tmp_path / "words")
    (path / "low" / "9.wav").write_bytes(b"broken")
    raw = read_sounds(path, shape=(1, 30, 16), card=AudioCard(sample_rate=8000))
    assert raw.facts[-1].values == {"count": 1, "names": "9.wav"}
    for card, shape, code in (
        (AudioCard(mels=20), (1, 30, 16), "data.sound_settings"),
        (AudioCard(high=9000.0), (1, 30, 16), "data.sound_settings"),
        (AudioCard(fft=128), (1, 30, 16), "data.sound_settings"),
        (AudioCard(), (3, 30, 16), "data.sound_network"),
    ):
        with pytest.raises(UserError) as refusal:
            read_sounds(path, shape=shape, card=card)
        assert refusal.value.code == code
