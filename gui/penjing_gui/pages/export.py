"""Export: a device, a format, a folder, what speaks for and against; then real bytes and a verdict with its proofs."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QStandardPaths, Qt, QUrl
from PySide6.QtGui import QDesktopServices, QGuiApplication, QShowEvent
from PySide6.QtWidgets import (
    QComboBox,
    QFileDialog,
    QFormLayout,
    QFrame,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from penjing.catalogue.methods import methods
from penjing_gui import words
from penjing_gui.controls.identity import identify
from penjing_gui.jobs import Job
from penjing_gui.pages.checklist import Checklist, checks
from penjing_gui.pages.empty import Page
from penjing_gui.pages.verdict import VerdictView, report
from penjing_gui.theme import SPACE

if TYPE_CHECKING:
    from penjing.plan import Plan
    from penjing.results import RunResult
    from penjing_gui.session import Session

RECOMMENDED = ""
"""The format entry that leaves the choice to the device."""


class ExportPage(Page):
    """Choices and checklist on the left, what came out on the right."""

    def __init__(self, session: "Session", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._folder: str | None = None
        self._plan: Plan | None = None
        self.device = QLabel(textFormat=Qt.TextFormat.PlainText, wordWrap=True)
        self.network = QLabel(textFormat=Qt.TextFormat.PlainText, wordWrap=True)
        self.format = identify(QComboBox(), "export.format")
        self.folder = identify(QLineEdit(), "export.folder", self.tr("Folder"))
        self.browse = identify(QPushButton(self.tr("Browse…")), "export.browse")
        self.run = identify(QPushButton(self.tr("Export…")), "export.run", self.tr("Export"))
        self.run.setProperty("primary", True)
        self.cancel = identify(QPushButton(self.tr("Cancel")), "export.cancel")
        self.progress = identify(QProgressBar(), "export.progress", self.tr("Export progress"))
        self.status = identify(QLabel(textFormat=Qt.TextFormat.PlainText, wordWrap=True), "export.status")
        self.checklist = identify(Checklist(), "export.checklist", self.tr("Checklist"))
        self.verdict = VerdictView()
        self.open_folder = identify(QPushButton(self.tr("Open folder")), "export.openFolder")
        self.copy_report = identify(QPushButton(self.tr("Copy report")), "export.copyReport")
        self._lay_out()
        self._connect()
        self._opened()

    def _lay_out(self) -> None:
        form = QFormLayout()
        form.setVerticalSpacing(SPACE)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.addRow(self.tr("Device"), self.device)
        form.addRow(self.tr("Network"), self.network)
        form.addRow(self.tr("For&mat"), self.format)
        where = QHBoxLayout()
        where.addWidget(self.folder, 1)
        where.addWidget(self.browse)
        form.addRow(self.tr("Fo&lder"), where)
        label = form.labelForField(where)
        if isinstance(label, QLabel):
            label.setBuddy(self.folder)
        self.format.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        left = QVBoxLayout()
        left.addLayout(form)
        left.addSpacing(SPACE)
        left.addWidget(_heading(self.tr("Before you export")))
        left.addWidget(self.checklist)
        left.addSpacing(SPACE)
        buttons = QHBoxLayout()
        buttons.addWidget(self.run, 1)
        buttons.addWidget(self.cancel)
        left.addLayout(buttons)
        left.addWidget(self.progress)
        left.addWidget(self.status)
        left.addStretch()
        card = QFrame()
        card.setProperty("card", True)
        right = QVBoxLayout(card)
        right.setContentsMargins(2 * SPACE, 2 * SPACE, 2 * SPACE, SPACE)
        right.addWidget(self.verdict, 1)
        after = QHBoxLayout()
        after.addStretch()
        after.addWidget(self.open_folder)
        after.addWidget(self.copy_report)
        right.addLayout(after)
        layout = QHBoxLayout(self.content)
        layout.setContentsMargins(2 * SPACE, 2 * SPACE, SPACE, SPACE)
        layout.setSpacing(2 * SPACE)
        layout.addLayout(left, 1)
        layout.addWidget(card, 1)

    def _connect(self) -> None:
        session = self._session
        session.opened.connect(self._opened)
        session.closed.connect(self._opened)
        session.device_changed.connect(self._device_changed)
        for changed in (
            session.figures_changed,
            session.accuracy_changed,
            session.budgets_changed,
            session.runs_changed,
        ):
            changed.connect(self._say)
        session.job_changed.connect(self._job_changed)
        session.exported.connect(self._exported)
        self.run.clicked.connect(self._run)
        self.cancel.clicked.connect(session.cancel_job)
        self.browse.clicked.connect(self._browse)
        self.folder.textChanged.connect(self._say)
        self.open_folder.clicked.connect(self._show_folder)
        self.copy_report.clicked.connect(self._copy)

    # --------------------------------------------------------------------------------------------------------- state

    def _opened(self) -> None:
        session = self._session
        if not session.is_open:
            self.say_empty(
                self.tr("No network is open."), self.tr("Open a model or try a sample; then export it here.")
            )
        self.show_content(session.is_open)
        self._folder, self._plan = None, None
        if session.is_open:
            self.folder.setText(_default_folder(session.source or "", session.title))
        self._device_changed()
        self._show_result(None)

    def _device_changed(self) -> None:
        session, found = self._session, self._session.device
        if found is None:
            self.device.setText(self.tr("none chosen; choose one in the tool bar"))
        else:
            room = self.tr("{flash} flash, {ram} RAM").format(
                flash=words.size(found.flash_bytes), ram=words.size(found.ram_bytes)
            )
            self.device.setText(f"{found.title}\n{found.core}, {found.clock_mhz:g} MHz · {room}")
        self._fill_formats()
        if session.is_open:
            self._say()

    def _fill_formats(self) -> None:
        chosen, found = self.format.currentData(), self._session.device
        known = methods("format")
        own = None if found is None else known.get(found.default_format)
        names = [known[name].title for name in ("onnx", "penjingnet")]
        if own is not None and own.title not in names:
            names.insert(0, own.title)
        self.format.clear()
        self.format.addItem(self.tr("Recommended: {names}").format(names=", ".join(names)), RECOMMENDED)
        for id, method in known.items():
            self.format.addItem(method.title, id)
        self.format.setCurrentIndex(max(self.format.findData(chosen), 0))

    def showEvent(self, event: QShowEvent) -> None:
        """What changed while another tab was in front."""
        super().showEvent(event)
        self._say()

    def _say(self) -> None:
        session = self._session
        # Sliders move many times a second, and most of the time another tab is in front.
        if not session.is_open or not self.isVisible():
            return
        run = session.run
        trained = run is not None and run.has_network
        name = "" if run is None else run.name
        self.network.setText(
            self.tr("{name}, with its trained weights").format(name=name)
            if trained
            else self.tr("the plan as the sliders show it, without training")
        )
        self.checklist.show_checks(checks(session))
        job = session.job
        busy = job is not None and job.active
        exporting = job is not None and busy and job.kind == "export"
        self.run.setEnabled(not busy and bool(self.folder.text().strip()))
        self.cancel.setEnabled(exporting)
        self._say_progress(job, exporting)
        self.verdict.set_stale(self._plan is not None and self._plan != session.plan)

    def _say_progress(self, job: Job | None, exporting: bool) -> None:
        if exporting and job is not None:
            self.progress.setRange(0, int(job.total))
            self.progress.setValue(int(job.done))
            self.progress.setTextVisible(True)
            stage = self._session.texts.of(f"stage.{job.stage}") if job.stage else self.tr("Starting")
            self.status.setText(f"{stage}…")
            return
        done = job is not None and job.kind == "export" and job.state == "done"
        self.progress.setRange(0, 1)
        self.progress.setValue(1 if done else 0)
        self.progress.setTextVisible(False)
        said = ""
        if job is not None and job.active:
            said = self.tr("Another job is running: {title}.").format(title=job.title)
        elif job is not None and job.kind == "export":
            ends = {
                "done": self.tr("Written to {folder}").format(folder=self._folder),
                "cancelled": self.tr("Cancelled; nothing was written."),
                "failed": self.tr("The export failed; nothing was written."),
            }
            said = ends.get(job.state, "")
        self.status.setText(said)

    # ------------------------------------------------------------------------------------------------------- actions

    def _run(self) -> None:
        chosen = self.format.currentData()
        self._folder, self._plan = str(Path(self.folder.text().strip()).expanduser()), self._session.plan
        self._show_result(None)
        self._session.export(() if chosen == RECOMMENDED else (chosen,), self._folder)

    def _job_changed(self, job: Job) -> None:
        self._say()

    def _exported(self, result: "RunResult") -> None:
        self._show_result(result)

    def _show_result(self, result: "RunResult | None") -> None:
        self.verdict.show_result(result)
        for button in (self.open_folder, self.copy_report):
            button.setEnabled(result is not None)

    def _browse(self) -> None:
        dialog = QFileDialog(self, self.tr("Folder for the export"), self.folder.text())
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.setOption(QFileDialog.Option.ShowDirsOnly)
        dialog.fileSelected.connect(self.folder.setText)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    def _show_folder(self) -> None:
        if self._folder is not None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(self._folder))

    def _copy(self) -> None:
        result = self._session.export_result
        if result is not None:
            QGuiApplication.clipboard().setText(report(result, self._session.title, self._folder or ""))


def _default_folder(source: str, title: str) -> str:
    """Beside the person's own file; for a sample in the documents."""
    if source and not source.startswith("sample:"):
        path = Path(source)
        return str(path.with_name(f"{path.stem}-export"))
    home = os.environ.get("PENJING_HOME")
    documents = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.DocumentsLocation)
    name = source.removeprefix("sample:") or "network"
    return str(Path(home or documents) / "Penjing" / f"{name}-export")


def _heading(text: str) -> QLabel:
    label = QLabel(text)
    font = label.font()
    font.setWeight(font.Weight.DemiBold)
    label.setFont(font)
    return label
