"""The samples that ship are what their cards and texts say: split, figures, size, and too big for their budget."""

import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from penjing.loading.penjingnet import read_penjingnet

SAMPLES = Path(__file__).resolve().parents[2] / "resources" / "samples"
NAMES = ("watch", "digits")
# Counted by hand: convolutions in·out·k, batch norm 2·channels, linear (in + 1)·out.
PARAMETERS = {"watch": 127_431, "digits": 61_706}


def card(name: str) -> dict[str, Any]:
    return tomllib.loads((SAMPLES / name / "dataset.toml").read_text(encoding="utf-8"))


def arrays(name: str) -> dict[str, np.ndarray[Any, Any]]:
    with np.load(SAMPLES / name / "data.npz", allow_pickle=False) as data:
        return {key: data[key] for key in data.files}


def test_that_both_samples_together_stay_under_eight_megabytes() -> None:
    assert sum(path.stat().st_size for path in SAMPLES.rglob("*") if path.is_file()) < 8_000_000


@pytest.mark.parametrize("name", NAMES)
def test_that_every_sample_has_its_licence_and_its_text(name: str) -> None:
    assert "Redistribution and use" in (SAMPLES / name / "LICENSE").read_text(encoding="utf-8")
    accuracy = card(name)["sample"]["figures"]["test"]["accuracy"]
    assert f"**{accuracy:.1%}**".replace("%", " %") in (SAMPLES / name / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("split", ["val", "test"])
@pytest.mark.parametrize("name", NAMES)
def test_that_the_accuracy_on_the_card_is_the_networks(name: str, split: str) -> None:
    told, data = card(name), arrays(name)
    shape = (1, -1) + (1,) * (data[f"x_{split}"].ndim - 2)
    mean, std = (torch.tensor(told[key]).reshape(shape) for key in ("mean", "std"))
    logits = read_penjingnet(SAMPLES / name / "model.penjingnet")(
        (torch.from_numpy(data[f"x_{split}"].astype(np.float32)) - mean) / std
    )
    assert isinstance(logits, torch.Tensor)
    accuracy = float((logits.argmax(1).numpy() == data[f"y_{split}"]).mean())
    figures = told["sample"]["figures"][split]
    assert len(data[f"y_{split}"]) == figures["n"]
    # One example may fall to the other side of a tie on another processor.
    assert accuracy == pytest.approx(figures["accuracy"], abs=1.5 / figures["n"])
    assert figures["low"] < figures["accuracy"] < figures["high"]


def test_that_no_recording_of_the_watch_is_in_two_splits() -> None:
    data = arrays("watch")
    train, val, test = (set(data[f"group_{split}"].tolist()) for split in ("train", "val", "test"))
    assert not (train & val or train & test or val & test)
    # Six, two and two subjects with seven exercises on two arms each.
    assert (len(train), len(val), len(test)) == (84, 28, 28)


@pytest.mark.parametrize("split", ["val", "test"])
def test_that_windows_to_measure_on_do_not_overlap(split: str) -> None:
    data = arrays("watch")
    windows, groups = data[f"x_{split}"], data[f"group_{split}"]
    for first, second in zip(range(len(windows) - 1), range(1, len(windows)), strict=True):
        if groups[first] == groups[second]:
            # Overlapping windows share columns: the second's first one would stand somewhere in the first window.
            assert not (windows[first] == windows[second][:, :1]).all(axis=0).any()


def test_that_every_digit_is_in_one_split_only_and_as_often_as_the_card_says() -> None:
    data = arrays("digits")
    images = np.concatenate([data[f"x_{split}"] for split in ("train", "val", "test")]).reshape(5000, -1)
    assert len(np.unique(images, axis=0)) == 5000
    for split, count in {"train": 300, "val": 100, "test": 100}.items():
        assert np.bincount(data[f"y_{split}"]).tolist() == [count] * 10


@pytest.mark.parametrize("name", NAMES)
def test_that_every_network_is_too_big_for_its_flash_even_in_int8(name: str) -> None:
    model = read_penjingnet(SAMPLES / name / "model.penjingnet")
    parameters = sum(parameter.numel() for parameter in model.module.parameters())
    assert parameters == PARAMETERS[name]
    assert parameters > 1024 * int(card(name)["sample"]["flash"].removesuffix("KiB"))
