"""Preferences: language, theme, what Penjing remembers; what is chosen holds at once, so nothing is to be confirmed."""

from PySide6.QtCore import QEvent, Qt
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QLabel,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from penjing_gui import words
from penjing_gui.controls.identity import identify
from penjing_gui.menus import language_names, theme_names
from penjing_gui.settings import SettingsFile
from penjing_gui.theme import SPACE


class Preferences(QDialog):
    """Says itself anew when its own language is changed."""

    def __init__(self, settings: SettingsFile, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._settings = settings
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        identify(self, "preferences")
        self._language = identify(QComboBox(), "preferences.language")
        self._theme = identify(QComboBox(), "preferences.theme")
        self._labels = QLabel(), QLabel(), QLabel()
        self._coach = identify(QPushButton(), "preferences.coach")
        self._forget = identify(QPushButton(), "preferences.forget")
        form = QFormLayout()
        form.setVerticalSpacing(SPACE)
        for label, field in zip(self._labels, (self._language, self._theme, self._coach), strict=True):
            label.setBuddy(field)
            form.addRow(label, field)
        form.addRow("", self._forget)
        self._buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        layout = QVBoxLayout(self)
        layout.addLayout(form)
        layout.addSpacing(SPACE)
        layout.addWidget(self._buttons)
        self._say()
        self._language.activated.connect(lambda: settings.update(language=self._language.currentData()))
        self._theme.activated.connect(lambda: settings.update(theme=self._theme.currentData()))
        self._coach.clicked.connect(lambda: settings.update(coach_dismissed=False))
        self._forget.clicked.connect(lambda: settings.update(recents=()))
        self._buttons.rejected.connect(self.reject)
        settings.changed.connect(self._enable)

    def changeEvent(self, event: QEvent) -> None:
        """Another language."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.LanguageChange and hasattr(self, "_buttons"):
            self._say()

    def _say(self) -> None:
        self.setWindowTitle(self.tr("Preferences"))
        self.setAccessibleName(self.windowTitle())
        texts = self.tr("&Language"), self.tr("&Theme"), self.tr("Remembered")
        for label, text in zip(self._labels, texts, strict=True):
            label.setText(text)
        self._coach.setText(self.tr("Show the first steps again"))
        self._forget.setText(self.tr("Forget what was opened"))
        chosen = (
            (self._language, language_names(self), self._settings.value.language),
            (
                self._theme,
                theme_names(self),
                self._settings.value.theme,
            ),
        )
        for box, names, value in chosen:
            box.clear()
            for choice, name in names.items():
                box.addItem(words.plain(name), choice)
            box.setCurrentIndex(box.findData(value))
        self._enable()

    def _enable(self) -> None:
        self._coach.setEnabled(self._settings.value.coach_dismissed)
        self._forget.setEnabled(bool(self._settings.value.recents))
