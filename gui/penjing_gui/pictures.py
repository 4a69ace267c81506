"""Keeps any plot as a picture: from the plot's own menu, or the one that has the keyboard from the File menu."""

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QPoint
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication, QMenu, QWidget

from penjing_gui.dialogs import files
from penjing_gui.notices import Notice

if TYPE_CHECKING:
    from penjing_gui.main_window import MainWindow
    from penjing_gui.plots.picture import Plot


class Pictures(QObject):
    """Of one window."""

    def __init__(self, window: "MainWindow") -> None:
        super().__init__(window)
        self._window, self._session = window, window.session

    def show_menu(self, widget: QWidget | None, at: QPoint) -> bool:
        """What can be done with the plot that a widget is part of; False where it is none.

        Args:
            widget: Under the mouse, or with the keyboard.
            at: Where the menu opens, on the screen.
        """
        plot = _plot_of(widget)
        if plot is None:
            return False
        menu = QMenu(plot)
        menu.addAction(self.tr("Save Plot as Pict&ure…")).triggered.connect(lambda: self.save(plot))
        menu.addAction(self.tr("&Copy Picture")).triggered.connect(lambda: self.copy(plot))
        menu.aboutToHide.connect(menu.deleteLater)
        menu.popup(at)
        return True

    def save_one(self) -> None:
        """The plot that has the keyboard, else the first that is seen."""
        plot = _plot_of(QApplication.focusWidget()) or next(iter(self._seen()), None)
        if plot is None:
            text, hint = self.tr("No plot is shown here."), self.tr("Open a page with a plot, for example Explore.")
            self._session.noticed.emit(Notice(level="warning", text=text, hint=hint, key="picture"))
        else:
            self.save(plot)

    def save(self, plot: "Plot") -> None:
        """Ask where the picture goes; the suffix says which kind."""
        name = plot.accessibleIdentifier().removeprefix("plot.") or "plot"
        path = str(Path.home() / f"{name}.svg")
        kinds = f"{self.tr('Pictures')} (*.svg *.png)"
        title = self.tr("Save the plot as a picture")
        files.choose_new_file(self._window, title, kinds, path, "svg", lambda chosen: self.write(plot, Path(chosen)))

    def write(self, plot: "Plot", path: Path) -> None:
        """The plot as it is drawn."""
        from penjing_gui.plots.picture import write_picture

        try:
            write_picture(plot, path)
        except OSError as error:
            why = self._session.texts.refusal(error)
            text = self.tr("The picture was not written: {error}.").format(error=why)
            hint = self.tr("Choose another place.")
            self._session.noticed.emit(Notice(level="error", text=text, hint=hint, key="picture"))
        else:
            text = self.tr("Written: {path}").format(path=path)
            self._session.noticed.emit(Notice(level="information", text=text, key="picture"))

    def copy(self, plot: "Plot") -> None:
        """Put the plot into the clipboard, to be pasted into a document."""
        QGuiApplication.clipboard().setPixmap(plot.grab())

    def _seen(self) -> list["Plot"]:
        from penjing_gui.plots.picture import Plot

        return [one for one in self._window.findChildren(QWidget) if isinstance(one, Plot) and one.isVisible()]


def _plot_of(widget: QWidget | None) -> "Plot | None":
    from penjing_gui.plots.picture import Plot

    while widget is not None and not isinstance(widget, Plot):
        widget = widget.parentWidget()
    return widget
