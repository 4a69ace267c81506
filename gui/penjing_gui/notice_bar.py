"""The place for notices above the pages: what happened, what to do, details, copy; it never stops anybody."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QPlainTextEdit,
    QPushButton,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from penjing_gui import icons, theme
from penjing_gui.controls.identity import identify
from penjing_gui.notices import Notice

MOST = 3
_ICONS = {"information": "info", "warning": "triangle-alert", "error": "circle-alert"}


class NoticeBar(QWidget):
    """The newest notices, one under the other; a later one with the same key takes an earlier one's place."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        identify(self, "notices", self.tr("Notices"))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        self._rows: list[NoticeRow] = []
        self.hide()

    @property
    def notices(self) -> tuple[Notice, ...]:
        """What is shown, oldest first."""
        return tuple(row.notice for row in self._rows)

    def show_notice(self, notice: Notice) -> None:
        """Show it; one with an empty text only takes away what has its key."""
        same = next((row for row in self._rows if notice.key and row.notice.key == notice.key), None)
        if same is not None:
            self._remove(same)
        if notice.text:
            row = NoticeRow(notice, self)
            row.dismissed.connect(lambda: self._remove(row))
            layout = self.layout()
            assert layout is not None
            layout.addWidget(row)
            self._rows.append(row)
            if len(self._rows) > MOST:
                self._remove(self._rows[0])
        self.setVisible(bool(self._rows))

    def dismiss(self, key: str) -> None:
        """Take away what has this key."""
        self.show_notice(Notice(text="", key=key))

    def _remove(self, row: "NoticeRow") -> None:
        if row in self._rows:
            self._rows.remove(row)
            row.hide()
            row.deleteLater()
        self.setVisible(bool(self._rows))


class NoticeRow(QFrame):
    """One notice."""

    dismissed = Signal()

    def __init__(self, notice: Notice, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.notice = notice
        identify(self, "notice", notice.text)
        found = theme.colors(self.palette())
        color = {"information": found.accent, "warning": found.warning, "error": found.error}[notice.level]
        self.setStyleSheet(
            f"NoticeRow {{ background: {found.surface}; border: none; border-left: 4px solid {color};"
            f" border-bottom: 1px solid {found.border}; }}"
        )
        rows = QVBoxLayout(self)
        rows.setContentsMargins(12, 6, 8, 6)
        rows.setSpacing(4)
        line = QHBoxLayout()
        line.setSpacing(8)
        rows.addLayout(line)
        sign = QLabel()
        sign.setPixmap(icons.pixmap(_ICONS[notice.level], color, 16, self.devicePixelRatioF()))
        line.addWidget(sign, 0, Qt.AlignmentFlag.AlignTop)
        text = QLabel(notice.text if not notice.hint else f"{notice.text} {notice.hint}")
        text.setTextFormat(Qt.TextFormat.PlainText)
        text.setWordWrap(True)
        text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        line.addWidget(text, 1)
        for action in notice.actions:
            button = identify(QPushButton(action.label), action.identifier or "notice.action", action.label)
            button.clicked.connect(action.run)
            button.clicked.connect(self.dismissed)
            line.addWidget(button)
        self._details = QPlainTextEdit(notice.details, readOnly=True)
        self._details.setMaximumHeight(120)
        self._details.hide()
        if "\n" in notice.details:
            details = identify(QToolButton(), "notice.details", self.tr("Details"))
            details.setText(self.tr("Details"))
            details.setCheckable(True)
            details.toggled.connect(self._details.setVisible)
            line.addWidget(details)
        if notice.level != "information":
            copy = identify(QToolButton(), "notice.copy", self.tr("Copy"))
            copy.setToolTip(self.tr("Copy"))
            icons.set_icon(copy, "copy")
            copy.clicked.connect(self._copy)
            line.addWidget(copy)
        close = identify(QToolButton(), "notice.dismiss", self.tr("Dismiss"))
        close.setToolTip(self.tr("Dismiss"))
        icons.set_icon(close, "x")
        close.clicked.connect(self.dismissed)
        line.addWidget(close)
        for flat in self.findChildren(QToolButton):
            flat.setAutoRaise(True)
        rows.addWidget(self._details)

    def _copy(self) -> None:
        parts = (self.notice.text, self.notice.hint, self.notice.details)
        QGuiApplication.clipboard().setText("\n".join(part for part in parts if part))
