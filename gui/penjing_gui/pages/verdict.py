"""The verdict of an export: a badge, the real bytes of every file, and each proof with what it found."""

from PySide6.QtCore import QCoreApplication, QEvent, Qt
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QLabel,
    QSizePolicy,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from penjing.results import Rung, RunResult
from penjing_gui import words
from penjing_gui.controls.identity import identify
from penjing_gui.theme import SPACE, TITLE, colors

_MARKS = {True: "✓", False: "✕", None: "○"}


class VerdictView(QWidget):
    """What an export came to; before it, what will stand here."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._result: RunResult | None = None
        self._stale = False
        self.badge = identify(QLabel(textFormat=Qt.TextFormat.PlainText, wordWrap=True), "export.verdict")
        self.summary = QLabel(textFormat=Qt.TextFormat.PlainText, wordWrap=True)
        self.stale = QLabel(textFormat=Qt.TextFormat.PlainText, wordWrap=True)
        self.tree = identify(QTreeWidget(), "export.proofs", self.tr("Files and proofs"))
        self.tree.setHeaderHidden(True)
        self.tree.setColumnCount(2)
        self.tree.setRootIsDecorated(False)
        self.tree.setIndentation(0)
        self.tree.setWordWrap(True)
        self.tree.setUniformRowHeights(False)
        self.tree.setFrameShape(QTreeWidget.Shape.NoFrame)
        self.tree.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.tree.setTabKeyNavigation(False)
        self.tree.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.tree.header().setSectionResizeMode(0, QHeaderView.ResizeMode.ResizeToContents)
        self.tree.header().setStretchLastSection(True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACE)
        for widget in (self.badge, self.summary, self.stale):
            widget.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
            layout.addWidget(widget)
        layout.addWidget(self.tree, 1)
        # Without a result nothing below takes the room, and the words stay on top.
        layout.addStretch(0)
        self.show_result(None)

    def show_result(self, result: RunResult | None) -> None:
        """Show an export, or what one would tell."""
        self._result = result
        self.tree.clear()
        if result is None:
            self.badge.setText(self.tr("No verdict yet"))
            self.badge.setAccessibleName(self.tr("Verdict: none yet"))
            self.summary.setText(
                self.tr(
                    "An export opens every file again in an independent runtime, runs your test data through it and"
                    " compares it with what was on screen. What it finds stands here."
                )
            )
        else:
            verdict = result.verdict
            said = self.tr("passed") if verdict.passed else self.tr("failed")
            self.badge.setText(self.tr("✓ Passed") if verdict.passed else self.tr("✕ Failed"))
            self.badge.setAccessibleName(self.tr("Verdict: {said}").format(said=said))
            self.summary.setText(summary(result))
            self._fill(result)
        self.tree.setVisible(result is not None)
        self.set_stale(False)
        self._style()

    def set_stale(self, stale: bool) -> None:
        """Say that the plan has changed since."""
        self._stale = stale and self._result is not None
        self.stale.setText(self.tr("▲ The plan has changed since this export.") if self._stale else "")
        self.stale.setVisible(self._stale)

    def changeEvent(self, event: QEvent) -> None:
        """The badge follows the palette."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange and hasattr(self, "badge"):
            self._style()

    def _fill(self, result: RunResult) -> None:
        for file in result.files:
            self.tree.addTopLevelItem(QTreeWidgetItem([file.path, f"{words.size(file.bytes)}  ({file.bytes:,} bytes)"]))
        for rung in result.verdict.rungs:
            item = QTreeWidgetItem([f"{_MARKS[rung.passed]} {rung.name}", rung.detail])
            item.setTextAlignment(0, Qt.AlignmentFlag.AlignTop)
            item.setTextAlignment(1, Qt.AlignmentFlag.AlignTop)
            item.setToolTip(1, "")
            self.tree.addTopLevelItem(item)

    def _style(self) -> None:
        look = colors(self.palette())
        color = look.muted
        if self._result is not None:
            color = look.good if self._result.verdict.passed else look.error
        self.badge.setStyleSheet(f"color: {color}; font-size: {TITLE}px; font-weight: 600;")
        self.stale.setStyleSheet(f"color: {look.warning};")


def summary(result: RunResult) -> str:
    """What the export came to, in a few sentences."""
    verdict, before, after = result.verdict, result.baseline, result.compressed
    said = []
    if verdict.passed:
        said.append(_tr("The files compute what was on screen."))
    else:
        wrong = [rung.name for rung in verdict.rungs if rung.passed is False]
        said.append(_tr("Not proven: {names}.").format(names=", ".join(wrong)))
    if verdict.agreement is not None:
        said.append(
            _tr("They choose the same class on {share}.").format(share=words.percent(verdict.agreement, digits=2))
        )
    if verdict.accuracy is not None:
        told = _tr("Test accuracy {value} (n = {n}).")
        said.append(told.format(value=words.accuracy(verdict.accuracy), n=verdict.accuracy.n))
    sizes = _tr("Weights {before} → {after}").format(
        before=words.size(before.size_bytes), after=words.size(after.size_bytes)
    )
    said.append(f"{sizes} ({words.ratio(before.size_bytes, after.size_bytes)}).")
    if verdict.first_divergent_layer is not None:
        said.append(_tr("The first layer that differs is {layer}.").format(layer=verdict.first_divergent_layer))
    return " ".join(said)


def report(result: RunResult, title: str, folder: str) -> str:
    """The verdict as plain text, to be pasted into a message."""
    word = _tr("passed") if result.verdict.passed else _tr("failed")
    lines = [f"Penjing · {title} · {word}", folder, "", summary(result), ""]
    lines += [f"{file.path}: {file.bytes:,} bytes ({file.format})" for file in result.files]
    lines += ["", *(_line(rung) for rung in result.verdict.rungs), "", f"plan {result.plan_hash}"]
    return "\n".join(lines) + "\n"


def _line(rung: Rung) -> str:
    return f"{_MARKS[rung.passed]} {rung.name}: {rung.detail}"


def _tr(text: str) -> str:
    return QCoreApplication.translate("VerdictView", text)
