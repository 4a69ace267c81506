"""One window for each settings folder: a second start hands over what it should open and ends."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QObject, Signal
from PySide6.QtNetwork import QLocalServer, QLocalSocket

_PATIENCE = 1000
"""Milliseconds."""
_LARGEST = 1 << 16


class SingleInstance(QObject):
    """The first start listens; the others speak to it."""

    asked = Signal(list)
    """Another start handed over these sources (none: it only wants the window in front)."""

    def __init__(self, folder: Path, parent: QObject | None = None) -> None:
        super().__init__(parent)
        key = hashlib.sha256(str(folder.resolve()).encode(errors="replace")).hexdigest()[:16]
        self._name = f"penjing-{key}"
        self._server: QLocalServer | None = None

    def hand_over(self, sources: Sequence[str]) -> bool:
        """Give the sources to the window that is there; whether there was one that took them."""
        socket = QLocalSocket()
        socket.connectToServer(self._name)
        if not socket.waitForConnected(_PATIENCE):
            return False
        socket.write(json.dumps(list(sources)).encode() + b"\n")
        taken = socket.waitForReadyRead(_PATIENCE) and socket.readAll().startsWith(b"ok")
        socket.disconnectFromServer()
        return bool(taken)

    def listen(self) -> None:
        """Be the one that others speak to."""
        server = QLocalServer(self)
        server.setSocketOptions(QLocalServer.SocketOption.UserAccessOption)
        server.newConnection.connect(self._connected)
        if not server.listen(self._name):
            # Nobody answered, so the socket is that of a window that was killed.
            QLocalServer.removeServer(self._name)
            if not server.listen(self._name):
                return
        self._server = server

    def close(self) -> None:
        """Listen no longer."""
        if self._server is not None:
            self._server.close()
            self._server = None

    def _connected(self) -> None:
        assert self._server is not None
        while (socket := self._server.nextPendingConnection()) is not None:
            socket.readyRead.connect(lambda socket=socket: self._read(socket))
            socket.disconnected.connect(socket.deleteLater)
            self._read(socket)

    def _read(self, socket: QLocalSocket) -> None:
        if not socket.canReadLine():
            if socket.bytesAvailable() > _LARGEST:
                socket.abort()
            return
        try:
            sources = json.loads(bytes(socket.readLine().data()))
        except (ValueError, RecursionError):
            sources = None
        if isinstance(sources, list) and all(isinstance(one, str) for one in sources):
            socket.write(b"ok\n")
            socket.flush()
            self.asked.emit(sources)
