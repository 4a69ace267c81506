"""Locks that die with their owner, and the work that a dead window leaves."""

import subprocess
import sys
from pathlib import Path

import pytest

from penjing.errors import UserError
from penjing.plan import Plan
from penjing.project.locks import ProjectLock
from penjing.project.values import Original, Project
from penjing.project.workspace import Workspace, abandoned, state_of

PROJECT = Project(source=Original(path="sample:watch"), plan=Plan().with_defaults(weight_bits=4))

HOLD = """
import sys
from pathlib import Path
from penjing.project.locks import ProjectLock
from penjing.project.workspace import Workspace
kept = ProjectLock.take(Path(sys.argv[1])), Workspace.new(Path(sys.argv[2]))
kept[1].state_file.write_bytes(sys.stdin.buffer.read(int(sys.argv[3])))
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def other(tmp_path: Path) -> "subprocess.Popen[bytes]":
    """Another window that holds a project and has unsaved work."""
    state = state_of(PROJECT, path=tmp_path / "a.penjing", saved="now")
    arguments = [str(tmp_path / "a.penjing"), str(tmp_path / "work"), str(len(state))]
    process = subprocess.Popen([sys.executable, "-c", HOLD, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(state)
    process.stdin.flush()
    assert process.stdout.readline() == b"held\n"
    yield process
    process.kill()
    process.communicate()


def test_that_only_one_window_holds_a_project_until_it_dies(tmp_path: Path, other: "subprocess.Popen[bytes]") -> None:
    assert ProjectLock.take(tmp_path / "a.penjing") is None
    assert ProjectLock.take(tmp_path / "b.penjing") is not None
    other.kill()
    other.wait()
    lock = ProjectLock.take(tmp_path / "a.penjing")
    assert lock is not None
    lock.release()
    lock.release()
    assert not lock.path.exists()


def test_that_a_folder_that_cannot_be_written_gives_no_lock(tmp_path: Path) -> None:
    assert ProjectLock.take(tmp_path / "nowhere" / "a.penjing") is None


def test_that_the_work_of_a_living_window_is_not_offered(tmp_path: Path, other: "subprocess.Popen[bytes]") -> None:
    assert list(abandoned(tmp_path / "work")) == []


def test_that_the_work_of_a_dead_window_is_offered_once(tmp_path: Path, other: "subprocess.Popen[bytes]") -> None:
    other.kill()
    other.wait()
    found = list(abandoned(tmp_path / "work"))
    assert len(found) == 1
    assert found[0].read() == (PROJECT, tmp_path / "a.penjing")
    assert list(abandoned(tmp_path / "work")) == []  # somebody has it now
    found[0].release()
    again = next(abandoned(tmp_path / "work"))
    again.remove()
    assert list((tmp_path / "work").iterdir()) == []


def test_that_folders_without_unsaved_work_are_removed(tmp_path: Path) -> None:
    Workspace.new(tmp_path).release()
    assert list(abandoned(tmp_path)) == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"{}", b'{"documents": {}}', b"\xff"])
def test_that_damaged_work_is_told(tmp_path: Path, content: bytes) -> None:
    workspace = Workspace.new(tmp_path)
    workspace.state_file.write_bytes(content)
    with pytest.raises(UserError) as error:
        workspace.read()
    assert error.value.code == "project.damaged"
    workspace.remove()


def test_that_nothing_outside_of_the_folder_is_touched_by_links(tmp_path: Path) -> None:
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "file").write_text("kept")
    work = tmp_path / "work"
    work.mkdir()
    (work / "window-link").symlink_to(tmp_path / "precious")
    assert list(abandoned(work)) == []
    assert (tmp_path / "precious" / "file").read_text() == "kept"
