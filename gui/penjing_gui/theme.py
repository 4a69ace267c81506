"""Light and dark: palettes of our own, because the system's answer is often no answer; and the colours of plots."""

import gc
from dataclasses import dataclass
from typing import Literal

from PySide6.QtGui import QColor, QPalette
from PySide6.QtWidgets import QApplication, QWidget

from penjing import assets

SPACE = 8
"""Pixels of the grid on which everything lies."""
BODY, HEADING, TITLE = 12, 14, 20
"""Sizes of type in pixels."""
Tone = Literal["", "muted", "good", "warning", "error"]
"""How a label's text is meant; its colour follows the theme by itself."""


@dataclass(frozen=True)
class Colors:
    """Colours that a palette has no role for; text on any of the backgrounds keeps a contrast of 4.5 : 1."""

    dark: bool
    accent: str
    accent_soft: str
    background: str
    surface: str
    raised: str
    border: str
    text: str
    muted: str
    grid: str
    warning: str
    error: str
    good: str
    series: tuple[str, ...]
    """Okabe–Ito, in the order in which series are drawn."""


LIGHT = Colors(
    dark=False,
    accent="#0F766E",
    accent_soft="#D5EBE8",
    background="#F6F7F8",
    surface="#FFFFFF",
    raised="#FFFFFF",
    border="#D5D9DD",
    text="#1B2126",
    muted="#5A646D",
    grid="#E6E9EC",
    warning="#8A5A00",
    error="#B3261E",
    good="#0F766E",
    series=("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9", "#F0E442", "#000000"),
)
DARK = Colors(
    dark=True,
    accent="#2DD4BF",
    accent_soft="#1D4A45",
    background="#23282D",
    surface="#181C1F",
    raised="#2E353B",
    border="#454D55",
    text="#E6E9EC",
    muted="#A3ACB5",
    grid="#2F363C",
    warning="#F0B84B",
    error="#FF8A80",
    good="#2DD4BF",
    series=("#56B4E9", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#0072B2", "#F0E442", "#FFFFFF"),
)


def colors(palette: QPalette) -> Colors:
    """The colours that go with a widget's palette."""
    return DARK if palette.color(QPalette.ColorRole.Window).lightness() < 128 else LIGHT


def apply(app: QApplication, choice: Literal["light", "dark"]) -> None:
    """Give the application one of the palettes."""
    chosen = DARK if choice == "dark" else LIGHT
    collects = gc.isenabled()
    # Qt goes through all widgets by their addresses and tells each, also those of ours that wait for the collector:
    # one that is collected in between, in a handler of another, would be a crash.
    gc.disable()
    try:
        if not app.styleSheet():
            app.setStyle("Fusion")
        app.setPalette(palette(chosen))
        app.setStyleSheet(_style_sheet(chosen))
    finally:
        if collects:
            gc.enable()


def set_tone(widget: QWidget, tone: Tone) -> None:
    """Say how a label is meant; a change of the theme needs no handler."""
    if widget.property("tone") != tone:
        widget.setProperty("tone", tone)
        style = widget.style()
        style.unpolish(widget)
        style.polish(widget)


def palette(chosen: Colors) -> QPalette:
    """The palette of one theme."""
    role, group = QPalette.ColorRole, QPalette.ColorGroup
    found = QPalette()
    for which, color in {
        role.Window: chosen.background,
        role.WindowText: chosen.text,
        role.Base: chosen.surface,
        role.AlternateBase: chosen.background,
        role.ToolTipBase: chosen.raised,
        role.ToolTipText: chosen.text,
        role.Text: chosen.text,
        role.PlaceholderText: chosen.muted,
        role.Button: chosen.raised,
        role.ButtonText: chosen.text,
        role.BrightText: chosen.error,
        role.Link: chosen.accent,
        role.LinkVisited: chosen.accent,
        role.Highlight: chosen.accent,
        role.HighlightedText: chosen.surface,
        role.Accent: chosen.accent,
        role.Light: chosen.raised,
        role.Midlight: chosen.grid,
        role.Mid: chosen.border,
        role.Dark: chosen.border,
        role.Shadow: "#000000",
    }.items():
        found.setColor(which, QColor(color))
    for which in (role.WindowText, role.Text, role.ButtonText, role.HighlightedText):
        found.setColor(group.Disabled, which, QColor(chosen.muted))
    found.setColor(group.Disabled, role.Highlight, QColor(chosen.border))
    return found


def _style_sheet(chosen: Colors) -> str:
    """What Fusion draws too heavily, or on dark ground not at all; everything else comes from the palette."""
    check = (assets.resources() / "icons" / f"check-on-{'dark' if chosen.dark else 'light'}.svg").as_posix()
    return f"""
QToolTip {{ color: {chosen.text}; background: {chosen.raised}; border: 1px solid {chosen.border}; padding: 4px; }}
QToolBar {{ border: none; border-bottom: 1px solid {chosen.border}; padding: 4px 8px; spacing: 6px; }}
QStatusBar {{ border-top: 1px solid {chosen.border}; }}
QStatusBar::item {{ border: none; }}
QDockWidget {{ font-weight: 600; }}
QDockWidget::title {{ padding: 6px 8px; background: {chosen.background}; }}
QMainWindow::separator {{ background: {chosen.border}; width: 1px; height: 1px; }}
QTabWidget::pane {{ border: none; border-top: 1px solid {chosen.border}; }}
QTabBar::tab {{ padding: 7px 14px; border: none; border-bottom: 2px solid transparent; color: {chosen.muted}; }}
QTabBar::tab:selected {{ color: {chosen.text}; border-bottom: 2px solid {chosen.accent}; }}
QTabBar::tab:hover {{ color: {chosen.text}; }}
QTabBar::tab:focus {{ color: {chosen.accent}; }}
QPushButton, QToolButton[framed="true"] {{
  background: {chosen.raised}; border: 1px solid {chosen.border}; border-radius: 4px; padding: 5px 12px; }}
QPushButton:hover, QToolButton[framed="true"]:hover {{ border-color: {chosen.accent}; }}
QPushButton:focus, QToolButton[framed="true"]:focus {{ border: 1px solid {chosen.accent}; }}
QPushButton:pressed, QToolButton[framed="true"]:pressed {{ background: {chosen.accent_soft}; }}
QToolButton[framed="true"]:checked {{ background: {chosen.accent_soft}; border-color: {chosen.accent}; }}
QPushButton:disabled, QToolButton[framed="true"]:disabled {{ color: {chosen.muted}; background: transparent; }}
QPushButton[quiet="true"] {{
  background: transparent; border: 1px solid transparent; text-align: left; padding: 3px 6px; }}
QPushButton[quiet="true"]:hover, QPushButton[quiet="true"]:focus {{ border-color: {chosen.accent}; }}
QPushButton[primary="true"] {{
  background: {chosen.accent}; color: {chosen.surface}; border: 1px solid {chosen.accent}; font-weight: 600; }}
QPushButton[primary="true"]:focus {{ border: 2px solid {chosen.text}; padding: 4px 11px; }}
QPushButton[primary="true"]:disabled {{ background: {chosen.border}; border-color: {chosen.border}; }}
QDialogButtonBox {{ dialogbuttonbox-buttons-have-icons: 0; }}
QHeaderView::section {{
  background: {chosen.background}; color: {chosen.muted}; border: none;
  border-bottom: 1px solid {chosen.border}; padding: 4px 6px; }}
QListWidget::item {{ padding: 4px 8px; }}
QTableView {{ border: none; gridline-color: {chosen.grid}; }}
QFrame[notice] {{
  background: {chosen.raised}; border: 1px solid {chosen.border}; border-radius: 4px;
  border-left: 4px solid {chosen.accent}; }}
QFrame[notice="warning"] {{ border-left-color: {chosen.warning}; }}
QFrame[notice="error"] {{ border-left-color: {chosen.error}; }}
QFrame[card="true"] {{ background: {chosen.surface}; border: 1px solid {chosen.border}; border-radius: 6px; }}
QCheckBox::indicator, QTableView::indicator, QListView::indicator {{
  width: 13px; height: 13px; background: {chosen.surface}; border: 1px solid {chosen.muted}; border-radius: 3px; }}
QCheckBox::indicator:checked, QTableView::indicator:checked, QListView::indicator:checked {{
  background: {chosen.accent}; border-color: {chosen.accent}; image: url("{check}"); }}
QRadioButton::indicator {{
  width: 13px; height: 13px; background: {chosen.surface}; border: 1px solid {chosen.muted}; border-radius: 7px; }}
QRadioButton::indicator:checked {{ background: {chosen.surface}; border: 4px solid {chosen.accent};
  width: 7px; height: 7px; border-radius: 7px; }}
QRadioButton::indicator:focus {{ border-color: {chosen.accent}; }}
QCheckBox::indicator:indeterminate {{ background: {chosen.border}; }}
QCheckBox::indicator:focus {{ border-color: {chosen.accent}; }}
QCheckBox::indicator:disabled {{ border-color: {chosen.border}; }}
QLabel[muted="true"], QLabel[tone="muted"] {{ color: {chosen.muted}; }}
QLabel[tone="good"] {{ color: {chosen.good}; }}
QLabel[tone="warning"] {{ color: {chosen.warning}; }}
QLabel[tone="error"] {{ color: {chosen.error}; }}
QLabel[step="true"] {{
  border: 1px solid {chosen.accent}; border-radius: 10px; color: {chosen.accent}; font-weight: 600; }}
"""
