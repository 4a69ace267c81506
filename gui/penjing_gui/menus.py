"""Fills the menu bar: File, Edit, View, Run, Help."""

from typing import TYPE_CHECKING

from PySide6.QtGui import QAction, QActionGroup
from PySide6.QtWidgets import QMenu

if TYPE_CHECKING:
    from penjing_gui.main_window import MainWindow
    from penjing_gui.settings import ThemeChoice


def fill_menus(window: "MainWindow") -> None:
    """All menus, with everything connected."""
    does, do, bar = window.actions_, window.commands, window.menuBar()
    connect = {
        does.open_model: do.choose_model,
        does.open_data: do.choose_data,
        does.open_project: do.choose_project,
        does.save: do.save,
        does.save_as: do.save_as,
        does.save_plan: do.save_plan,
        does.export: lambda: window.show_tab(window.workbench.EXPORT),
        does.start_page: window.show_start,
        does.quit: window.close,
        does.copy_settings: do.copy_settings,
        does.paste_settings: do.paste_settings,
        does.reset_plan: do.reset_plan,
        does.filter: window.docks.focus_filter,
        does.measure: window.session.measure_all,
        does.fit: window.session.fit,
        does.cancel: do.cancel,
        does.help: lambda: window.show_tab(window.workbench.LEARN),
        does.about: do.about,
    }
    for action, command in connect.items():
        action.triggered.connect(lambda _=False, command=command: command())
        window.addAction(action)
    for number, action in enumerate(does.tabs):
        action.setText(window.workbench.titles()[number])
        action.triggered.connect(lambda _=False, number=number: window.show_tab(number))
        window.addAction(action)
    file = bar.addMenu(window.tr("&File"))
    _add(file, does.open_model, does.open_data, does.open_project)
    recent = file.addMenu(window.tr("Open &Recent"))
    recent.aboutToShow.connect(lambda: _fill_recent(window, recent))
    _add(file, None, does.save, does.save_as, does.save_plan, None, does.export, None, does.start_page, does.quit)
    _add(bar.addMenu(window.tr("&Edit")), does.undo, does.redo, None, does.copy_settings, does.paste_settings)
    edit = bar.actions()[-1].menu()
    assert isinstance(edit, QMenu)
    _add(edit, None, does.reset_plan, None, does.filter)
    view = bar.addMenu(window.tr("&View"))
    _add(view, *does.tabs, None, does.before, None)
    for dock in window.docks.all():
        view.addAction(dock.toggleViewAction())
    view.addSeparator()
    _add_themes(window, view.addMenu(window.tr("&Theme")))
    _add(bar.addMenu(window.tr("&Run")), does.measure, does.fit, None, does.cancel)
    _add(bar.addMenu(window.tr("&Help")), does.help, None, does.about)


def _add(menu: QMenu, *actions: QAction | None) -> None:
    for action in actions:
        if action is None:
            menu.addSeparator()
        else:
            menu.addAction(action)


def _fill_recent(window: "MainWindow", menu: QMenu) -> None:
    menu.clear()
    for recent in window.settings.value.recents:
        action = menu.addAction((recent.title or recent.path).replace("&", "&&"))
        action.setToolTip(recent.path)
        action.triggered.connect(lambda _=False, one=recent: window.commands.open(one.path, one.data))
    menu.setEnabled(True)
    if menu.isEmpty():
        menu.addAction(window.tr("Nothing yet")).setEnabled(False)


def _add_themes(window: "MainWindow", menu: QMenu) -> None:
    group = QActionGroup(menu)
    names: dict[ThemeChoice, str] = {
        "system": window.tr("As the &System"),
        "light": window.tr("&Light"),
        "dark": window.tr("&Dark"),
    }
    for choice, name in names.items():
        action = menu.addAction(name)
        action.setCheckable(True)
        action.setChecked(window.settings.value.theme == choice)
        action.triggered.connect(lambda _=False, choice=choice: window.settings.update(theme=choice))
        group.addAction(action)
