"""Choosing data in a dialog that chooses files: folders are chosen by what is in them."""

from pathlib import Path

import pytest

from penjing.loading import audio_data, card, image_data
from penjing.loading.data import TABLES
from penjing_gui.dialogs import files
from penjing_gui.drops import kind_of


def test_that_all_that_core_reads_is_offered() -> None:
    assert set(files.IN_FOLDERS) == {*image_data.SUFFIXES, *audio_data.SUFFIXES}
    assert set(files.TABLES) == set(TABLES)
    assert all(f"*{suffix}" in files.data_kinds() for suffix in (".npz", *files.TABLES, *files.IN_FOLDERS))
    assert set(files.CARDS) == set(card.NAMES)
    everything = [*(f"any{suffix}" for suffix in (".npz", *TABLES, *files.IN_FOLDERS)), *files.CARDS]
    assert {kind_of(Path(name)) for name in everything} == {"data"}, "dropped"


@pytest.mark.parametrize(
    ("chosen", "meant"),
    [
        ("a/data.npz", "a/data.npz"),
        ("words/yes/1.WAV", "words"),
        ("pics/train/cat/1.png", "pics"),
        ("train/cat/1.png", "."),
        ("words/dataset.toml", "words"),
        ("a/dataset.toml", "a/data.npz"),
    ],
)
def test_that_a_file_stands_for_the_data_it_belongs_to(chosen: str, meant: str, tmp_path: Path) -> None:
    for name in ("a/data.npz", "words/yes/1.WAV", "pics/train/cat/1.png", "train/cat/1.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert Path(files.data_of(str(tmp_path / chosen))) == tmp_path / meant
