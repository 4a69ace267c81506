"""What the menus do beyond the session's own verbs: choose files, save, copy and paste settings."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from penjing.plan import Plan
from penjing_gui import copied_settings
from penjing_gui.dialogs import files
from penjing_gui.drops import Drop, kind_of
from penjing_gui.notices import Notice
from penjing_gui.own_devices import add_device
from penjing_gui.settings import write_whole

if TYPE_CHECKING:
    from penjing.worker.messages import Failed
    from penjing_gui.main_window import MainWindow
    from penjing_gui.opening import Pending

PROJECT_SUFFIX = "penjing"


class Commands(QObject):
    """Commands of the main window."""

    def __init__(self, window: "MainWindow") -> None:
        super().__init__(window)
        self._window, self._session = window, window.session

    def open(self, source: str, data: object = None) -> None:
        """Open a network, a sample or a project, after asking about what is not saved; a lesson, a device."""
        kind = kind_of(Path(source))
        if kind == "project":
            self._window.guard(lambda: self._session.open_project(source))
        elif kind == "lesson":
            self._window.show_lesson(source)
        elif kind == "device":
            add_device(self._session, Path(source))
        else:
            self._window.guard(lambda: self._session.open_source(source, data if isinstance(data, str) else None))

    def take_drop(self, drop: Drop) -> None:
        """Open what was dropped."""
        if drop.kind == "data":
            self._session.open_data(drop.path)
        else:
            self.open(drop.path, drop.data)

    def choose_model(self) -> None:
        """Ask for a network."""
        title = self.tr("Open a network")
        files.choose_file(self._window, title, files.model_kinds(), self._folder(), self._chosen)

    def locate(self, title: str, chosen: Callable[[str], None]) -> None:
        """Ask where a file has gone."""
        files.choose_file(self._window, title, "*", self._folder(), lambda path: chosen(files.data_of(path)))

    def ask_architecture(self, pending: "Pending", failure: "Failed") -> None:
        """Ask what a file of tensors belongs to, and open it again with the answer."""
        from penjing_gui.dialogs.architecture import ArchitectureDialog

        session, path = self._session, Path(pending.source)

        def chosen(architecture: str, allowed: bool) -> None:
            session.open_source(
                pending.source,
                pending.data,
                project=pending.project,
                architecture=architecture,
                allow_code=allowed,
            )

        before = None if pending.project is None else pending.project.architecture
        known = [name for name in str(failure.values.get("known", "")).split(", ") if name]
        dialog = ArchitectureDialog(path.name, known, chosen, self._window, before=before, folder=str(path.parent))
        dialog.rejected.connect(lambda: session.noticed.emit(session.projects.failure_to_open(pending, failure)))
        dialog.open()

    def choose_project(self) -> None:
        """Ask for a project."""
        title = self.tr("Open a project")
        files.choose_file(self._window, title, files.project_kinds(), self._folder(), self._chosen)

    def choose_data(self) -> None:
        """Ask for data for the network that is open."""
        title = self.tr("Open data")
        files.choose_file(self._window, title, files.data_kinds(), self._folder(), self._data_chosen)

    def save(self, then: Callable[[], None] | None = None) -> None:
        """Write the project where it lies, or ask where."""
        path = self._session.projects.path
        if path is None or self._session.projects.read_only:
            self.save_as(then)
        elif self._session.save_project(path) and then is not None:
            then()

    def save_as(self, then: Callable[[], None] | None = None) -> None:
        """Ask where the project goes."""

        def chosen(path: str) -> None:
            if self._session.save_project(path) and then is not None:
                then()

        here = self._session.projects.path
        name = Path(self._session.title or "network").stem
        path = Path(self._folder()) / f"{name}.{PROJECT_SUFFIX}" if here is None else here
        title = self.tr("Save the project")
        files.choose_new_file(self._window, title, files.project_kinds(), str(path), PROJECT_SUFFIX, chosen)

    def save_plan(self) -> None:
        """Ask where the plan goes, as the command line reads it."""
        path = Path(self._folder()) / "plan.json"
        title = self.tr("Save the plan")
        files.choose_new_file(self._window, title, self.tr("Plan") + " (*.json)", str(path), "json", self._write_plan)

    def reset_plan(self) -> None:
        """Back to the network as loaded, undoably."""
        plan = Plan(distillation=self._session.plan.distillation)
        self._session.edit(plan, self.tr("Reset plan"))

    def copy_settings(self) -> None:
        """The settings of the layer that plots show, as JSON."""
        copied_settings.copy_settings(self._session)

    def paste_settings(self) -> None:
        """Give the selected layers the settings that were copied."""
        copied_settings.paste_settings(self._session)

    def cancel(self) -> None:
        """Give up what runs: a job, else opening."""
        if self._session.job is not None and self._session.job.active:
            self._session.cancel_job()
        else:
            self._session.cancel_open()

    def about(self) -> None:
        """Say what this is, and under which licences."""
        from penjing_gui.dialogs import about

        about.show(self._window)

    def preferences(self) -> None:
        """Language, theme and the like; what is chosen holds at once."""
        from penjing_gui.dialogs.preferences import Preferences

        Preferences(self._window.settings, self._window).open()

    def compare_devices(self) -> None:
        """The plan on every device, and what the person measured on one."""
        from penjing_gui.dialogs.devices import DevicesDialog

        DevicesDialog(self._session, self._window).open()

    def shortcuts(self) -> None:
        """Every key that does something."""
        from penjing_gui.dialogs.shortcuts import Shortcuts

        Shortcuts(self._window.actions(), self._window).open()

    def _chosen(self, path: str) -> None:
        self._window.settings.update(open_folder=str(Path(path).parent))
        self.open(path)

    def _data_chosen(self, path: str) -> None:
        self._window.settings.update(open_folder=str(Path(path).parent))
        # A card stands for the folder that it describes.
        self._session.open_data(files.data_of(path))

    def _write_plan(self, path: str) -> None:
        try:
            write_whole(Path(path), self._session.plan.to_json().encode())
        except OSError as error:
            text, hint = (
                self.tr("The plan was not written: {error}.").format(error=self._session.texts.refusal(error)),
                self.tr("Choose another place."),
            )
            self._session.noticed.emit(Notice(level="error", text=text, hint=hint, key="save"))

    def _folder(self) -> str:
        folder = self._window.settings.value.open_folder
        return folder if folder and Path(folder).is_dir() else str(Path.home())
