"""Export: a device, a format, a folder, what speaks for and against; then real bytes and a verdict with its proofs."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QSignalBlocker, QStandardPaths, Qt, QUrl
from PySide6.QtGui import QDesktopServices, QGuiApplication, QShowEvent
from PySide6.QtWidgets import (
    QCheckBox,
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
from penjing_gui.controls.choices import QuietComboBox
from penjing_gui.controls.identity import identify
from penjing_gui.controls.unhurried import Unhurried
from penjing_gui.jobs import Job
from penjing_gui.new_runs import run_name
from penjing_gui.pages.checklist import Checklist, checks
from penjing_gui.pages.device_cards import DeviceCards
from penjing_gui.pages.empty import Page, heading
from penjing_gui.pages.verdict import VerdictView
from penjing_gui.theme import SPACE

if TYPE_CHECKING:
    from penjing.results import RunResult
    from penjing_gui.session import Session

RECOMMENDED = ""
"""The format entry that leaves the choice to the device."""


class ExportPage(Page):
    """Choices and checklist on the left, what came out on the right."""

    def __init__(self, session: "Session", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.devices = DeviceCards(session)
        self.network = QLabel(textFormat=Qt.TextFormat.PlainText, wordWrap=True)
        self.format = identify(QuietComboBox(), "export.format")
        self.twice = identify(QCheckBox(self.tr("Round &twice, as TensorFlow Lite does")), "export.roundTwice")
        self.cmsis_nn = identify(QCheckBox(self.tr("Call CM&SIS-NN where it computes the same")), "export.cmsisNn")
        self.format_says = QLabel(textFormat=Qt.TextFormat.PlainText, wordWrap=True)
        self.folder = identify(QLineEdit(), "export.folder", self.tr("Folder"))
        self.browse = identify(QPushButton(self.tr("Browse…")), "export.browse")
        self.run = identify(QPushButton(self.tr("Export…")), "export.run", self.tr("Export"))
        self.run.setProperty("primary", True)
        self.cancel = identify(QPushButton(self.tr("Cancel")), "export.cancel")
        self.progress = identify(QProgressBar(), "export.progress", self.tr("Export progress"))
        self.status = identify(QLabel(textFormat=Qt.TextFormat.PlainText, wordWrap=True), "export.status")
        self.checklist = identify(Checklist(), "export.checklist", self.tr("Checklist"))
        self.verdict = VerdictView(session.texts)
        self.open_folder = identify(QPushButton(self.tr("Open folder")), "export.openFolder")
        self.copy_report = identify(QPushButton(self.tr("Copy report")), "export.copyReport")
        self._lay_out()
        self._connect()
        self._opened()

    def _lay_out(self) -> None:
        left = QVBoxLayout()
        left.addLayout(self._form())
        left.addWidget(heading(self.tr("Before you export")))
        left.addWidget(self.checklist)
        left.addStretch()
        buttons = QHBoxLayout()
        buttons.addWidget(self.run, 1)
        buttons.addWidget(self.cancel)
        left.addLayout(buttons)
        left.addWidget(self.progress)
        left.addWidget(self.status)
        # Two lines at any time, so that nothing moves while they change.
        self.status.setMinimumHeight(2 * self.status.fontMetrics().lineSpacing())
        self.status.setAlignment(Qt.AlignmentFlag.AlignTop)
        card = QFrame()
        card.setProperty("card", True)
        right = QVBoxLayout(card)
        right.setContentsMargins(2 * SPACE, 2 * SPACE, SPACE, SPACE)
        right.addWidget(self.verdict, 1)
        after = QHBoxLayout()
        after.addStretch()
        after.addWidget(self.open_folder)
        after.addWidget(self.copy_report)
        right.addLayout(after)
        below = QHBoxLayout()
        below.setSpacing(2 * SPACE)
        below.addLayout(left, 1)
        below.addWidget(card, 1)
        layout = QVBoxLayout(self.content)
        layout.setContentsMargins(2 * SPACE, SPACE, SPACE, SPACE)
        layout.setSpacing(SPACE)
        layout.addWidget(self.devices)
        layout.addLayout(below, 1)

    def _form(self) -> QFormLayout:
        form = QFormLayout()
        form.setVerticalSpacing(SPACE // 2)  # so that all of it fits 800 pixels in Chinese, too
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.addRow(self.tr("Network"), self.network)
        form.addRow(self.tr("For&mat"), self.format)
        form.addRow("", self.format_says)
        for way in (self.twice, self.cmsis_nn):
            form.addRow("", way)
        self.twice.setToolTip(
            self.tr("Results are rounded as TensorFlow Lite and CMSIS-NN round by default, not as the screen does.")
        )
        self.cmsis_nn.setToolTip(
            self.tr(
                "A second source beside the first, bit for bit the same. It is tried if the environment variable "
                "PENJING_CMSIS_NN tells where the library lies."
            )
        )
        where = QHBoxLayout()
        where.addWidget(self.folder, 1)
        where.addWidget(self.browse)
        form.addRow(self.tr("Fo&lder"), where)
        label = form.labelForField(where)
        if isinstance(label, QLabel):
            label.setBuddy(self.folder)
        self.format.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.format_says.setProperty("muted", True)
        # Fonts that Chinese is written in are a little taller than they say.
        self.format_says.setMinimumHeight(2 * self.format_says.fontMetrics().lineSpacing() + SPACE // 2)
        self.format_says.setAlignment(Qt.AlignmentFlag.AlignTop)
        return form

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
        self.format.currentIndexChanged.connect(self._say_format)
        self._format_soon = Unhurried(self._say_format_soon, self)
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
        if session.is_open:
            self.folder.setText(_default_folder(session.source or "", session.title))
        self._device_changed()
        self._show_result(session.export_result)

    def _device_changed(self) -> None:
        self._fill_formats()
        self._say()

    def _fill_formats(self) -> None:
        chosen = self.format.currentData()
        with QSignalBlocker(self.format):
            self.format.clear()
            device = self._session.device
            recommended = self.tr("Recommended") if device is None else self.tr("Recommended for this device")
            self.format.addItem(recommended, RECOMMENDED)
            for id, method in methods("format").items():
                self.format.addItem(self.tr(method.title), id)
            self.format.setCurrentIndex(max(self.format.findData(chosen), 0))
        self._say_format()

    def _say_format(self) -> None:
        chosen, device, known = self.format.currentData(), self._session.device, methods("format")
        own = [] if device is None else [device.default_format]
        if chosen == RECOMMENDED:
            ids = dict.fromkeys((*own, "onnx", "penjingnet"))
            names = [" ".join((self.tr(known[id].title), *self._predicted(id))) for id in ids]
            text = self.tr("Writes {names}.").format(names=", ".join(names))
        else:
            text = " ".join((self._purposes().get(chosen, ""), *self._predicted(chosen)))
        if text != self.format_says.text():
            self.format_says.setText(text)
        in_c = "c99" in (own if chosen == RECOMMENDED else [chosen])
        for way in (self.twice, self.cmsis_nn):
            way.setVisible(in_c)

    def _say_format_soon(self) -> Iterator[None]:
        """As a slider moves: bytes of whole files take longer to tell than what is exact."""
        self._say_format()
        yield

    def _predicted(self, format: str) -> tuple[str, ...]:
        """The bytes that a file in this format will have, in brackets; nothing where that is not known."""
        found = self._session.file_size(format)
        if found is None:
            return ()
        size = self.tr("{size} ± {band:.0f} %").format(size=words.size(found.bytes), band=100 * found.band)
        return (f"({size})",)

    def _purposes(self) -> dict[str, str]:
        return {
            "onnx": self.tr("For every ONNX runtime, in float32; rounded weights stand in it as the floats they mean."),
            "onnx-int8": self.tr("For ONNX Runtime on boards with Linux: integers with their scales."),
            "c99": self.tr("For microcontrollers: source code of its own, without libraries or malloc."),
            "pt2": self.tr("For PyTorch and what builds on it."),
            "penjingnet": self.tr("Penjing's own: every weight as it is stored; can be opened here again."),
        }

    def showEvent(self, event: QShowEvent) -> None:
        """What changed while another tab was in front."""
        super().showEvent(event)
        self._session.prepare_job()
        self._say()

    def _say(self) -> None:
        session = self._session
        # Sliders move many times a second, and most of the time another tab is in front.
        if not session.is_open or not self.isVisible():
            return
        run = session.run
        trained = run is not None and run.has_network
        name = "" if run is None else run_name(run)
        self.network.setText(
            self.tr("{name}, with its trained weights").format(name=name)
            if trained
            else self.tr("the plan as the sliders show it, without training")
        )
        self._format_soon.ask()
        stale = session.results.plan != session.plan
        result = None if stale else session.export_result
        self.checklist.show_checks(checks(session, verdict=None if result is None else result.verdict))
        job = session.job
        busy = job is not None and job.active
        exporting = job is not None and busy and job.kind == "export"
        self.run.setEnabled(not busy and bool(self.folder.text().strip()))
        self.cancel.setEnabled(exporting)
        self._say_progress(job, exporting)
        self.verdict.set_stale(stale)

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
                "done": self.tr("Written to {folder}").format(folder=self._session.results.folder),
                "cancelled": self.tr("Cancelled; nothing was written."),
                "failed": self.tr("The export failed; nothing was written."),
            }
            said = ends.get(job.state, "")
        self.status.setText(said)

    # ------------------------------------------------------------------------------------------------------- actions

    def _run(self) -> None:
        chosen, folder = self.format.currentData(), Path(self.folder.text().strip()).expanduser()
        self._show_result(None)
        self._session.export(
            () if chosen == RECOMMENDED else (chosen,),
            str(folder),
            rounding="double" if self.twice.isChecked() else "single",
            kernels="cmsis-nn" if self.cmsis_nn.isChecked() else "generated",
        )

    def _job_changed(self, job: Job) -> None:
        self._say()

    def _exported(self, result: "RunResult") -> None:
        self._show_result(result)
        self._say()

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
        QDesktopServices.openUrl(QUrl.fromLocalFile(self._session.results.folder))

    def _copy(self) -> None:
        text = self.verdict.report(self._session.title, self._session.results.folder)
        QGuiApplication.clipboard().setText(text)


def _default_folder(source: str, title: str) -> str:
    """Beside the person's own file; for a sample in the documents."""
    if source and not source.startswith("sample:"):
        path = Path(source)
        return str(path.with_name(f"{path.stem}-export"))
    home = os.environ.get("PENJING_HOME")
    documents = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.DocumentsLocation)
    name = source.removeprefix("sample:") or "network"
    return str(Path(home or documents) / "Penjing" / f"{name}-export")
