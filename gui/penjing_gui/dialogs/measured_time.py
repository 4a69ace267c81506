"""Fits the device's profile to a time that the person measured on a board, shows the error, keeps it as their own."""

from typing import TYPE_CHECKING

import msgspec
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QFormLayout, QLabel, QLineEdit, QVBoxLayout, QWidget

from penjing.devices.profiles import Device, Measurement, checked_name, collection, device
from penjing.devices.refit import Refit, refit
from penjing.devices.units import parse_time
from penjing.devices.writing import save_device
from penjing.errors import UserError
from penjing.estimation.latency import work
from penjing.estimation.prediction import predict
from penjing_gui import language, words
from penjing_gui.controls.identity import identify
from penjing_gui.controls.number_box import plain
from penjing_gui.theme import SPACE

if TYPE_CHECKING:
    from penjing_gui.session import Session

_RESULT_LINES = 6


class MeasuredTime(QDialog):
    """One time of the plan that the sliders show; what was measured before on the same device counts, too."""

    def __init__(self, session: "Session", name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._device = device(name)
        self._own = name in collection().files
        self._found: Refit | None = None
        identify(self, "measured", self.tr("Measured time"))
        self.setWindowTitle(self.tr("Measured time"))
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setMinimumWidth(460)
        self.time = identify(QLineEdit(), "measured.time", self.tr("One inference took"))
        self.time.setPlaceholderText("38 ms")
        self.time.setClearButtonEnabled(True)
        self.name = identify(QLineEdit(), "measured.name", self.tr("Keep as"))
        self.name.setText(name if self._own else f"{name}-measured")
        self.outcome = identify(QLabel(textFormat=Qt.TextFormat.PlainText, wordWrap=True), "measured.result")
        self.outcome.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.outcome.setMinimumHeight(_RESULT_LINES * self.fontMetrics().lineSpacing())
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Save | QDialogButtonBox.StandardButton.Cancel)
        self.save = identify(buttons.button(QDialogButtonBox.StandardButton.Save), "measured.save")
        buttons.accepted.connect(self._save)
        buttons.rejected.connect(self.reject)
        form = QFormLayout()
        form.setVerticalSpacing(SPACE)
        what = QLabel(self._device.title, textFormat=Qt.TextFormat.PlainText)
        form.addRow(self.tr("Device"), what)
        form.addRow(self.tr("Network"), QLabel(self._network(), textFormat=Qt.TextFormat.PlainText))
        form.addRow(self.tr("One inference took"), self.time)
        form.addRow(self.tr("Keep as"), self.name)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(2 * SPACE, 2 * SPACE, 2 * SPACE, SPACE)
        layout.addLayout(form)
        layout.addWidget(self.outcome)
        layout.addWidget(buttons)
        for field in (self.time, self.name):
            field.textChanged.connect(self._fit)
        self._fit()

    def _network(self) -> str:
        return self.tr("{title}, the plan as it is now").format(
            title=language.title_of(self._session.source or "", self._session.title)
        )

    def _fit(self) -> None:
        """Fit to what stands in the fields, and say what comes of it or what is wrong."""
        self._found = None
        session = self._session
        try:
            if self.time.text().strip() and session.graph is not None:
                checked_name(self.name.text().strip())
                self._found = refit(self._device, self._measurements())
        except UserError as error:
            self._say(f"{error.message(session.texts.language)} {error.hint(session.texts.language) or ''}".strip())
        except KeyError:  # scores on their way
            self._say(self.tr("The plan is still being looked at; open this again in a moment."))
        else:
            self._say(self._told())
        self.save.setEnabled(self._found is not None)

    def _measurements(self) -> tuple[Measurement, ...]:
        session = self._session
        assert session.graph is not None
        latency = parse_time(plain(self.time.text()))
        found = predict(session.graph, session.plan, session.tables)
        title = f"{session.title} {session.plan.hash[:8]}"[-400:]
        measurement = Measurement(name=title, latency_ms=latency, macs=work(found.graph, found.state, self._device))
        # The same network timed again replaces what was there.
        earlier = [one for one in self._device.measurements if one.name != measurement.name]
        return (*earlier, measurement)

    def _told(self) -> str:
        if self._found is None:
            return self.tr(
                "Measure the exported network on your board and enter the time of one inference with its unit."
            )
        lines = []
        for row in self._found.rows:
            said = self.tr("{name}: measured {measured}, profile before {before}, now {after} ({error:+.1f} %)")
            lines.append(
                said.format(
                    name=row.name,
                    measured=words.banded(row.measured_ms, "ms", None),
                    before=words.banded(row.before_ms, "ms", None),
                    after=words.banded(row.after_ms, "ms", None),
                    error=100 * row.error,
                )
            )
        fitted = self._found.device
        band = max(rates.band for rates in fitted.throughput[fitted.library or ""].values())
        lines.append(self.tr("Predicted times of networks like these: ± {band:.0f} %.").format(band=100 * band))
        if self._found.unseen_error is not None:
            said = self.tr("Each measurement, predicted from the others alone, is off by {error:.0f} % on average.")
            lines.append(said.format(error=100 * self._found.unseen_error))
        return "\n".join(lines)

    def _say(self, text: str) -> None:
        self.outcome.setText(text)
        self.outcome.setAccessibleName(text)

    def _save(self) -> None:
        if self._found is None:
            return
        session, name = self._session, self.name.text().strip()
        try:
            save_device(_named(self._found.device, name))
            session.set_device(name)
        except UserError as error:
            self._say(f"{error.message(session.texts.language)} {error.hint(session.texts.language) or ''}")
            return
        session.devices_changed.emit()
        self.accept()


def _named(found: Device, name: str) -> Device:
    if name == found.name:
        return found
    return msgspec.structs.replace(found, name=name, title=f"{found.title} · {name}"[:400], aliases=())
