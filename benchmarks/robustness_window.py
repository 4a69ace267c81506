"""What a window loses whose processes are killed, or that is killed itself, and what it gathers in a long life.

Bars R3, R4 and R6 of BARS.md.

Each window runs in a process of its own; `benchmarks.robustness` prints the figures.
"""

import argparse
import functools
import gc
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.bars import Finding, at_most

ROOT = Path(__file__).parents[1]
MOST_LOST = 2.0
"""Seconds of edits."""
MOST_GROWTH = 0.05
SAVE_EVERY, SCALE = 25, 100_000


def killed_workers(quick: bool) -> dict[str, Finding]:
    """R3: `kill -9` of engine and job, by turns, at random moments of a window at work."""
    kills = 5 if quick else 50
    with tempfile.TemporaryDirectory() as folder:
        said = _told(Path(folder), "suffer", str(kills))
    lost, gone_on = said["lost"], said["gone_on"]
    told = f"{kills} engines and jobs killed under a window, {gone_on} trainings went on; " + (
        "; ".join(lost) or "all whole"
    )
    return {"R3-window": at_most(len(lost), 0, "losses", told)}


def killed_windows(quick: bool) -> dict[str, Finding]:
    """R4: `kill -9` of the window at random moments of steady editing; what recovery offers, against a diary.

    Every second window saves its project now and then; the others never do and live by autosave alone.
    """
    count, chance = (5 if quick else 50), random.Random(4)
    losses, broken = [], []
    for number in range(count):
        with tempfile.TemporaryDirectory() as folder:
            try:
                scenario = ("draft", "edit")[number % 2]
                losses.append(_kill_one(Path(folder), scenario, chance.uniform(0.2, 6.0)))
            except Exception as error:  # whatever recovery or the project's reader stumbles over is the finding
                broken.append(f"kill {number}: {type(error).__name__}: {error}")
    told = f"{count} windows killed; most seconds of edits lost; {len(broken)} broken" + "".join(broken[:3])
    worst = max(losses, default=float("inf"))
    found = at_most(worst, MOST_LOST, "s", told)
    return {"R4": {**found, "holds": found["holds"] and not broken}}


def _kill_one(folder: Path, scenario: str, after: float) -> float:
    """Seconds of edits that are gone when a window is killed so long after its first edit."""
    from penjing.project.archive import read_archive
    from penjing.project.workspace import abandoned

    diary = folder / "diary"
    window = _child(folder, scenario, str(diary))
    deadline = time.monotonic() + 120
    while not (diary.exists() and diary.read_text().count("\n")) and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(after)
    os.kill(window.pid, signal.SIGKILL)
    killed = time.time()
    window.wait()
    edits = {int(number): float(when) for number, when in (line.split() for line in diary.read_text().splitlines())}
    assert edits, "the window never edited"
    kept = 0
    for workspace in abandoned(folder / "home" / "work"):
        project, _ = workspace.read()
        kept = max(kept, round(project.plan.defaults.sparsity * SCALE))
        workspace.release()
    saved = folder / "saved.penjing"
    if saved.exists():
        kept = max(kept, round(read_archive(saved, folder / "runs").plan.defaults.sparsity * SCALE))
    gone = [when for number, when in edits.items() if number > kept]
    return killed - min(gone) if gone else 0.0


def long_life(quick: bool) -> dict[str, Finding]:
    """R6: scripted edits, tabs, undo, languages and themes: memory after warming up, and what is left over."""
    edits = 600 if quick else 20_000
    with tempfile.TemporaryDirectory() as folder:
        said = _told(Path(folder), "live", str(edits))
    told = f"{edits} edits in {said['seconds']:.0f} s: {said['before'] >> 20} → {said['after'] >> 20} MiB"
    growth = said["after"] / said["before"] - 1
    left = {name: (first, last) for name, (first, last) in said["counts"].items() if last > first}
    told_left = ", ".join(f"{name} {first} → {last}" for name, (first, last) in left.items()) or "no more than before"
    return {
        "R6": at_most(100 * growth, 100 * MOST_GROWTH, "% memory", told),
        "R6-left": at_most(len(left), 0, "kinds", f"files, threads, processes, windows, shared memory: {told_left}"),
    }


def _told(folder: Path, scenario: str, argument: str) -> dict[str, Any]:
    """What a window that ends by itself says at its end."""
    window = _child(folder, scenario, argument)
    output, errors = window.communicate(timeout=7200)
    if window.returncode:
        raise RuntimeError(errors[-2000:])
    said: dict[str, Any] = json.loads(output.splitlines()[-1])
    return said


def _child(folder: Path, scenario: str, argument: str) -> "subprocess.Popen[str]":
    environment = {**os.environ, "PENJING_HOME": str(folder / "home"), "QT_QPA_PLATFORM": "offscreen"}
    environment["PYTHONPATH"] = os.pathsep.join(str(ROOT / part) for part in ("core", "gui", "."))
    program = [sys.executable, "-m", "benchmarks.robustness_window", scenario, argument, str(folder)]
    return subprocess.Popen(
        program, env=environment, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


# ------------------------------------------------------------------------------------------------------ in the child


def _window() -> tuple[Any, Any, Any]:
    """A real window with the digits open."""
    from PySide6.QtCore import QEventLoop
    from PySide6.QtWidgets import QApplication

    from penjing.worker.exchange import Exchange
    from penjing_gui import folders, language, theme
    from penjing_gui.main_window import MainWindow
    from penjing_gui.session import Session
    from penjing_gui.settings import SettingsFile
    from penjing_gui.texts import Texts

    application = QApplication(sys.argv[:1])
    theme.apply(application, "light")
    texts = Texts()
    language.apply(application, "en", texts)
    session = Session(Exchange().__enter__(), texts=texts)
    window = MainWindow(session, SettingsFile(folders.settings_folder()))
    window.show()
    window.begin(None)
    loop = QEventLoop()
    session.opened.connect(loop.quit)
    session.open_source("sample:digits")
    loop.exec()
    return application, window, session


def _edit(diary: str, saved: Path | None) -> None:
    """An edit every 40 ms, written down; the project saved now and then, if it has a file."""
    from PySide6.QtCore import QTimer

    application, _kept, session = _window()
    book = os.open(diary, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    number = 0

    def edit() -> None:
        nonlocal number
        number += 1
        session.set_defaults("Sparsity", sparsity=number / SCALE)
        os.write(book, f"{number} {time.time()}\n".encode())
        if saved is not None and number % SAVE_EVERY == 0:
            session.save_project(saved)

    timer = QTimer()
    timer.timeout.connect(edit)
    timer.start(40)
    application.exec()


def _suffer(kills: int) -> None:
    """Kill the engine, the job, the engine …; what the plan, the next estimate or the next job lost by it."""
    from penjing.plan import Distillation

    application, _kept, session = _window()
    chance, gone_on = random.Random(3), 0
    lost: list[str] = []
    deaths: list[float] = []

    def wait(reached: Callable[[], bool], seconds: float = 90) -> bool:
        deadline = time.monotonic() + seconds
        while not reached() and time.monotonic() < deadline:
            application.processEvents()
            time.sleep(0.005)
        return reached()

    def rest(seconds: float) -> None:
        wait(lambda: False, seconds)

    for kill in range(kills):
        session.set_defaults("Bits", weight_bits=2 + kill % 7, sparsity=kill / 100)
        plan, what = session.plan, "engine" if kill % 2 == 0 else "job"
        if what == "engine":
            # An engine that dies four times a minute is not started again by itself; a person would be asked.
            if len(deaths) >= 3:
                rest(deaths[-3] + 61 - time.monotonic())
            rest(chance.random())
            os.kill(session.engine.pid, signal.SIGKILL)
            deaths.append(time.monotonic())
        else:
            session.train(Distillation(epochs=500), "distill")
            if not wait(lambda: session.jobs._process is not None):
                lost.append(f"job {kill}: it never began")
                continue
            rest(20 * chance.random())
            os.kill(session.jobs._process.pid, signal.SIGKILL)
            if not wait(lambda: not session.jobs.active):
                lost.append(f"job {kill}: its end was not noticed")
            stopped, told = session.results.unfinished, session.job.history
            if stopped is not None:  # an epoch was done: the training goes on behind it, with the same epochs before
                gone_on += 1
                session.results.go_on()
                more = wait(functools.partial(_has_epochs, session, stopped.epochs + 2))
                if not more or session.job.history[: stopped.epochs + 1] != told[: stopped.epochs + 1]:
                    lost.append(f"job {kill}: the training did not go on")
                session.cancel_job()
                wait(lambda: not session.jobs.active)
        if session.plan != plan:
            lost.append(f"{what} {kill}: the plan")
        session.set_defaults("Bits", weight_bits=2 + (kill + 1) % 7)
        if not wait(lambda: session.accuracy_is_current):
            lost.append(f"{what} {kill}: the next estimate")
    print(json.dumps({"lost": lost, "gone_on": gone_on}), flush=True)
    session.close()
    os._exit(0)


def _has_epochs(session: Any, count: int) -> bool:
    return len(session.job.history) >= count


def _live(edits: int) -> None:
    from PySide6.QtCore import QCoreApplication, QEvent
    from PySide6.QtWidgets import QTabWidget

    from penjing_gui import language, theme

    application, window, session = _window()
    names = [layer.name for layer in session.graph.compressible]
    chance = random.Random(6)
    warm, before, started = edits // 5, (0, {}), time.monotonic()
    for number in range(edits):
        match number % 10:
            case 0 | 1 | 2:
                session.set_layer([chance.choice(names)], "Sparsity", sparsity=chance.randrange(90) / 100)
            case 3 | 4:
                session.set_defaults("Bits", weight_bits=chance.choice((2, 3, 4, 8)))
            case 5:
                session.set_layer([chance.choice(names)], "Filters", filters=chance.randrange(50) / 100)
            case 6:
                session.select([chance.choice(names)])
            case 7:
                session.undo_stack.undo()
            case 8:
                session.undo_stack.redo()
            case _:  # another language made the pages anew
                tabs = next(one for one in window.findChildren(QTabWidget) if one.accessibleIdentifier() == "tabs.main")
                tabs.setCurrentIndex(number // 10 % tabs.count() if number % 100 == 9 else 0)
        if number % 500 == 250:
            theme.apply(application, ("dark", "light")[number // 500 % 2])
        elif number % 500 == 0:
            language.apply(application, ("zh_CN", "en")[number // 500 % 2], session.texts)
        if number % 200 == 199:
            session.undo_stack.clear()  # a person's memory is short, too: the stack itself may keep all plans
        application.processEvents()
        if number == warm:
            before = _state(session.exchange.folder)
    session.undo_stack.clear()
    for _ in range(20):
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
        application.processEvents()
        time.sleep(0.05)
    after = _state(session.exchange.folder)
    counts = {name: (before[1][name], after[1][name]) for name in after[1]}
    said = {"seconds": time.monotonic() - started, "before": before[0], "after": after[0], "counts": counts}
    print(json.dumps(said), flush=True)
    os._exit(0)


def _state(exchange: Path) -> tuple[int, dict[str, int]]:
    """Resident bytes, and how many of what may leak; `exchange` is the window's own folder of shared memory."""
    from PySide6.QtWidgets import QApplication

    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    children = [task.read_text().split() for task in Path("/proc/self/task").glob("*/children")]
    counts = {
        "files": len(list(Path("/proc/self/fd").iterdir())),
        "threads": threading.active_count(),
        "processes": sum(len(found) for found in children),
        "windows": sum(one.isVisible() for one in QApplication.topLevelWidgets()),
        "shared memory": len(list(exchange.rglob("*"))),
    }
    return pages * os.sysconf("SC_PAGE_SIZE"), counts


def main() -> None:
    """One scenario."""
    parser = argparse.ArgumentParser()
    parser.add_argument("scenario", choices=("edit", "draft", "suffer", "live"))
    parser.add_argument("argument")
    parser.add_argument("folder", type=Path)
    given = parser.parse_args()
    if given.scenario in ("edit", "draft"):
        _edit(given.argument, given.folder / "saved.penjing" if given.scenario == "edit" else None)
    elif given.scenario == "suffer":
        _suffer(int(given.argument))
    else:
        _live(int(given.argument))


if __name__ == "__main__":
    main()
