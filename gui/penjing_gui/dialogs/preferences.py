"""Preferences: looks, what Penjing may take, what it remembers; what is chosen holds at once."""

import os

from PySide6.QtCore import QEvent, QSignalBlocker, Qt
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from penjing.worker import cache
from penjing_gui import settings as limits
from penjing_gui import words
from penjing_gui.controls.identity import identify
from penjing_gui.controls.number_box import CountBox, NumberBox
from penjing_gui.menus import language_names, theme_names
from penjing_gui.settings import SettingsFile
from penjing_gui.theme import SPACE

_WIDTH = 520


class Preferences(QDialog):
    """Says itself anew when its own language is changed."""

    def __init__(self, settings: SettingsFile, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._settings = settings
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setMinimumWidth(_WIDTH)
        identify(self, "preferences")
        self._language = identify(QComboBox(), "preferences.language")
        self._theme = identify(QComboBox(), "preferences.theme")
        self._colormap = identify(QComboBox(), "preferences.colormap")
        self._threads = identify(CountBox(), "preferences.threads")
        self._threads.setRange(limits.THREADS[0], most_threads())
        self._cache = identify(CountBox(), "preferences.cache")
        self._cache.setRange(*limits.CACHE_MIB)
        self._cache.setSingleStep(64)
        self._autosave = identify(NumberBox(), "preferences.autosave")
        self._autosave.setRange(*limits.AUTOSAVE_SECONDS)
        self._autosave.setSingleStep(0.5)
        self._autosave.setDecimals(1)
        self._empty = identify(QPushButton(), "preferences.emptyCache")
        self._coach = identify(QPushButton(), "preferences.coach")
        self._forget = identify(QPushButton(), "preferences.forget")
        self._fields = (self._language, self._theme, self._colormap, self._threads, self._cache, self._autosave)
        self._labels = [QLabel() for _ in (*self._fields, self._coach)]
        self._hints: dict[QWidget, QLabel] = {
            field: QLabel() for field in (self._colormap, self._threads, self._cache, self._autosave)
        }
        standard = QDialogButtonBox.StandardButton
        self._buttons = QDialogButtonBox(standard.RestoreDefaults | standard.Close)
        self._reset = identify(self._buttons.button(standard.RestoreDefaults), "preferences.reset")
        close = identify(self._buttons.button(standard.Close), "preferences.close")
        # Return in a field takes the field's value; it must not close the dialog, too.
        for button in (self._empty, self._coach, self._forget, self._reset, close):
            button.setAutoDefault(False)
        self._lay_out()
        self._say()
        self._connect()

    def _lay_out(self) -> None:
        grid = QGridLayout()
        grid.setHorizontalSpacing(2 * SPACE)
        grid.setVerticalSpacing(SPACE)
        grid.setColumnStretch(1, 1)
        remembered = QHBoxLayout()
        remembered.setSpacing(SPACE)
        for button in (self._coach, self._forget):
            remembered.addWidget(button)
        remembered.addStretch(1)
        cached = QHBoxLayout()
        cached.setSpacing(SPACE)
        cached.addWidget(self._cache, 1)
        cached.addWidget(self._empty)
        for number, (label, field) in enumerate(zip(self._labels, (*self._fields, self._coach), strict=True)):
            label.setBuddy(field)
            grid.addWidget(label, 2 * number, 0)
            if field is self._coach:
                grid.addLayout(remembered, 2 * number, 1)
            elif field is self._cache:
                grid.addLayout(cached, 2 * number, 1)
            else:
                grid.addWidget(field, 2 * number, 1)
            if (hint := self._hints.get(field)) is not None:
                hint.setWordWrap(True)
                hint.setProperty("muted", True)
                grid.addWidget(hint, 2 * number + 1, 1)
        layout = QVBoxLayout(self)
        layout.addLayout(grid)
        layout.addSpacing(SPACE)
        layout.addWidget(self._buttons)

    def _connect(self) -> None:
        settings = self._settings
        self._language.activated.connect(lambda: settings.update(language=self._language.currentData()))
        self._theme.activated.connect(lambda: settings.update(theme=self._theme.currentData()))
        self._colormap.activated.connect(lambda: settings.update(colormap=self._colormap.currentData()))
        self._threads.valueChanged.connect(lambda value: settings.update(threads=value))
        self._cache.valueChanged.connect(lambda value: settings.update(cache_mib=value))
        self._autosave.valueChanged.connect(lambda value: settings.update(autosave_seconds=value))
        for box in (self._threads, self._cache, self._autosave):
            box.setKeyboardTracking(False)
        self._empty.clicked.connect(self._empty_cache)
        self._coach.clicked.connect(lambda: settings.update(coach_dismissed=False))
        self._forget.clicked.connect(lambda: settings.update(recents=()))
        self._reset.clicked.connect(settings.reset)
        self._buttons.rejected.connect(self.reject)
        settings.changed.connect(self._show)

    def changeEvent(self, event: QEvent) -> None:
        """Another language."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.LanguageChange and hasattr(self, "_buttons"):
            self._say()

    def _say(self) -> None:
        self.setWindowTitle(self.tr("Preferences"))
        self.setAccessibleName(self.windowTitle())
        texts = (
            self.tr("&Language"),
            self.tr("&Theme"),
            self.tr("&Colors of maps"),
            self.tr("T&hreads of the engine"),
            self.tr("C&ache"),
            self.tr("&Keep unsaved work"),
            self.tr("Remembered"),
        )
        for label, text in zip(self._labels, texts, strict=True):
            label.setText(text)
        self._hints[self._colormap].setText(
            self.tr("Cividis and viridis are read by color-blind people, and in grey print.")
        )
        self._hints[self._threads].setText(
            self.tr("From 1 to {most}. While a job runs, the engine and the job take one each.").format(
                most=self._threads.maximum()
            )
        )
        self._cache.setSuffix(" MiB")
        self._hints[self._autosave].setText(
            self.tr("From {least} s to {most} s after a change: what a crash may cost.").format(
                least=limits.AUTOSAVE_SECONDS[0], most=round(limits.AUTOSAVE_SECONDS[1])
            )
        )
        self._autosave.setSuffix(self.tr(" s after a change"))
        self._empty.setText(self.tr("&Empty"))
        self._empty.setAccessibleName(self.tr("Empty the cache"))
        self._coach.setText(self.tr("Show the first steps again"))
        self._forget.setText(self.tr("Forget what was opened"))
        self._reset.setText(self.tr("&Restore Defaults"))
        for box, names in (
            (self._language, language_names(self)),
            (self._theme, theme_names(self)),
            (
                self._colormap,
                {"cividis": self.tr("Cividis"), "viridis": self.tr("Viridis"), "grey": self.tr("Grey")},
            ),
        ):
            box.clear()
            for choice, name in names.items():
                box.addItem(words.plain(name), choice)
        self._show()

    def _show(self) -> None:
        """What holds now, also where a menu or Restore Defaults changed it."""
        now = self._settings.value
        for box, value in ((self._language, now.language), (self._theme, now.theme), (self._colormap, now.colormap)):
            box.setCurrentIndex(box.findData(value))
        for spin, number in (
            (self._threads, now.threads),
            (self._cache, now.cache_mib),
            (self._autosave, now.autosave_seconds),
        ):
            with QSignalBlocker(spin):
                spin.setValue(number)
        self._hints[self._cache].setText(
            self.tr("From {least} to {most} MiB; {used} are used. What is there can be worked out again.").format(
                least=limits.CACHE_MIB[0], most=limits.CACHE_MIB[1], used=words.size(cache.used())
            )
        )
        self._coach.setEnabled(now.coach_dismissed)
        self._forget.setEnabled(bool(now.recents))
        first = limits.Settings()
        self._reset.setEnabled(any(getattr(now, name) != getattr(first, name) for name in limits.PREFERENCES))

    def _empty_cache(self) -> None:
        cache.empty()
        self._show()


def most_threads() -> int:
    """As many as there are cores, but no more than settings may hold."""
    return max(min(os.cpu_count() or 1, limits.THREADS[1]), 2)
