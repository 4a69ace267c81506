"""A bar that shows how much of a budget is used; over it, hatching, a sign and words say so, never colour alone."""

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QBrush, QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from penjing_gui import theme

_HEIGHT = 14


class BudgetBar(QWidget):
    """Used over allowed; without a budget only a track."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._share: float | None = None
        self._stale = False
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def show_share(self, share: float | None, *, stale: bool = False) -> None:
        """1 is the whole budget."""
        if (share, stale) != (self._share, self._stale):
            self._share, self._stale = share, stale
            self.update()

    def sizeHint(self) -> QSize:
        """Low and as wide as there is room."""
        return QSize(80, _HEIGHT)

    def paintEvent(self, event: QPaintEvent) -> None:
        """A track, the used part, and from the budget on hatching."""
        found = theme.colors(self.palette())
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        whole = QRectF(self.rect()).adjusted(0.5, 2.5, -0.5, -2.5)
        painter.setPen(QColor(found.border))
        painter.setBrush(QColor(found.grid))
        painter.drawRoundedRect(whole, 2, 2)
        share = self._share
        if share is not None and share > 0:
            over = share > 1
            # Over budget, the whole bar is what is used and the mark where the budget ends moves left.
            edge = whole.width() * (1 / share if over else share)
            used = QRectF(whole.left(), whole.top(), edge, whole.height())
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(found.muted if self._stale else found.accent))
            painter.drawRoundedRect(used, 2, 2)
            if over:
                rest = QRectF(used.right(), whole.top(), whole.right() - used.right(), whole.height())
                painter.setBrush(QBrush(QColor(found.error), Qt.BrushStyle.BDiagPattern))
                painter.setPen(QColor(found.error))
                painter.drawRect(rest)
        painter.end()
