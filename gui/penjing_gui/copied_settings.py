"""Copies the settings of a layer as JSON and gives them to others: in the clipboard, so also into another window."""

import msgspec
from PySide6.QtCore import QCoreApplication
from PySide6.QtGui import QGuiApplication

from penjing.errors import UserError
from penjing.plan import read_plan
from penjing_gui.session import Session

_OWN = ("keep", "cut")
"""Filters by number: those of one layer say nothing of another."""


def copy_settings(session: Session) -> None:
    """Those of the layer that plots show."""
    if session.layer is not None:
        content = msgspec.json.encode(session.plan.settings(session.layer))
        QGuiApplication.clipboard().setText(content.decode())


def paste_settings(session: Session) -> None:
    """Give them to the selected layers, or to all; filters that were brushed by hand stay each layer's own."""
    text = QGuiApplication.clipboard().text()
    try:
        plan = read_plan(f'{{"defaults": {text or "null"}}}', where=_tr("the clipboard"))
    except UserError as error:
        session.noticed.emit(session.texts.error(error, key="paste"))
        return
    changes = {name: value for name, value in msgspec.structs.asdict(plan.defaults).items() if name not in _OWN}
    session.set_selected(_tr("Paste settings"), **changes)


def _tr(text: str) -> str:
    return QCoreApplication.translate("copied_settings", text)
