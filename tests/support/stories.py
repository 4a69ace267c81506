"""Three people at work, seen and driven from outside: run by the system's Python, inside a desktop session.

    /usr/bin/python3 tests/support/stories.py explorer|student|shipper PENJING-PYTHON FOLDER

Controls are found by their accessible identifiers; everything is done with the mouse and the keyboard.
"""

import os
import sys
import time
from collections.abc import Callable
from typing import Any

import bus

MEASURED = "a measured accuracy"


def main(name: str, python: str, folder: str) -> None:
    """Tell what the person saw, and how long the story took from the start of the program."""
    story = STORIES[name]
    began = time.monotonic()
    with bus.program([python, "-m", "penjing_gui", "gui", "--new-window"]) as window:
        bus.did("start")
        seen = story(window, folder)
        seconds = time.monotonic() - began
    bus.tell({**seen, "seconds": seconds, "parts": bus.parts(began)})


def explorer(window: Any, folder: str) -> dict[str, Any]:
    """Opens a network, looks at layers, cuts by hand, and compares what came out."""
    _open_sample(window, "digits")
    facts, size, accuracy = (bus.find(window, one) for one in ("plot.facts", "estimate.size", "estimate.accuracy"))
    _measured(accuracy)
    bus.did("open")
    seen: dict[str, Any] = {"accuracy": accuracy.name}

    table = bus.find(window, "layers.table")
    looked = [facts.name]
    bus.click(table, 0.2, 0.1)
    for _ in range(3):
        bus.keys("Down")
        bus.until("another layer", lambda: facts.name != looked[-1])
        looked.append(facts.name)
    seen["layers"] = looked
    bus.did("look")

    sizes = [size.name]
    slider = bus.find(window, "compress.filters")
    value = slider.queryValue()
    share = (value.currentValue - value.minimumValue) / (value.maximumValue - value.minimumValue)
    bus.drag(slider, (0.05 + 0.9 * share, 0.5), (0.7, 0.5))
    bus.until("a smaller network", lambda: size.name != sizes[-1])
    sizes.append(size.name)
    _measured(accuracy)
    bus.picture("story-explorer-cut")
    _keep(window)
    bus.did("cut by the slider")

    bus.choose_tab(window, 0)
    heatmap = bus.find(window, "plot.saliency")
    bus.drag(heatmap, (0.5, 0.1), (0.5, 0.66))
    bus.until("cut filters", lambda: size.name != sizes[-1])
    sizes.append(size.name)
    _measured(accuracy)
    _keep(window)
    bus.keys("ctrl+z")
    bus.until("the size of before", lambda: size.name == sizes[1])
    bus.did("cut by the brush, undo")

    bus.choose_tab(window, 0, "tradeoffs.lower")
    bus.click(bus.find(window, "runs.table"), 0.2, 0.5)
    bus.keys("ctrl+a")
    bus.choose_tab(window, 2, "tradeoffs.lower")
    compared = bus.find(window, "compare.table")
    bus.until("runs side by side", lambda: compared.queryTable().nColumns >= 2 and compared.queryTable().nRows > 3)
    bus.picture("story-explorer-compare")
    table = compared.queryTable()
    hint = bus.until("samples judged", lambda: "Flipped" in (hint := bus.find(window, "compare.hint").name) and hint)
    bus.did("compare")
    return {
        **seen,
        "sizes": sizes,
        "compared": [table.nRows, table.nColumns],
        "hint": hint,
    }


def student(window: Any, folder: str) -> dict[str, Any]:
    """Reads a lesson with this network's numbers, tries it, answers its question wrong, then right."""
    _open_sample(window, "digits")
    _measured(bus.find(window, "estimate.accuracy"))
    bus.did("open")
    bus.choose_tab(window, 4)
    lessons = bus.find(window, "learn.list")
    title, numbers = bus.find(window, "learn.title"), bus.find(window, "learn.numbers")
    bus.click(lessons, 0.3, 0.03)
    read = [title.name]
    bus.keys("Down")  # the same lesson as the first of the course
    for _ in range(3):
        bus.keys("Down")
        bus.until("another lesson", lambda: title.name != read[-1])
        read.append(title.name)
    seen: dict[str, Any] = {"lessons": read, "numbers": numbers.name, "formula": bus.find(window, "learn.formula").name}

    bus.did("read")
    size = bus.find(window, "status.message")
    before = size.name
    bus.click(bus.find(window, "learn.try"))
    told = bus.find(window, "learn.told")
    seen["told"] = bus.until("what the edit did", lambda: told.name)
    undo = bus.find(window, "edit.undo")
    bus.until("an edit that can be undone", lambda: _enabled(undo))

    bus.did("try")
    verdict = bus.find(window, "learn.verdict")
    said: list[str] = []
    for number in range(6):
        bus.click(bus.find(window, f"learn.answer.{number}"), 0.1, 0.5)
        said.append(bus.until("a judgement", lambda: verdict.name))
        time.sleep(0.3)  # the same words may be said again
        said[-1] = verdict.name
        if said[-1].startswith("Right"):
            break
    bus.picture("story-student")
    bus.keys("ctrl+z")
    bus.until("nothing left to undo", lambda: not _enabled(undo))
    bus.did("answer, undo")
    return {**seen, "before": before, "said": said}


def shipper(window: Any, folder: str) -> dict[str, Any]:
    """Picks a device, fits, teaches, exports, and reads the verdict."""
    _open_sample(window, "digits")
    accuracy, flash = bus.find(window, "estimate.accuracy"), bus.find(window, "fit.flash")
    _measured(accuracy)
    bus.did("open")
    seen: dict[str, Any] = {"as loaded": flash.name}
    device = bus.find(window, "fit.device")
    bus.click(device)
    bus.keys("Home", "Down", "Down", "Return")
    bus.until("another device", lambda: flash.name != seen["as loaded"])
    seen["device"] = device.name

    bus.click(bus.find(window, "fit.run"))
    jobs = bus.find(window, "status.message")
    undo = bus.find(window, "edit.undo")
    bus.until("a plan that fits", lambda: _enabled(undo))
    _measured(accuracy)
    seen["fitted"] = flash.name
    bus.did("fit")

    bus.choose_tab(window, 2)
    epochs = bus.find(window, "train.epochs")
    bus.click(epochs, 0.3, 0.5)
    bus.write("1")
    bus.click(bus.find(window, "train.batchSize"), 0.3, 0.5)
    bus.write("256")
    bus.click(bus.find(window, "train.start"))
    apply = bus.find(window, "train.apply")
    bus.until("a trained network", lambda: _enabled(apply))
    bus.picture("story-shipper-train")
    bus.click(apply)
    bus.did("teach")

    bus.choose_tab(window, 3)
    bus.click(bus.find(window, "export.folder"), 0.3, 0.5)
    bus.write(os.path.join(folder, "out"))
    run = bus.find(window, "export.run")
    bus.until("an export that can begin", lambda: _enabled(run))
    bus.click(run)
    verdict = bus.find(window, "export.verdict")
    bus.until("a verdict", lambda: verdict.name != "Verdict: none yet")
    bus.picture("story-shipper-verdict")
    bus.did("export and prove")
    return {
        **seen,
        "verdict": verdict.name,
        "status": jobs.name,
        "files": sorted(os.listdir(os.path.join(folder, "out"))),
    }


STORIES: dict[str, Callable[[Any, str], dict[str, Any]]] = {
    "explorer": explorer,
    "student": student,
    "shipper": shipper,
}


def _open_sample(window: Any, name: str) -> None:
    bus.click(bus.find(window, f"start.sample.{name}"))
    bus.area(bus.find(window, "layers.table"))


def _measured(accuracy: Any) -> None:
    """Wait until the number is of this very plan."""
    bus.until(MEASURED, lambda: "%" in accuracy.name and "measured" in accuracy.name and "…" not in accuracy.name)


def _keep(window: Any) -> None:
    """Keep the plan as a run, in the history."""
    bus.choose_tab(window, 1)
    bus.choose_tab(window, 1, "tradeoffs.lower")
    bus.click(bus.find(window, "history.keep"))


def _enabled(one: Any) -> bool:
    one.clear_cache()
    return bool(one.getState().contains(bus.pyatspi.STATE_ENABLED))


if __name__ == "__main__":
    main(*sys.argv[1:])
