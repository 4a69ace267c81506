"""Copies the settings of a layer as JSON and gives them to others: in the clipboard, so also into another window."""

import msgspec
from PySide6.QtCore import QCoreApplication
from PySide6.QtGui import QGuiApplication

from penjing.errors import UserError
from penjing.plan import read_plan
from penjing_gui.notices import Notice
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
    if not _is_object(text):
        told = _tr("The clipboard holds no settings of a layer.")
        hint = _tr("Choose a layer and copy its settings first: Ctrl+Shift+C.")
        session.noticed.emit(Notice(level="warning", text=told, hint=hint, key="paste"))
        return
    try:
        plan = read_plan(f'{{"defaults": {text}}}', where=_tr("the clipboard"))
    except UserError as error:
        session.noticed.emit(session.texts.error(error, key="paste"))
        return
    changes = {name: value for name, value in msgspec.structs.asdict(plan.defaults).items() if name not in _OWN}
    session.set_selected(_tr("Paste settings"), **changes)


def _is_object(text: str) -> bool:
    """Whether it is one JSON object, whatever it says."""
    try:
        return isinstance(msgspec.json.decode(text), dict)
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return False


def _tr(text: str) -> str:
    return QCoreApplication.translate("copied_settings", text)
