"""A program seen as assistive tools see it: controls by their accessible identifiers, worked through the bus.

For the system's Python, which has pyatspi; scripts beside this file import it by its bare name.
"""

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pyatspi  # type: ignore[import-not-found]

PATIENCE = 60.0


@contextmanager
def program(command: Sequence[str]) -> Iterator[Any]:
    """Run the window; what it is on the bus. It ends with the block."""
    os.environ.pop("QT_QPA_PLATFORM_PLUGIN_PATH", None)
    process = subprocess.Popen(command)
    try:
        yield until("the application", application)
    finally:
        process.terminate()
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def tell(found: object) -> None:
    """The last line that a script prints: what it found, for the test."""
    print(json.dumps(found), flush=True)


def application() -> Any:
    """Penjing on the bus; None while it is not there."""
    desktop = pyatspi.Registry.getDesktop(0)
    for index in range(desktop.childCount):
        child = desktop.getChildAtIndex(index)
        if child is not None and child.name == "Penjing" and child.childCount:
            return child
    return None


def find(root: Any, identifier: str) -> Any:
    """The control of that identifier, waited for."""
    return until(identifier, lambda: next((one for one in below(root) if identifier_of(one) == identifier), None))


def identifier_of(one: Any) -> str:
    """Qt gives `accessibleIdentifier` to the bus as the accessible id; empty where there is none."""
    try:
        return str(one.get_accessible_id())
    except Exception:
        return ""


def below(root: Any) -> list[Any]:
    """Everything in it but the cells of tables."""
    found, todo = [], [root]
    while todo:
        one = todo.pop()
        found.append(one)
        try:
            if one.getRole() in (pyatspi.ROLE_TABLE, pyatspi.ROLE_TREE_TABLE):
                continue
            todo += [child for child in one if child is not None]
        except Exception:  # it is gone meanwhile
            continue
    return found


def choose_tab(root: Any, number: int) -> None:
    """Bring a page of the workbench to the front, from 0."""
    tabs = find(root, "tabs.main")
    bar = next(one for one in below(tabs) if one.getRole() == pyatspi.ROLE_PAGE_TAB_LIST)
    press(bar.getChildAtIndex(number))


def press(one: Any) -> None:
    """What a click does."""
    action = one.queryAction()
    names = [action.getName(index) for index in range(action.nActions)]
    wanted = next(
        index for index, name in enumerate(names) if name in ("Press", "press", "click", "activate", "Toggle")
    )
    action.doAction(wanted)


def pick(box: Any, text: str) -> None:
    """Choose an entry of a combo box by a part of its text."""
    entries = next(one for one in below(box) if one.getRole() == pyatspi.ROLE_LIST)
    number = next(n for n in range(entries.childCount) if text in entries.getChildAtIndex(n).name)
    entries.querySelection().selectChild(number)


def set_value(one: Any, value: float) -> None:
    """Move a slider or a number."""
    one.queryValue().currentValue = value


def type_over(one: Any, text: str) -> None:
    """Put a text into a field."""
    one.queryEditableText().setTextContents(text)


def until(what: str, ready: Callable[[], Any]) -> Any:
    """Wait for something true; it may fail while the tree changes.

    Raises:
        TimeoutError: It never came.
    """
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        try:
            found = ready()
        except Exception:
            found = None
        if found:
            return found
        time.sleep(0.1)
    raise TimeoutError(f"waited in vain for {what}")
