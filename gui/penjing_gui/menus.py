"""Fills the menu bar: File, Edit, View, Run, Help."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtGui import QAction, QActionGroup
from PySide6.QtWidgets import QMenu, QWidget

from penjing.assets import LANGUAGES
from penjing_gui import language, words

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
        does.picture: window.pictures.save_one,
        does.start_page: window.show_start,
        does.quit: window.close,
        does.copy_settings: do.copy_settings,
        does.paste_settings: do.paste_settings,
        does.reset_plan: do.reset_plan,
        does.filter: window.docks.focus_filter,
        does.measure: window.session.measure_all,
        does.fit: window.session.fit,
        does.devices: do.compare_devices,
        does.cancel: do.cancel,
        does.help: lambda: window.show_tab(window.workbench.LEARN),
        does.about: do.about,
        does.preferences: do.preferences,
        does.shortcuts: do.shortcuts,
        does.reset_layout: window.reset_layout,
        does.to_notice: window.notices.take_focus,
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
    _add(
        file,
        None,
        does.save,
        does.save_as,
        does.save_plan,
        None,
        does.export,
        does.picture,
        None,
        does.start_page,
        does.quit,
    )
    _add(bar.addMenu(window.tr("&Edit")), does.undo, does.redo, None, does.copy_settings, does.paste_settings)
    edit = bar.actions()[-1].menu()
    assert isinstance(edit, QMenu)
    _add(edit, None, does.reset_plan, None, does.filter, None, does.preferences)
    view = bar.addMenu(window.tr("&View"))
    _add(view, *does.tabs, None, does.before, None)
    for dock in window.docks.all():
        view.addAction(dock.toggleViewAction())
    _add(view, None, does.reset_layout, does.to_notice, None)
    _add_themes(window, view.addMenu(window.tr("&Theme")))
    _add_languages(window, view.addMenu(window.tr("&Language")))
    _add(bar.addMenu(window.tr("&Run")), does.measure, does.fit, does.devices, None, does.cancel)
    _add(bar.addMenu(window.tr("&Help")), does.help, does.shortcuts, None, does.about)


def _add(menu: QMenu, *actions: QAction | None) -> None:
    for action in actions:
        if action is None:
            menu.addSeparator()
        else:
            menu.addAction(action)


def _fill_recent(window: "MainWindow", menu: QMenu) -> None:
    menu.clear()
    for recent in window.settings.value.recents:
        name = language.title_of(recent.path, recent.title) or recent.path
        numbers = [words.size(recent.size_bytes), words.percent(recent.accuracy)]
        # Behind a tab, numbers stand where other entries have their keys.
        told = "  ".join(one for one in numbers if one != words.UNKNOWN)
        action = menu.addAction("\t".join(one.replace("&", "&&") for one in (name, told) if one))
        action.setToolTip(recent.path)
        action.triggered.connect(lambda _=False, one=recent: window.commands.open(one.path, one.data))
    menu.setEnabled(True)
    if menu.isEmpty():
        menu.addAction(window.tr("Nothing yet")).setEnabled(False)


def _add_themes(window: "MainWindow", menu: QMenu) -> None:
    for choice, name in theme_names(window).items():
        _add_choice(menu, name, window.settings.value.theme == choice, partial(window.settings.update, theme=choice))


def _add_languages(window: "MainWindow", menu: QMenu) -> None:
    for choice, name in language_names(window).items():
        chosen = window.settings.value.language == choice
        _add_choice(menu, name, chosen, partial(window.settings.update, language=choice))


def _add_choice(menu: QMenu, name: str, chosen: bool, choose: Callable[[], None]) -> None:
    """One of several entries of which one holds."""
    group = menu.findChild(QActionGroup) or QActionGroup(menu)
    action = menu.addAction(name)
    action.setCheckable(True)
    action.setChecked(chosen)
    action.triggered.connect(lambda _=False: choose())
    group.addAction(action)


def theme_names(window: QWidget) -> "dict[ThemeChoice, str]":
    """The choices of the theme as people read them."""
    return {"system": window.tr("As the &System"), "light": window.tr("&Light"), "dark": window.tr("&Dark")}


def language_names(window: QWidget) -> dict[str, str]:
    """The choices of the language, each in its own."""
    return {language.SYSTEM: window.tr("As the &System"), **LANGUAGES}
