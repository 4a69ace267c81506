"""What each number of bits costs the weights of the layer that is current, beside all other layers; a click sets it."""

import math
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QComboBox, QWidget

from penjing.plan import WEIGHT_BITS
from penjing_gui.controls.identity import identify
from penjing_gui.controls.readout import Readout
from penjing_gui.pages.panel import Panel
from penjing_gui.plots.bit_curve import BitCurve

if TYPE_CHECKING:
    from collections.abc import Mapping

    from penjing_gui.session import Session

_MOST_BITS = 8
"""More are as good as none lost, and would press the rest of the curve flat."""
_LOUDEST = 200.0
"""dB where nothing is lost at all, for an infinite ratio has no place on an axis."""


class BitsPanel(Panel):
    """Reads the rounding errors that came with the network."""

    def __init__(self, session: "Session", parent: QWidget | None = None) -> None:
        super().__init__(session, parent)
        self.measure = identify(QComboBox(), "bits.measure", self.tr("Error as"))
        self.measure.addItem(self.tr("Signal to noise, dB"), "sqnr")
        self.measure.addItem(self.tr("Error, % of the weight"), "error")
        self.plot = identify(BitCurve(), "plot.bits", self.tr("Error by bits"))
        self.said = identify(Readout(), "bits.said")
        self.said.setProperty("muted", True)
        self.column.addWidget(self.plot, 1)
        self.column.addWidget(self.said)
        for changed in (
            session.opened,
            session.closed,
            session.plan_changed,
            session.selection_changed,
            session.tables_changed,
        ):
            changed.connect(self.refresh)
        self.measure.currentIndexChanged.connect(self.refresh)
        self.plot.chosen.connect(self._choose)
        self.plot.pointed.connect(self._say)

    def title(self) -> str:
        """Of the tab."""
        return self.tr("Bits")

    def how(self) -> str:
        """Of the tab's tip."""
        return self.tr("Exact: what rounding the layer's weights to so many bits loses, beside the other layers")

    def show_now(self) -> None:
        """Read the session."""
        session, decibels = self.session, self.measure.currentData() == "sqnr"
        self.plot.name_axes(self.tr("bits"), self.tr("SQNR, dB") if decibels else self.tr("error, %"))
        errors = session.tables.bit_errors
        layer = session.layer or ""
        curve = self._values(errors.get(layer, {}))
        others = [self._values(one) for name, one in errors.items() if name != layer]
        now = session.plan.settings(layer).weight_bits if curve else 0
        self.plot.show_curves(curve, others if curve else (), now, unit="dB" if decibels else "%")
        self._say(0)

    def _values(self, errors: "Mapping[int, float]") -> dict[int, float]:
        known = {bits: error for bits, error in errors.items() if bits in WEIGHT_BITS and bits <= _MOST_BITS}
        if self.measure.currentData() != "sqnr":
            return {bits: 100 * math.sqrt(error) for bits, error in known.items()}
        return {bits: -10 * math.log10(error) if error > 0 else _LOUDEST for bits, error in known.items()}

    def _say(self, bits: int) -> None:
        session = self.session
        errors = session.tables.bit_errors.get(session.layer or "", {})
        if session.layer is None or not errors:
            text = self.tr("Choose a layer that a plan can change: this shows what rounding its weights costs.")
        else:
            chosen = bits or session.plan.settings(session.layer).weight_bits
            how = self.tr("exact, weights as loaded, symmetric, one scale a filter")
            if chosen in errors:
                said = self.tr("{layer} at {bits} bits: error {share:.3g} % of the weight")
                said = said.format(layer=session.layer, bits=chosen, share=100 * math.sqrt(errors[chosen]))
            else:
                said = self.tr("{layer} is not rounded; a click on a point rounds it").format(layer=session.layer)
            text = f"{said} · {how}"
        self.said.say(text, text)
        self.said.setToolTip(text)
        self.plot.setAccessibleDescription(text)

    def _choose(self, bits: int) -> None:
        session = self.session
        if session.layer is not None and bits in WEIGHT_BITS:
            names = session.selection if session.layer in session.selection else (session.layer,)
            label = self.tr("Weight bits of {layer}").format(layer=session.layer)
            session.set_layer(names, label, weight_bits=bits)
