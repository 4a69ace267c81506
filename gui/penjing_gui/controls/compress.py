"""The Compress dock: what happens to the selected layers, or to all, and what is wrong or useless in it."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QLabel, QScrollArea, QToolButton, QVBoxLayout, QWidget

from penjing.plan import Override
from penjing_gui import icons, theme, words
from penjing_gui.controls.choices import ChoiceControl, LockControl, MethodControl
from penjing_gui.controls.identity import identify
from penjing_gui.controls.numbers import BitsControl, FiltersControl, SparsityControl, ThresholdControl
from penjing_gui.controls.savings import SavingsPanel
from penjing_gui.controls.short_note import ShortNote
from penjing_gui.session import Session
from penjing_gui.what_stays import reasons

_LINES_OF_REASONS = 3
_MOST_PROBLEMS, _LINES = 3, 8
"""Of what is wrong: how many things are said, and in how many lines; the tip has all of them."""


class CompressPanel(QScrollArea):
    """All controls of the plan, one under the other."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        identify(self, "compress", self.tr("Compress"))
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        content = QWidget()
        layout = QVBoxLayout(content)
        layout.setContentsMargins(8, 4, 8, 8)
        layout.setSpacing(6)
        layout.addLayout(self._head())
        layout.addWidget(self._stays)
        grid = QGridLayout()
        grid.setColumnStretch(1, 1)
        grid.setHorizontalSpacing(8)
        grid.setVerticalSpacing(4)
        layout.addLayout(grid)
        self.controls = (
            MethodControl(session, "criterion", "compress.criterion", self.tr("Criterion"), "criterion"),
            ChoiceControl(session, "scope", "compress.scope", self.tr("Scope"), self._scopes()),
            ThresholdControl(session),
            SparsityControl(session),
            MethodControl(
                session, "filter_criterion", "compress.filterCriterion", self.tr("Filters by"), "filter_criterion"
            ),
            FiltersControl(session),
            BitsControl(session, "weight_bits", "compress.weightBits", self.tr("Weight bits")),
            BitsControl(session, "activation_bits", "compress.activationBits", self.tr("Act. bits")),
            SavingsPanel(session),
            MethodControl(session, "scheme", "compress.scheme", self.tr("Scheme"), "scheme"),
            MethodControl(session, "granularity", "compress.granularity", self.tr("Scales"), "granularity"),
            MethodControl(session, "calibrator", "compress.calibrator", self.tr("Ranges"), "calibrator"),
            LockControl(session),
        )
        for control in self.controls:
            control.setParent(self)
            control.add_to(grid)
            control.show()
        self._problems = identify(ShortNote(_LINES), "compress.problems")
        layout.addWidget(self._problems)
        layout.addStretch(1)
        self.setWidget(content)
        for changed in (session.plan_changed, session.selection_changed, session.device_changed, session.opened):
            changed.connect(self._show)
        self._show()

    def _head(self) -> QHBoxLayout:
        self._stays = identify(ShortNote(_LINES_OF_REASONS), "compress.stays")
        self._stays.setProperty("muted", True)
        self._whose = identify(QLabel(), "compress.layers")
        self._whose.setTextFormat(Qt.TextFormat.PlainText)
        font = self._whose.font()
        font.setPixelSize(theme.HEADING)
        font.setBold(True)
        self._whose.setFont(font)
        self._all = identify(QToolButton(), "compress.all", self.tr("Edit all layers"))
        self._all.setToolTip(self.tr("Edit all layers"))
        icons.set_icon(self._all, "layers")
        self._all.setAutoRaise(True)
        self._all.clicked.connect(lambda: self._session.select(()))
        head = QHBoxLayout()
        head.addWidget(self._whose, 1)
        head.addWidget(self._all)
        return head

    def _scopes(self) -> dict[str, str]:
        return {"layer": self.tr("Each layer for itself"), "global": self.tr("All layers together")}

    def _show(self) -> None:
        session = self._session
        chosen = session.selection
        if not chosen:
            text = self.tr("All layers")
            if session.plan.layers and any(own != Override() for own in session.plan.layers.values()):
                text = self.tr("All layers (some differ)")
        elif len(chosen) == 1:
            text = chosen[0]
        else:
            text = self.tr("{count} layers").format(count=len(chosen))
        self._whose.setText(text)
        self._whose.setAccessibleName(text)
        self._all.setEnabled(bool(chosen))
        self._show_reasons()
        self._show_problems()

    def _show_reasons(self) -> None:
        """What no slider reaches in the layer that is selected, or in those."""
        session = self._session
        graph = session.graph
        listed = [session.listed_layers[name] for name in session.selection if name in session.listed_layers]
        said: tuple[str, ...] = ()
        if graph is not None and len(listed) == 1:
            said = reasons(session.texts, graph, listed[0])
        elif kept := [layer.name for layer in listed if not layer.compressible]:
            said = (self.tr("Stay as they are: {layers}.").format(layers=", ".join(kept)),)
        self._stays.setVisible(bool(said))
        self._stays.say(" ".join(said))

    def _show_problems(self) -> None:
        session = self._session
        found = [
            problem
            for problem in session.problems
            if not session.selection or problem.layer is None or problem.layer in session.selection
        ]
        found.sort(key=lambda problem: tuple(words.MARKS).index(problem.level))
        kinds: dict[str, str] = {}
        for problem in found:
            # One of each kind: ten layers with the same remark are one remark.
            said = session.texts.of(problem.code, **problem.values)
            kinds.setdefault(problem.code, f"{words.MARKS[problem.level]} {said}")
        lines = list(kinds.values())
        more = len(lines) - _MOST_PROBLEMS
        text = "\n".join(lines[:_MOST_PROBLEMS]) + (
            self.tr("\n… and {count} more").format(count=more) if more > 0 else ""
        )
        self._problems.say(text, "\n".join(lines))
        theme.set_tone(self._problems, "error" if found and found[0].level == "error" else "warning")
