"""Sparsity, filters, threshold, bits: one class for each control, binding one field of the plan both ways."""

import numpy as np
from numpy.typing import NDArray
from PySide6.QtWidgets import QGridLayout

from penjing.inspection.selection import zeros
from penjing.plan import WEIGHT_BITS
from penjing_gui.controls.binding import Binding
from penjing_gui.controls.slider import Scale, ValueSlider
from penjing_gui.session import Session

_BOX = 72
"""Pixels of a spin box."""


def _same(value: float) -> float:
    return value


PERCENT = Scale(steps=1000, to_position=_same, to_value=_same, decimals=1, suffix=" %", factor=100.0)


class NumberControl(Binding):
    """A slider with its spin box, as a row of a grid."""

    def __init__(self, session: Session, field: str, identifier: str, name: str, scale: Scale) -> None:
        super().__init__(session, field, name)
        self.row = ValueSlider(identifier, name, scale, self)
        self.row.began.connect(self.begin_gesture)
        self.row.ended.connect(self.end_gesture)
        self.row.moved.connect(self.write)
        self.changed.connect(self.show)

    def add_to(self, grid: QGridLayout) -> None:
        """Label, slider and spin box below what is there."""
        row = grid.rowCount()
        grid.addWidget(self.row.label, row, 0)
        grid.addWidget(self.row.slider, row, 1)
        grid.addWidget(self.row.box, row, 2)
        self.row.box.setFixedWidth(_BOX)

    def show(self) -> None:
        """Read the plan."""
        common = self.read()
        self.row.set_enabled(common is not None)
        if common is not None:
            self.row.show_value(common.value, mixed=common.mixed)


class SparsityControl(NumberControl):
    """The share of weights that become zero; where a threshold decides, the share that it comes to."""

    def __init__(self, session: Session) -> None:
        super().__init__(session, "sparsity", "compress.sparsity", session.tr("Sparsity"), PERCENT)

    def show(self) -> None:
        """Read the plan."""
        super().show()
        settings = self.settings()
        if len(settings) == 1 and settings[0].threshold is not None:
            ordered = _ordered(self.session, self.layers[0], settings[0].criterion)
            if ordered is not None:
                below = int(np.searchsorted(ordered, np.float32(settings[0].threshold)))
                self.row.show_value(below / max(1, len(ordered)))


class FiltersControl(NumberControl):
    """The share of filters that are removed, with all that is coupled to them."""

    def __init__(self, session: Session) -> None:
        super().__init__(session, "filters", "compress.filters", session.tr("Filters"), PERCENT)


class ThresholdControl(NumberControl):
    """The score below which weights become zero; where a share decides, the threshold that it comes to."""

    def __init__(self, session: Session) -> None:
        self._largest = 1.0
        super().__init__(session, "threshold", "compress.threshold", session.tr("Threshold"), self._scale())

    def show(self) -> None:
        """Read the plan and how large scores can be."""
        settings, names = self.settings(), self.layers
        scores = [_ordered(self.session, name, own.criterion) for name, own in zip(names, settings, strict=True)]
        known = [one for one in scores if one is not None and len(one)]
        self.row.set_enabled(bool(known))
        if not known:
            return
        largest = max(float(one[-1]) for one in known) or 1.0
        if largest != self._largest:
            self._largest = largest
            self.row.set_scale(self._scale())
        thresholds = {own.threshold for own in settings}
        if thresholds == {None}:
            self.row.show_value(_implied(known[0], settings[0].sparsity), mixed=len(known) > 1)
        else:
            self.row.show_value(next(iter(thresholds)) or 0.0, mixed=len(thresholds) > 1)

    def _scale(self) -> Scale:
        # Most weights are small, so the low end gets most of the way.
        largest = self._largest
        return Scale(
            steps=1000,
            to_position=lambda value: (max(value, 0.0) / largest) ** 0.5,
            to_value=lambda share: share * share * largest,
            decimals=max(4, 3 - int(np.floor(np.log10(largest)))),
            high=largest,
            step=largest / 100,
        )


class BitsControl(NumberControl):
    """The bits of weights or of activations: only widths that a plan knows."""

    def __init__(self, session: Session, field: str, identifier: str, name: str) -> None:
        last = len(WEIGHT_BITS) - 1
        scale = Scale(
            steps=last,
            to_position=lambda bits: WEIGHT_BITS.index(_nearest(bits)) / last,
            to_value=lambda share: WEIGHT_BITS[round(share * last)],
            low=WEIGHT_BITS[0],
            high=WEIGHT_BITS[-1],
            step=1,
        )
        super().__init__(session, field, identifier, name, scale)

    def write(self, value: float) -> None:
        """The nearest width that there is, in the direction of the change."""
        common = self.read()
        before = 0 if common is None else common.value
        bits = round(value)
        if bits not in WEIGHT_BITS:
            larger = [known for known in WEIGHT_BITS if known > bits]
            smaller = [known for known in WEIGHT_BITS if known < bits]
            bits = larger[0] if bits > before else smaller[-1]
        super().write(bits)
        self.show()


def _nearest(bits: float) -> int:
    return min(WEIGHT_BITS, key=lambda known: abs(known - bits))


def _ordered(session: Session, layer: str, criterion: str) -> NDArray[np.float32] | None:
    try:
        return session.tables.sorted_scores(layer, criterion)
    except KeyError:
        return None


def _implied(ordered: NDArray[np.float32], sparsity: float) -> float:
    count = zeros(sparsity, len(ordered))
    return 0.0 if count == 0 else float(ordered[min(count, len(ordered) - 1)])
