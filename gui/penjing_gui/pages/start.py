"""The first page: try a sample, open a model or a project, go on with something recent."""

from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from penjing.devices.profiles import device
from penjing.errors import UserError
from penjing.loading.samples import Sample, samples
from penjing_gui import icons, language, theme, words
from penjing_gui.controls.identity import identify
from penjing_gui.pages.coach import CoachStrip
from penjing_gui.settings import Recent, SettingsFile

_WIDTH = 760
_SHOWN_RECENT = 5


class StartPage(QWidget):
    """What there is to open; it opens nothing itself."""

    open_wanted = Signal(str, object)
    """A source and, if it is known, its data."""
    choose_model_wanted = Signal()
    choose_project_wanted = Signal()

    def __init__(self, settings: SettingsFile, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        identify(self, "start", self.tr("Start"))
        self._settings = settings
        outer = QHBoxLayout(self)
        column = QWidget()
        column.setMaximumWidth(_WIDTH)
        outer.addStretch(1)
        outer.addWidget(column, 8)
        outer.addStretch(1)
        layout = QVBoxLayout(column)
        layout.setSpacing(theme.SPACE)
        layout.addStretch(2)
        layout.addLayout(self._head())
        layout.addSpacing(2 * theme.SPACE)
        self.first: QPushButton | None = None
        cards = QHBoxLayout()
        cards.setSpacing(2 * theme.SPACE)
        for sample in samples():
            cards.addWidget(self._card(sample), 1)
        layout.addLayout(cards)
        layout.addSpacing(theme.SPACE)
        layout.addLayout(self._own())
        layout.addSpacing(theme.SPACE)
        self._recent = QGridLayout()
        self._recent.setVerticalSpacing(2)
        self._recent.setHorizontalSpacing(2 * theme.SPACE)
        self._recent.setContentsMargins(0, 0, 0, 0)
        self._recent_box = QWidget()
        self._recent_box.setLayout(self._recent)
        layout.addWidget(self._recent_box)
        layout.addStretch(3)
        self._coach = CoachStrip()
        self._coach.dismissed.connect(lambda: settings.update(coach_dismissed=True))
        layout.addWidget(self._coach)
        settings.changed.connect(self._follow)
        self._follow()

    def _head(self) -> QHBoxLayout:
        head = QHBoxLayout()
        head.setSpacing(2 * theme.SPACE)
        sign = QLabel()
        sign.setPixmap(icons.application_icon().pixmap(48, 48))
        title = _label("Penjing", theme.TITLE, bold=True)
        saying = _label(self.tr("See, cut, teach and ship neural networks for small devices."), theme.HEADING)
        saying.setProperty("muted", True)
        texts = QVBoxLayout()
        texts.setSpacing(0)
        texts.addWidget(title)
        texts.addWidget(saying)
        head.addWidget(sign)
        head.addLayout(texts, 1)
        return head

    def _card(self, sample: Sample) -> QFrame:
        card = QFrame()
        card.setProperty("card", True)
        layout = QVBoxLayout(card)
        layout.setContentsMargins(16, 14, 16, 14)
        layout.addWidget(_label(self.tr(sample.title), theme.HEADING, bold=True))
        text = _label(self.tr(sample.description), theme.BODY)
        text.setWordWrap(True)
        layout.addWidget(text)
        aim = self.tr("To fit: {device}, {flash} flash, {ram} RAM").format(
            device=_device_title(sample.device), flash=_spaced(sample.flash), ram=_spaced(sample.ram)
        )
        muted = _label(aim, theme.BODY)
        muted.setProperty("muted", True)
        muted.setWordWrap(True)
        layout.addWidget(muted)
        layout.addStretch(1)
        button = QPushButton(self.tr("Try the sample") if self.first is None else self.tr("Try this one"))
        name = self.tr("Try the sample: {title}").format(title=self.tr(sample.title))
        identify(button, f"start.sample.{sample.name}", name)
        button.clicked.connect(lambda: self.open_wanted.emit(f"sample:{sample.name}", None))
        button.setAutoDefault(True)
        if self.first is None:
            self.first = button
            button.setProperty("primary", True)
            button.setDefault(True)
        layout.addWidget(button, 0, Qt.AlignmentFlag.AlignLeft)
        return card

    def _own(self) -> QHBoxLayout:
        line = QHBoxLayout()
        model = identify(QPushButton(self.tr("Open Model…")), "start.openModel", self.tr("Open Model"))
        icons.set_icon(model, "file-box")
        model.clicked.connect(self.choose_model_wanted)
        project = identify(QPushButton(self.tr("Open Project…")), "start.openProject", self.tr("Open Project"))
        icons.set_icon(project, "folder-open")
        project.clicked.connect(self.choose_project_wanted)
        for button in (model, project):
            button.setAutoDefault(True)
            line.addWidget(button)
        hint = _label(self.tr("or drop a model (.onnx, .pt2, .safetensors, .pt …) or its data anywhere"), theme.BODY)
        hint.setProperty("muted", True)
        line.addWidget(hint)
        line.addStretch(1)
        return line

    def _follow(self) -> None:
        self._coach.setVisible(not self._settings.value.coach_dismissed)
        self._show_recent()

    def _show_recent(self) -> None:
        while (item := self._recent.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        recents = self._settings.value.recents[:_SHOWN_RECENT]
        self._recent_box.setVisible(bool(recents))
        if not recents:
            return
        self._recent.addWidget(_label(self.tr("Recent"), theme.HEADING, bold=True), 0, 0)
        for row, recent in enumerate(recents, start=1):
            self._recent.addWidget(self._recent_button(recent, row), row, 0)
            for column, text in enumerate((words.size(recent.size_bytes), words.percent(recent.accuracy)), start=1):
                number = _label(text, theme.BODY)
                number.setProperty("muted", True)
                number.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
                self._recent.addWidget(number, row, column)
        self._recent.setColumnStretch(0, 1)

    def _recent_button(self, recent: Recent, row: int) -> QPushButton:
        name = language.title_of(recent.path, recent.title) or Path(recent.path).name
        # A name may hold an ampersand, which a button would take for a shortcut.
        button = QPushButton(name.replace("&", "&&"))
        identify(button, f"start.recent.{row}", self.tr("Open again: {name}").format(name=name))
        button.setToolTip(recent.path)
        button.setProperty("quiet", True)
        icons.set_icon(button, "history")
        button.clicked.connect(lambda: self.open_wanted.emit(recent.path, recent.data))
        return button


def _label(text: str, size: int, *, bold: bool = False) -> QLabel:
    label = QLabel(text)
    label.setTextFormat(Qt.TextFormat.PlainText)
    font = label.font()
    font.setPixelSize(size)
    font.setBold(bold)
    label.setFont(font)
    return label


def _device_title(name: str) -> str:
    try:
        return device(name).title
    except UserError:
        return name


def _spaced(size: str) -> str:
    """`64KiB` as `64 KiB`."""
    digits = size.rstrip("KMGiBkb ")
    return f"{digits} {size[len(digits) :].strip()}"
