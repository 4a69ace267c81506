"""Asks what becomes of changes that are not saved, without blocking anything."""

from collections.abc import Callable

from PySide6.QtCore import QCoreApplication, Qt
from PySide6.QtWidgets import QMessageBox, QWidget

from penjing_gui.controls.identity import identify

Button = QMessageBox.StandardButton


def ask(parent: QWidget, *, save: Callable[[], None], discard: Callable[[], None]) -> QMessageBox:
    """Ask; cancelling calls nothing."""
    box = QMessageBox(parent)
    box.setIcon(QMessageBox.Icon.Question)
    box.setTextFormat(Qt.TextFormat.PlainText)
    box.setText(QCoreApplication.translate("unsaved", "Save the changes to this project?"))
    box.setInformativeText(
        QCoreApplication.translate("unsaved", "Otherwise the plan and the runs that were trained are lost.")
    )
    box.setStandardButtons(Button.Save | Button.Discard | Button.Cancel)
    box.setDefaultButton(Button.Save)
    for button, name in ((Button.Save, "save"), (Button.Discard, "discard"), (Button.Cancel, "cancel")):
        identify(box.button(button), f"unsaved.{name}")

    def finished(result: int) -> None:
        if result == Button.Save.value:
            save()
        elif result == Button.Discard.value:
            discard()

    box.finished.connect(finished)
    box.finished.connect(box.deleteLater)
    box.open()
    return box
