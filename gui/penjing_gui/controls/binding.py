"""Binds a control to one plan field of the selected layers, both ways; edits of one drag share a gesture id."""

import itertools
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QObject, Signal

from penjing.errors import UserError
from penjing.plan import Settings
from penjing_gui.session import Session

_gestures = itertools.count(1)


@dataclass(frozen=True)
class Common:
    """What the selected layers have for a field."""

    value: Any
    mixed: bool
    """They differ; `value` is then that of the first."""


class Binding(QObject):
    """One field of the plan for the selected layers."""

    changed = Signal()
    """The plan, the selection or what is known of the network changed: read again."""

    def __init__(self, session: Session, field: str, label: str, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.session, self.field, self.label = session, field, label
        self._gesture: str | None = None
        session.plan_changed.connect(self.changed)
        session.selection_changed.connect(self.changed)
        session.tables_changed.connect(self.changed)

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of the layers that are edited."""
        return self.session.edited

    def settings(self) -> tuple[Settings, ...]:
        """Of those layers."""
        return tuple(self.session.plan.settings(name) for name in self.layers)

    def read(self) -> Common | None:
        """The common value; None while nothing is open."""
        values = [getattr(settings, self.field) for settings in self.settings()]
        if not values:
            return None
        return Common(values[0], any(value != values[0] for value in values[1:]))

    def write(self, value: Any) -> None:
        """Set the field; within a gesture this is one undo step."""
        try:
            self.session.set_selected(self.label, self._gesture, **{self.field: value})
        except UserError as error:
            self.session.noticed.emit(self.session.texts.error(error, key="plan"))

    def begin_gesture(self) -> None:
        """From now on edits are one step."""
        self._gesture = f"{self.field}-{next(_gestures)}"

    def end_gesture(self) -> None:
        """The next edit is a step of its own."""
        self._gesture = None
