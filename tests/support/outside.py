"""The main job seen from outside, as a screen reader sees it: run by the system's Python, which has pyatspi.

    /usr/bin/python3 tests/support/outside.py PENJING-PYTHON FOLDER

Inside a desktop session. It starts Penjing, finds controls by their accessible identifiers alone, works them through
the accessibility bus, and prints what it found as JSON on its last line.
"""

import json
import os
import subprocess
import sys
import time

import pyatspi  # type: ignore[import-not-found]

PATIENCE = 150.0


def main(python: str, folder: str) -> int:
    """Open the sample, move a slider, train nothing, export, read the verdict."""
    program = subprocess.Popen([python, "-m", "penjing_gui", "gui", "--new-window", "sample:digits"])
    try:
        found = _job(folder)
    finally:
        program.terminate()
        try:
            program.wait(timeout=20)
        except subprocess.TimeoutExpired:
            program.kill()
            program.wait()
    print(json.dumps(found))
    return 0


def _job(folder: str) -> dict[str, object]:
    application = _until("the application", _application)
    slider = _find(application, "compress.sparsity")
    size, accuracy = _find(application, "fit.flash"), _find(application, "estimate.accuracy")
    _until("a measured accuracy", lambda: "%" in accuracy.name and "…" not in accuracy.name)
    before = {"flash": size.name, "accuracy": accuracy.name}
    bits = _find(application, "compress.weightBits")
    value = bits.queryValue()
    value.currentValue = value.minimumValue
    _until("another size", lambda: size.name != before["flash"])
    after = {"flash": size.name, "bits": bits.queryValue().currentValue}
    _press(_find(application, "edit.undo"))
    _until("the size of before", lambda: size.name == before["flash"])

    tabs = _find(application, "tabs.main")
    _choose_tab(tabs, 3)
    field = _find(application, "export.folder")
    field.queryEditableText().setTextContents(folder)
    _press(_find(application, "export.run"))
    verdict = _find(application, "export.verdict")
    _until("a verdict", lambda: verdict.name != "Verdict: none yet")
    identifiers = sorted({identifier for one in _all(application) if (identifier := _identifier(one))})
    return {
        "application": application.name,
        "slider": slider.name,
        "before": before,
        "after": after,
        "verdict": verdict.name,
        "identifiers": identifiers,
    }


def _application() -> object:
    desktop = pyatspi.Registry.getDesktop(0)
    for index in range(desktop.childCount):
        child = desktop.getChildAtIndex(index)
        if child is not None and "penjing" in child.name.lower():
            return child
    return None


def _find(application: object, identifier: str) -> object:
    def look() -> object:
        return next((one for one in _all(application) if _identifier(one) == identifier), None)

    return _until(identifier, look)


def _identifier(one: object) -> str:
    # Qt gives `accessibleIdentifier` to the bus as the accessible id; older bindings tell it as an attribute.
    try:
        found = str(one.get_accessible_id())  # type: ignore[attr-defined]
    except Exception:
        found = ""
    return found


def _all(root: object) -> list[object]:
    found, todo = [], [root]
    while todo:
        one = todo.pop()
        found.append(one)
        try:
            if one.getRole() in (pyatspi.ROLE_TABLE, pyatspi.ROLE_TREE_TABLE):  # type: ignore[attr-defined]
                continue
            todo += [child for child in one if child is not None]  # type: ignore[attr-defined]
        except Exception:  # it is gone meanwhile
            continue
    return found


def _choose_tab(tabs: object, number: int) -> None:
    for one in _all(tabs):
        if one.getRole() == pyatspi.ROLE_PAGE_TAB_LIST:  # type: ignore[attr-defined]
            _press(one.getChildAtIndex(number))  # type: ignore[attr-defined]
            return
    raise LookupError("no tabs")


def _press(one: object) -> None:
    action = one.queryAction()  # type: ignore[attr-defined]
    names = [action.getName(index) for index in range(action.nActions)]
    wanted = next(index for index, name in enumerate(names) if name in ("Press", "press", "click", "activate"))
    action.doAction(wanted)


def _until(what: str, ready: object) -> object:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        try:
            found = ready()  # type: ignore[operator]
        except Exception:  # the tree changes while it is read
            found = None
        if found:
            return found
        time.sleep(0.1)
    raise TimeoutError(f"waited in vain for {what}")


if __name__ == "__main__":
    os.environ.pop("QT_QPA_PLATFORM_PLUGIN_PATH", None)
    sys.exit(main(*sys.argv[1:]))
