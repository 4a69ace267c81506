"""One undo command for every edit: the plan before and the plan after; the edits of one drag become one step."""

from collections.abc import Callable

from PySide6.QtGui import QUndoCommand

from penjing.plan import Plan

COMMAND_ID = 1


class PlanCommand(QUndoCommand):
    """Swaps plans; merges with the command before it when both carry the same gesture."""

    def __init__(
        self, before: Plan, after: Plan, label: str, *, apply: Callable[[Plan], None], gesture: str | None = None
    ) -> None:
        super().__init__(label)
        self.before, self.after, self.gesture = before, after, gesture
        self._apply = apply

    def id(self) -> int:
        """Only commands with a gesture are offered to each other for merging."""
        return -1 if self.gesture is None else COMMAND_ID

    def mergeWith(self, other: QUndoCommand) -> bool:
        """Take in a later edit of the same gesture; a drag that ends where it began leaves no step."""
        if not isinstance(other, PlanCommand) or other.gesture != self.gesture:
            return False
        self.after = other.after
        self.setObsolete(self.after == self.before)
        return True

    def redo(self) -> None:
        """Also what `QUndoStack.push` calls first."""
        self._apply(self.after)

    def undo(self) -> None:
        """Back to the plan before the gesture."""
        self._apply(self.before)
