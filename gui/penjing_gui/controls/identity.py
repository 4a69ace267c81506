"""Gives widgets the stable identifier that tests and assistive tools find them by, and the name that people hear."""

from typing import TypeVar

from PySide6.QtWidgets import QWidget

W = TypeVar("W", bound=QWidget)


def identify(widget: W, identifier: str, name: str = "") -> W:
    """The widget itself, with its identifier (`compress.sparsity`) and its accessible name."""
    widget.setObjectName(identifier)
    widget.setAccessibleIdentifier(identifier)
    if name:
        widget.setAccessibleName(name)
    return widget
