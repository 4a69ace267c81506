"""Notices lie in the free middle of the tool bar and move nothing: what happened, what to do, details, copy."""

from collections.abc import Callable

from PySide6.QtCore import QEvent, QObject, QRect, Qt, QTimer, Signal
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
WIDEST = 680
"""Pixels; so is `_NARROWEST`, below which the middle of the tool bar is too small."""
_NARROWEST = 360
_MARGIN = 6
GOOD_NEWS = 15_000
"""Milliseconds that good news stays; whatever went wrong stays until it is dismissed."""
_ICONS = {"information": "info", "warning": "triangle-alert", "error": "circle-alert"}


class NoticeBar(QWidget):
    """The newest notices, one under the other; a later one with the same key takes an earlier one's place."""

    def __init__(self, parent: QWidget, room: Callable[[], QRect]) -> None:
        """Lie over `parent`; `room` tells where in it there is nothing to cover."""
        super().__init__(parent)
        self._room = room
        identify(self, "notices", self.tr("Notices"))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        self._rows: list[NoticeRow] = []
        parent.installEventFilter(self)
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
            row.resized.connect(self.place)
            layout = self.layout()
            assert layout is not None
            layout.addWidget(row)
            row.show()  # one that is not shown yet has no height
            self._rows.append(row)
            if len(self._rows) > MOST:
                self._remove(self._rows[0])
            if notice.level == "information":
                QTimer.singleShot(GOOD_NEWS, row, row.dismissed.emit)
        self.place()

    def take_focus(self) -> None:
        """Put the keyboard on the newest notice: on what it offers first, else on what dismisses it."""
        if self._rows:
            self._rows[-1].take_focus()

    def dismiss(self, key: str) -> None:
        """Take away what has this key."""
        self.show_notice(Notice(text="", key=key))

    def _remove(self, row: "NoticeRow") -> None:
        if row in self._rows:
            self._rows.remove(row)
            row.hide()
            row.deleteLater()
        self.place()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """The pages have another size."""
        if event.type() == QEvent.Type.Resize and watched is self.parent():
            self.place()
        return super().eventFilter(watched, event)

    def place(self) -> None:
        """Lie where there is room; whoever changes the room calls this."""
        parent, layout = self.parentWidget(), self.layout()
        if parent is None or layout is None:
            return
        self.setVisible(bool(self._rows))
        room = self._room()
        if room.width() < _NARROWEST + 2 * _MARGIN:
            width = min(WIDEST, parent.width() - 2 * _MARGIN)
            room = QRect((parent.width() - width) // 2 - _MARGIN, room.top(), width + 2 * _MARGIN, room.height())
        width = room.width() - 2 * _MARGIN
        layout.activate()
        height = layout.totalHeightForWidth(width) if layout.hasHeightForWidth() else layout.sizeHint().height()
        self.setGeometry(room.left() + _MARGIN, room.top() + _MARGIN, width, height)
        self.raise_()


class NoticeRow(QFrame):
    """One notice."""

    dismissed = Signal()
    resized = Signal()
    """Details were shown or hidden."""

    def __init__(self, notice: Notice, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.notice = notice
        identify(self, "notice", notice.text)
        self.setProperty("notice", notice.level)
        rows = QVBoxLayout(self)
        rows.setContentsMargins(12, 6, 8, 6)
        rows.setSpacing(4)
        line = QHBoxLayout()
        line.setSpacing(8)
        rows.addLayout(line)
        self._sign = QLabel()
        self._draw_sign()
        line.addWidget(self._sign, 0, Qt.AlignmentFlag.AlignTop)
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
            details.toggled.connect(self.resized)
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

    def changeEvent(self, event: QEvent) -> None:
        """The sign follows the palette."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange and hasattr(self, "_sign"):
            self._draw_sign()

    def _draw_sign(self) -> None:
        found, level = theme.colors(self.palette()), self.notice.level
        color = {"information": found.accent, "warning": found.warning, "error": found.error}[level]
        self._sign.setPixmap(icons.pixmap(_ICONS[level], color, 16, self.devicePixelRatioF()))

    def take_focus(self) -> None:
        """Put the keyboard here."""
        buttons = [*self.findChildren(QPushButton), *reversed(self.findChildren(QToolButton))]
        buttons[0].setFocus(Qt.FocusReason.ShortcutFocusReason)

    def _copy(self) -> None:
        parts = (self.notice.text, self.notice.hint, self.notice.details)
        QGuiApplication.clipboard().setText("\n".join(part for part in parts if part))
