"""The window is painted before anything heavy, and never loads a tensor library."""

import os
import subprocess
import sys

LOADED = """
import sys
import penjing_gui.app
import penjing_gui.main_window as main_window

class Watched(main_window.MainWindow):
    def begin(self, source):
        super().begin(source)
        self.workbench.build()
        roots = {name.partition(".")[0] for name in sys.modules}
        print(sorted(roots & {"torch", "onnx", "onnxruntime"}), self.isVisible())
        self.close()

main_window.MainWindow = Watched
sys.exit(penjing_gui.app.main(["--new-window"]))
"""

PAINTED = """
import sys
from PySide6.QtCore import QTimer
import penjing_gui.app
import penjing_gui.main_window as main_window

class Watched(main_window.MainWindow):
    painted = False

    def paintEvent(self, event):
        super().paintEvent(event)
        if not Watched.painted:
            Watched.painted = True
            print("pyqtgraph" in sys.modules, self.session.engine.state)
            QTimer.singleShot(0, self.close)

main_window.MainWindow = Watched
sys.exit(penjing_gui.app.main(["--new-window"]))
"""


def run(code: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, timeout=120)


def test_that_the_whole_window_loads_no_tensor_library() -> None:
    done = run(LOADED)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split("\n")[0] == "[] True", done.stdout + done.stderr


def test_that_the_window_is_painted_before_plots_are_loaded_and_the_engine_is_started() -> None:
    done = run(PAINTED)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split("\n")[0] == "False stopped", done.stdout + done.stderr


def test_that_a_subcommand_never_loads_qt() -> None:
    code = (
        "import sys; sys.argv = ['penjing', 'devices', 'nrf52840'];"
        "from penjing_gui.__main__ import main; code = main();"
        "print('PySide6' in sys.modules, file=sys.stderr); sys.exit(code)"
    )
    done = run(code)
    assert (done.returncode, done.stderr.strip()) == (0, "False"), done.stderr


def test_that_wrong_arguments_are_told_in_one_line() -> None:
    done = run(
        "import sys; sys.argv = ['penjing', 'gui', '--no-such-thing']; from penjing_gui.__main__ import main; main()"
    )
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "--no-such-thing" in done.stderr
