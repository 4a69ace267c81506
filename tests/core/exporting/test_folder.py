"""An export folder appears whole or not at all, and never takes anything else away."""

import errno
import os
import sys
from pathlib import Path

import pytest

from penjing.errors import Cancelled, UserError
from penjing.exporting.export import safe_file_name
from penjing.exporting.folder import new_folder


def earlier_export(place: Path) -> None:
    place.mkdir()
    (place / "verdict.json").write_text('{"passed": true, "manifest": {"plan.json": "", "model.onnx": "", "gone": ""}}')
    for name in ("plan.json", "model.onnx"):
        (place / name).write_text("old")


def held(place: Path) -> dict[str, str]:
    return {entry.name: entry.read_text() for entry in place.iterdir() if entry.name != "verdict.json"}


def test_that_a_finished_folder_appears_whole_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    place = tmp_path / "deep" / "out"
    with new_folder(place) as temporary:
        (temporary / "model.onnx").write_text("new")
        assert not place.exists()
    assert held(place) == {"model.onnx": "new"}
    assert [entry.name for entry in place.parent.iterdir()] == ["out"]


def test_that_the_folder_has_the_permissions_of_any_other(tmp_path: Path) -> None:
    (tmp_path / "usual").mkdir()
    with new_folder(tmp_path / "out"):
        pass
    assert (tmp_path / "out").stat().st_mode == (tmp_path / "usual").stat().st_mode


def test_that_an_earlier_export_is_replaced_as_a_whole(tmp_path: Path) -> None:
    earlier_export(tmp_path / "out")
    with new_folder(tmp_path / "out") as temporary:
        (temporary / "model.onnx").write_text("new")
        assert held(tmp_path / "out")["model.onnx"] == "old"
    assert held(tmp_path / "out") == {"model.onnx": "new"}
    assert [entry.name for entry in tmp_path.iterdir() if entry.name.startswith(".penjing")] == []


def test_that_an_empty_folder_is_taken(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    with new_folder(tmp_path / "out") as temporary:
        (temporary / "a").write_text("new")
    assert held(tmp_path / "out") == {"a": "new"}


@pytest.mark.parametrize(
    "trouble", [Cancelled(), KeyboardInterrupt(), OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))]
)
def test_that_trouble_leaves_the_earlier_export_and_no_temporaries(tmp_path: Path, trouble: BaseException) -> None:
    earlier_export(tmp_path / "out")
    expected = UserError if isinstance(trouble, OSError) else type(trouble)
    with pytest.raises(expected) as caught, new_folder(tmp_path / "out") as temporary:
        (temporary / "half").write_text("half")
        raise trouble
    if isinstance(caught.value, UserError):
        assert caught.value.code == "export.cannot_write"
        assert "No space left" in caught.value.message()
    assert held(tmp_path / "out") == {"plan.json": "old", "model.onnx": "old"}
    assert not any(entry.name.startswith(".penjing") for entry in tmp_path.iterdir())


@pytest.mark.parametrize("trouble", [KeyboardInterrupt(), OSError(errno.EIO, os.strerror(errno.EIO))])
def test_that_trouble_while_the_folders_change_places_leaves_the_earlier_export(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trouble: BaseException
) -> None:
    earlier_export(tmp_path / "out")
    rename = Path.rename

    def interrupted(self: Path, target: Path) -> Path:
        if (self / "half").exists():
            raise trouble
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", interrupted)
    expected = UserError if isinstance(trouble, OSError) else KeyboardInterrupt
    with pytest.raises(expected), new_folder(tmp_path / "out") as temporary:
        (temporary / "half").write_text("new")
    assert held(tmp_path / "out") == {"plan.json": "old", "model.onnx": "old"}
    assert [entry.name for entry in tmp_path.iterdir()] == ["out"]


def test_that_a_folder_with_other_things_is_refused_and_left(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(UserError) as caught, new_folder(tmp_path):
        pytest.fail("must not begin")
    assert caught.value.code == "export.folder_not_empty"
    assert "thesis.txt" in caught.value.message()
    assert held(tmp_path) == {"thesis.txt": "years of work"}


def test_that_a_note_put_into_an_export_is_not_taken_away(tmp_path: Path) -> None:
    earlier_export(tmp_path / "out")
    (tmp_path / "out" / "notes").mkdir()
    (tmp_path / "out" / "notes" / "mine.txt").write_text("mine")
    with pytest.raises(UserError) as caught, new_folder(tmp_path / "out"):
        pytest.fail("must not begin")
    assert caught.value.code == "export.folder_not_empty"
    assert "notes/mine.txt" in caught.value.message()
    assert (tmp_path / "out" / "notes" / "mine.txt").read_text() == "mine"


def test_that_a_file_in_the_way_is_refused(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("file")
    with pytest.raises(UserError) as caught, new_folder(tmp_path / "out"):
        pytest.fail("must not begin")
    assert caught.value.code == "export.not_a_folder"


@pytest.mark.skipif(sys.platform != "linux", reason="/proc refuses new folders for root, too")
def test_that_a_place_which_cannot_be_written_is_a_message() -> None:
    with pytest.raises(UserError) as caught, new_folder(Path("/proc/out")):
        pytest.fail("must not begin")
    assert caught.value.code == "export.cannot_write"


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("model", "model"),
        ("my net v1.2", "my_net_v1.2"),
        ("../../etc/passwd", "etc_passwd"),
        ("模型", "模型"),
        ("", "model"),
        ("...", "model"),
        ("\ud800", "model"),
        ("x" * 10_000, "x" * 48),
        ('a"b*/c\n', "a_b_c"),
    ],
)
def test_that_file_names_are_safe_whatever_they_come_from(name: str, wanted: str) -> None:
    assert safe_file_name(name) == wanted


def test_that_a_full_disk_is_told_of_the_folder_that_was_asked_for(tmp_path: Path) -> None:
    with pytest.raises(UserError) as refused, new_folder(tmp_path / "out") as temporary:
        raise UserError("export.cannot_write", folder=temporary, detail="No space left on device")
    assert str(tmp_path / "out") in refused.value.message()
    assert ".penjing" not in refused.value.message()
