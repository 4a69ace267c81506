"""One window for each settings folder."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtNetwork import QLocalSocket
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from penjing_gui.single_instance import SingleInstance

HAND_OVER = """
import sys
from pathlib import Path
from PySide6.QtCore import QCoreApplication
from penjing_gui.single_instance import SingleInstance
app = QCoreApplication([])
print(SingleInstance(Path(sys.argv[1])).hand_over(sys.argv[2:]))
"""

DIE = """
import os, sys
from pathlib import Path
from PySide6.QtCore import QCoreApplication
from penjing_gui.single_instance import SingleInstance
app = QCoreApplication([])
SingleInstance(Path(sys.argv[1])).listen()
os._exit(0)
"""


@pytest.fixture
def first(qapp: QApplication, tmp_path: Path) -> Iterator[SingleInstance]:
    instance = SingleInstance(tmp_path)
    instance.listen()
    yield instance
    instance.close()


def test_that_a_second_start_hands_its_file_over(qtbot: QtBot, first: SingleInstance, tmp_path: Path) -> None:
    with qtbot.waitSignal(first.asked, timeout=60_000) as asked:
        second = subprocess.Popen(
            [sys.executable, "-c", HAND_OVER, str(tmp_path), "/a file"], stdout=subprocess.PIPE, text=True
        )
    assert asked.args == [["/a file"]]
    assert second.communicate(timeout=60)[0].strip() == "True"


def test_that_another_settings_folder_is_another_window(first: SingleInstance, tmp_path: Path) -> None:
    assert not SingleInstance(tmp_path / "other").hand_over([])


def test_that_the_socket_of_a_dead_window_is_taken_over(qapp: QApplication, tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", DIE, str(tmp_path)], check=True, timeout=60)
    second = SingleInstance(tmp_path)
    assert not second.hand_over([])
    second.listen()
    assert second._server is not None
    second.close()


@pytest.mark.parametrize("said", [b"nonsense\n", b'{"a": 1}\n', b"[1, 2]\n", b"[" * 70_000])
def test_that_nonsense_is_not_heard(qtbot: QtBot, first: SingleInstance, said: bytes) -> None:
    heard: list[object] = []
    first.asked.connect(heard.append)
    socket = QLocalSocket()
    socket.connectToServer(first._name)
    qtbot.waitUntil(lambda: socket.state() == QLocalSocket.LocalSocketState.ConnectedState)
    socket.write(said)
    socket.flush()
    socket.disconnectFromServer()
    with qtbot.waitSignal(first.asked, timeout=60_000):
        good = QLocalSocket()
        good.connectToServer(first._name)
        good.write(b'["after"]\n')
        good.flush()
    assert heard == [["after"]]
    good.abort()
