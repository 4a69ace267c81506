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

PATIENCE = 150.0
_MET: dict[str, Any] = {}
"""Controls by identifier, as the last walk met them."""
_DONE: list[tuple[str, float]] = []
"""What was done, and the clock's seconds then."""


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


def did(what: str) -> None:
    """Note that a part of the way is behind us."""
    _DONE.append((what, time.monotonic()))


def parts(began: float) -> dict[str, float]:
    """Seconds of each part that was noted, the first of them from `began` on the clock."""
    found: dict[str, float] = {}
    for what, now in _DONE:
        found[what] = round(now - began, 1)
        began = now
    return found


def application() -> Any:
    """Penjing on the bus; None while it is not there."""
    desktop = pyatspi.Registry.getDesktop(0)
    for index in range(desktop.childCount):
        child = desktop.getChildAtIndex(index)
        if child is not None and child.name == "Penjing" and child.childCount:
            return child
    return None


def find(root: Any, identifier: str) -> Any:
    """The control of that identifier, waited for.

    A walk through the tree keeps the window busy for a second, which no person would feel: what it met is remembered.
    """

    def look() -> Any:
        known = _MET.get(identifier)
        if known is None or identifier_of(known) != identifier:  # a page that was built anew
            _MET.clear()
            _MET.update((name, one) for one in below(root) if (name := identifier_of(one)))
        return _MET.get(identifier)

    return until(identifier, look)


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


def choose_tab(root: Any, number: int, identifier: str = "tabs.main") -> None:
    """Click a tab, from 0; of the workbench, if no other tabs are named."""
    tabs = find(root, identifier)
    bar = next(one for one in below(tabs) if one.getRole() == pyatspi.ROLE_PAGE_TAB_LIST)
    click(bar.getChildAtIndex(number))


def press(one: Any) -> None:
    """What a click does, without a mouse."""
    action = one.queryAction()
    names = [action.getName(index) for index in range(action.nActions)]
    wanted = next(
        index for index, name in enumerate(names) if name in ("Press", "press", "click", "activate", "Toggle")
    )
    action.doAction(wanted)


def area(one: Any) -> tuple[int, int, int, int]:
    """Where it lies on the screen: left, top, width, height; waited for."""

    def shown() -> Any:
        one.clear_cache()  # a state of before it was laid out is not told anew
        found = one.queryComponent().getExtents(pyatspi.DESKTOP_COORDS)
        return (
            found if found.width > 0 and found.height > 0 and one.getState().contains(pyatspi.STATE_SHOWING) else None
        )

    found = until(f"{one.name or identifier_of(one)} on the screen", shown)
    return found.x, found.y, found.width, found.height


def click(one: Any, across: float = 0.5, down: float = 0.5, *, times: int = 1) -> None:
    """With the mouse, at a share of its width and height."""
    x, y = _at(one, across, down)
    xdotool("mousemove", x, y, "click", "--repeat", times, "--delay", 60, 1)


def drag(one: Any, start: tuple[float, float], end: tuple[float, float], *, steps: int = 12) -> None:
    """Press, move in steps, release; shares of its width and height."""
    (x, y), (to_x, to_y) = _at(one, *start), _at(one, *end)
    xdotool("mousemove", x, y, "mousedown", 1)
    for step in range(1, steps + 1):
        place = x + (to_x - x) * step // steps, y + (to_y - y) * step // steps
        xdotool("mousemove", *place, "sleep", 0.02)
    xdotool("mouseup", 1)


def keys(*names: str) -> None:
    """Press keys one after the other, where the keyboard is; as xdotool names them."""
    xdotool("key", "--delay", 40, *names)


def write(text: str) -> None:
    """Type over what a field holds that has the keyboard, and confirm."""
    keys("ctrl+a")
    xdotool("type", "--delay", 5, text)
    keys("Return")


def picture(name: str) -> None:
    """The whole screen, for people to look at."""
    folder = os.environ.get("PENJING_SCREENSHOTS")
    if folder:
        subprocess.run(["import", "-window", "root", f"{folder}/{name}.png"], check=False)


def xdotool(*arguments: object) -> None:
    """One command of the tool that moves mouse and keyboard."""
    subprocess.run(["xdotool", *map(str, arguments)], check=True)


def _at(one: Any, across: float, down: float) -> tuple[int, int]:
    left, top, width, height = area(one)
    return left + int(width * across), top + int(height * down)


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
    picture("story-waits")
    raise TimeoutError(f"waited in vain for {what}")
