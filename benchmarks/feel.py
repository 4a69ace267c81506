"""How the window feels: painted, first number, slider to pixels, gaps of the event loop while jobs run, cancel.

    python -m benchmarks.feel [--json] [--quick]

Bars L1 (pixels), L7 and L8 of BARS.md. Every scenario runs in a process of its own, as the window does; without a
screen on the `offscreen` platform, which draws as any other but shows nobody.

Beside the window a process of its own runs a bare event loop with the same timer: what that one shows, too, is the
machine's and not the window's. Nor is the part of a gap in which the window's thread used no CPU.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from penjing_gui.main_window import MainWindow

ROOT = Path(__file__).parents[1]
STARTS = 6
"""The first warms the disk's cache and is not counted."""
MOVES = 300
IDLE_SECONDS = 5.0
EPOCHS = 8
PATIENCE = 240.0

Finding = dict[str, Any]


def main() -> int:
    """Measure, print, and say by the exit code whether every bar holds."""
    given = _arguments()
    if given.scenario:
        return _SCENARIOS[given.scenario](given)
    with tempfile.TemporaryDirectory(prefix="penjing-feel-") as folder:
        found = _measure(Path(folder), quick=given.quick)
    if given.json:
        print(json.dumps(found, indent=2, ensure_ascii=False))
    else:
        _table(found)
    return 0 if all(one["holds"] for one in found.values()) else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.feel", description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="one JSON document on standard output")
    parser.add_argument("--quick", action="store_true", help="fewer repetitions, and no network of 25 M parameters")
    parser.add_argument("--scenario", choices=_SCENARIOS, help=argparse.SUPPRESS)
    parser.add_argument("--source", default="sample:watch", help=argparse.SUPPRESS)
    parser.add_argument("--started", type=float, default=0.0, help=argparse.SUPPRESS)
    return parser.parse_args()


def _measure(folder: Path, *, quick: bool) -> dict[str, Finding]:
    starts = [_child(folder, "start", started=time.monotonic()) for _ in range(2 if quick else STARTS)][1:]
    painted = [start["painted"] for start in starts]
    first = [start["measured"] for start in starts]
    found = {
        "L8.painted": _bar(statistics.median(painted), 1.5, "s", f"start to painted window, n={len(painted)}"),
        "L8.measured": _bar(statistics.median(first), 6.0, "s", f"start to first measured accuracy, n={len(first)}"),
    }
    sources = {"sample": "sample:watch"}
    if not quick:
        large = folder / "large.penjingnet"
        _child(folder, "large", source=str(large))
        sources["25M"] = str(large)
    for name, source in sources.items():
        moves = _child(folder, "slide", source=source)
        detail = f"p95 of CPU time, sparsity slider on {name}; median {moves['median']:.1f}, p95 by the clock"
        detail += f" {moves['wall']:.1f} ms, n={moves['n']}"
        found["L1.pixels" if name == "sample" else f"L1.pixels.{name}"] = _bar(moves["p95"], 16.0, "ms", detail)
    gaps = _child(folder, "jobs")
    for name in ("train", "export"):
        bare = gaps[f"{name}.bare"]
        told = f"largest gap, idle {gaps['idle']['max']:.1f} ms; bare loop {bare['max']:.1f} ms"
        found[f"L7.gap.{name}"] = _bar(gaps[name]["max"], 50.0, "ms", told)
        ratio = gaps[name]["p99"] / gaps["idle"]["p99"]
        told = f"p99 {gaps[name]['p99']:.2f} ms, idle {gaps['idle']['p99']:.2f} ms; bare loop {bare['p99']:.2f} ms"
        told += f", idle {gaps['idle.bare']['p99']:.2f} ms; own CPU in a gap {gaps[name]['own']:.2f} ms (p99)"
        found[f"L7.p99.{name}"] = _bar(ratio, 1.5, "× idle", told)
    found["cancel"] = _bar(gaps["cancel"], 1.0, "s", "Cancel pressed to job gone, while training")
    return found


def _bar(value: float, bar: float, unit: str, detail: str) -> Finding:
    return {"value": round(value, 3), "bar": bar, "unit": unit, "holds": value <= bar, "detail": detail}


def _table(found: dict[str, Finding]) -> None:
    for name, one in found.items():
        mark = "holds" if one["holds"] else "FAILS"
        print(f"{name:18} {one['value']:>9.3f} ≤ {one['bar']:<6g} {one['unit']:7} {mark}  {one['detail']}")


def _child(folder: Path, scenario: str, *, source: str = "sample:watch", started: float = 0.0) -> Any:
    environment = {**os.environ, "PENJING_HOME": str(folder / "home")}
    environment["PYTHONPATH"] = os.pathsep.join(str(ROOT / part) for part in ("core", "gui", "."))
    if "DISPLAY" not in environment:
        environment.setdefault("QT_QPA_PLATFORM", "offscreen")
    options = ["--scenario", scenario, "--source", source, "--started", repr(started)]
    program = [sys.executable, "-m", "benchmarks.feel", *options]
    done = subprocess.run(program, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=600, check=False)
    if done.returncode:
        raise RuntimeError(f"{scenario}: {done.stderr[-2000:]}")
    lines = done.stdout.splitlines()
    return json.loads(lines[-1]) if lines else None


# ------------------------------------------------------------------------------------------------------ in the child


def _large(given: argparse.Namespace) -> int:
    """A network of 25 million parameters, as a file."""
    import torch

    from benchmarks.networks import large_network
    from penjing.loading.module import from_module
    from penjing.model.penjingnet_format import encode

    model = from_module(large_network().eval(), torch.zeros(1, 3, 64, 64))
    Path(given.source).write_bytes(encode(model))
    return 0


def _start(given: argparse.Namespace) -> int:
    """The real program: when its window is painted, when it shows the first measured accuracy."""
    from PySide6.QtCore import QTimer
    from PySide6.QtGui import QPaintEvent

    from penjing_gui import app, main_window

    found: dict[str, float] = {}

    class Watched(main_window.MainWindow):
        """Says when it was painted, and ends with the first measured number."""

        def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
            super().paintEvent(event)
            if "painted" not in found:
                # What is painted is shown when the loop turns.
                QTimer.singleShot(0, lambda: found.setdefault("painted", time.monotonic() - given.started))

        def begin(self, source: str | None) -> None:
            self.session.accuracy_changed.connect(self._look)
            super().begin(source)

        def _look(self) -> None:
            if self.session.accuracy is not None and "measured" not in found:
                found["measured"] = time.monotonic() - given.started
                QTimer.singleShot(0, lambda: _end(self))

    main_window.MainWindow = Watched  # type: ignore[misc]
    app.main(["--new-window", given.source])
    print(json.dumps(found))
    return 0


def _slide(given: argparse.Namespace) -> int:
    """From a move of the slider to its pixels: the plan, the figures, the plots, drawn."""
    from PySide6.QtWidgets import QApplication, QSlider

    def run(window: "MainWindow", wait: "Wait") -> Finding:
        session = window.session
        wait(lambda: session.is_open and session.figures_are_current, "open")
        session.select([session.layer or ""])
        sliders = window.findChildren(QSlider)
        slider = next(one for one in sliders if one.accessibleIdentifier() == "compress.sparsity")
        places = [
            slider.minimum() + (slider.maximum() - slider.minimum()) * (7 * move % 97) // 97 for move in range(MOVES)
        ]
        slider.setSliderDown(True)
        times: list[float] = []
        walls: list[float] = []
        for place in places:
            QApplication.processEvents()
            before, spent = time.perf_counter(), time.thread_time()
            slider.setValue(place)
            # Paints that the move asked for are in the queue; when it is empty they are on the screen.
            QApplication.sendPostedEvents()
            QApplication.processEvents()
            times.append(1000 * (time.thread_time() - spent))
            walls.append(1000 * (time.perf_counter() - before))
        slider.setSliderDown(False)
        times, walls = times[MOVES // 10 :], walls[MOVES // 10 :]
        found = {"p95": _quantile(times, 0.95), "median": statistics.median(times), "n": len(times)}
        return {**found, "wall": _quantile(walls, 0.95)}

    return _in_window(given, run)


def _jobs(given: argparse.Namespace) -> int:
    """Gaps of the event loop while nothing, a training and an export run; then how fast a training is cancelled."""
    import msgspec

    def run(window: "MainWindow", wait: "Wait") -> Finding:
        session = window.session
        wait(lambda: session.is_open and session.accuracy_is_current, "open")
        window.workbench.tabs.setCurrentIndex(window.workbench.TRAIN)
        ticks, bare = Ticks(), BareLoop()

        def during(name: str, over: Callable[[], bool]) -> None:
            bare.look()
            found[name] = ticks.during(over, wait)
            found[f"{name}.bare"] = bare.look()

        until = time.monotonic() + IDLE_SECONDS
        found: Finding = {}
        during("idle", lambda: time.monotonic() > until)
        options = msgspec.structs.replace(session.plan.distillation, epochs=EPOCHS)
        session.train(options, "distill")
        during("train", lambda: session.job is not None and not session.job.active)
        window.workbench.tabs.setCurrentIndex(window.workbench.EXPORT)
        session.export((), str(Path(os.environ["PENJING_HOME"]) / f"export-{os.getpid()}"))
        during("export", lambda: session.job is not None and not session.job.active)
        bare.close()
        session.train(options, "distill")
        wait(lambda: session.job is not None and session.job.stage == "distill" and session.job.done > 0, "training")
        before = time.monotonic()
        session.cancel_job()
        wait(lambda: session.job is not None and not session.job.active, "cancelled")
        found["cancel"] = time.monotonic() - before
        return found

    return _in_window(given, run)


Wait = Callable[[Callable[[], bool], str], None]


class Ticks:
    """A timer that fires as often as the loop lets it; gaps between its ticks are what hands feel."""

    def __init__(self) -> None:
        from PySide6.QtCore import Qt, QTimer

        self._gaps: list[float] = []
        self._own: list[float] = []
        """CPU time of this thread in each gap."""
        self._last = self._spent = 0.0
        self._timer = QTimer(interval=2, timerType=Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._tick)

    def during(self, over: Callable[[], bool], wait: Wait) -> Finding:
        """The gaps until `over`, in milliseconds."""
        self._gaps, self._own = [], []
        self.start()
        wait(over, "the job")
        self._timer.stop()
        return self.found()

    def found(self) -> Finding:
        """The gaps so far; from here on they are counted anew."""
        (gaps, self._gaps), (own, self._own) = (self._gaps, []), (self._own, [])
        if not gaps:
            return {"max": 0.0, "p99": 0.0, "own": 0.0, "n": 0}
        return {"max": max(gaps), "p99": _quantile(gaps, 0.99), "own": _quantile(own, 0.99), "n": len(gaps)}

    def start(self) -> None:
        """Tick until the process ends."""
        self._last, self._spent = time.perf_counter(), time.thread_time()
        self._timer.start()

    def _tick(self) -> None:
        now, spent = time.perf_counter(), time.thread_time()
        self._gaps.append(1000 * (now - self._last))
        self._own.append(1000 * (spent - self._spent))
        self._last, self._spent = now, spent


class BareLoop:
    """A process beside the window that does nothing but tick."""

    def __init__(self) -> None:
        program = [sys.executable, "-m", "benchmarks.feel", "--scenario", "bare"]
        self._process = subprocess.Popen(program, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.look()

    def look(self) -> Finding:
        """Its gaps since the last look."""
        assert self._process.stdin is not None and self._process.stdout is not None
        print(file=self._process.stdin, flush=True)
        found: Finding = json.loads(self._process.stdout.readline())
        return found

    def close(self) -> None:
        """End it."""
        self._process.communicate()


def _bare(given: argparse.Namespace) -> int:
    """What `BareLoop` runs: every line that comes is answered with the gaps so far, the end of the stream ends it."""
    from PySide6.QtCore import QCoreApplication, QSocketNotifier

    application = QCoreApplication(sys.argv[:1])
    ticks = Ticks()
    ticks.start()

    def answer() -> None:
        if sys.stdin.readline():
            print(json.dumps(ticks.found()), flush=True)
        else:
            application.quit()

    notifier = QSocketNotifier(sys.stdin.fileno(), QSocketNotifier.Type.Read)
    notifier.activated.connect(answer)
    return application.exec()


def _in_window(given: argparse.Namespace, run: Callable[["MainWindow", Wait], Finding]) -> int:
    """A window with a source open, in which `run` measures."""
    from PySide6.QtCore import QEventLoop, QTimer
    from PySide6.QtWidgets import QApplication

    from penjing.worker.exchange import Exchange
    from penjing_gui import app, folders, theme
    from penjing_gui.main_window import MainWindow
    from penjing_gui.session import Session
    from penjing_gui.settings import SettingsFile

    application = QApplication(sys.argv[:1])
    theme.apply(application, "light")

    def wait(ready: Callable[[], bool], what: str) -> None:
        loop, timer, deadline = QEventLoop(), QTimer(interval=20), time.monotonic() + PATIENCE

        def look() -> None:
            if ready() or time.monotonic() > deadline:
                loop.quit()

        timer.timeout.connect(look)
        timer.start()
        loop.exec()
        if not ready():
            raise TimeoutError(f"waited in vain for {what}")

    with Exchange() as exchange:
        session = Session(exchange)
        app.spare_collector(session)
        window = MainWindow(session, SettingsFile(folders.settings_folder()))
        window.show()
        window.begin(given.source)
        try:
            print(json.dumps(run(window, wait)))
        finally:
            _end(window)
    return 0


def _end(window: "MainWindow") -> None:
    """Close without asking about what is not saved."""
    window.session.undo_stack.setClean()
    window.session.projects.runs_unsaved = False
    window.close()
    window.session.close()


def _quantile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)]


_SCENARIOS: dict[str, Callable[[argparse.Namespace], int]] = {
    "large": _large,
    "start": _start,
    "slide": _slide,
    "jobs": _jobs,
    "bare": _bare,
}

if __name__ == "__main__":
    sys.exit(main())
