"""Preferences: only what was changed is written, and a file that is wrong costs only what is wrong in it."""

import json
from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication

from penjing_gui.settings import MOST_RECENT, Recent, Settings, SettingsFile


def test_that_nothing_is_written_before_something_is_changed(qapp: QApplication, tmp_path: Path) -> None:
    SettingsFile(tmp_path)
    assert not (tmp_path / "settings.json").exists()


def test_that_only_changed_values_are_written_with_a_version(qapp: QApplication, tmp_path: Path) -> None:
    SettingsFile(tmp_path).update(theme="dark")
    assert json.loads((tmp_path / "settings.json").read_text()) == {"version": 1, "theme": "dark"}
    assert SettingsFile(tmp_path).value == Settings(theme="dark")


def test_that_a_wrong_value_costs_only_itself(qapp: QApplication, tmp_path: Path) -> None:
    (tmp_path / "settings.json").write_text('{"theme": "purple", "coach_dismissed": true, "of_the_future": 1}')
    assert SettingsFile(tmp_path).value == Settings(coach_dismissed=True)


@pytest.mark.parametrize("content", [b"", b"{", b"[1, 2]", b"\xff\xfe", b"[" * 100_000])
def test_that_a_damaged_file_means_the_defaults(qapp: QApplication, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "settings.json").write_bytes(content)
    assert SettingsFile(tmp_path).value == Settings()


def test_that_what_was_opened_last_comes_first_and_once(qapp: QApplication, tmp_path: Path) -> None:
    settings = SettingsFile(tmp_path)
    for number in range(MOST_RECENT + 2):
        settings.remember(Recent(path=f"/{number}"))
    settings.remember(Recent(path="/5", title="again"))
    paths = [recent.path for recent in settings.value.recents]
    assert paths[0] == "/5"
    assert len(paths) == len(set(paths)) == MOST_RECENT


def test_that_a_folder_that_cannot_be_written_keeps_nobody_from_working(qapp: QApplication, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    settings = SettingsFile(tmp_path / "file")
    settings.update(theme="dark")
    assert settings.value.theme == "dark"
