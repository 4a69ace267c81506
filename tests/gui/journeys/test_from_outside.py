"""The job from outside: a screen reader's view of the real program on a real (virtual) screen."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import desktop_session

ROOT = Path(__file__).parents[3]
SYSTEM_PYTHON = "/usr/bin/python3"

IDENTIFIERS = (
    "start.sample.digits",
    "start.sample.watch",
    "start.openModel",
    "start.openProject",
    "layers.table",
    "layers.filter",
    "compress.criterion",
    "compress.filterCriterion",
    "compress.scope",
    "compress.threshold",
    "compress.sparsity",
    "compress.filters",
    "compress.weightBits",
    "compress.activationBits",
    "compress.scheme",
    "compress.granularity",
    "compress.calibrator",
    "compress.locked",
    "compress.threshold.value",
    "compress.sparsity.value",
    "compress.filters.value",
    "compress.weightBits.value",
    "compress.activationBits.value",
    "fit.device",
    "fit.run",
    "fit.flash",
    "fit.ram",
    "fit.flashBudget",
    "fit.ramBudget",
    "fit.latencyBudget",
    "estimate.accuracy",
    "estimate.size",
    "estimate.macs",
    "estimate.latency",
    "estimate.energy",
    "plot.histogram",
    "plot.saliency",
    "run.measureAll",
    "edit.undo",
    "edit.redo",
    "train.start",
    "train.cancel",
    "train.progress",
    "train.temperature",
    "train.epochs",
    "export.format",
    "export.folder",
    "export.run",
    "export.verdict",
    "learn.list",
    "tabs.main",
    "status.message",
    "engine.state",
)
"""Of DESIGN §5, without those that only show after a crash."""


def test_that_the_job_is_done_through_the_accessibility_bus(tmp_path: Path) -> None:
    _require()
    folder = tmp_path / "out"
    environment = {
        **os.environ,
        "PENJING_HOME": str(tmp_path / "home"),
        "PYTHONPATH": os.pathsep.join((str(ROOT / "core"), str(ROOT / "gui"))),
    }
    program = desktop_session.command(
        [SYSTEM_PYTHON, str(ROOT / "tests/support/outside.py"), sys.executable, str(folder)]
    )
    done = subprocess.run(program, env=environment, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.splitlines()[-1])

    assert found["application"] == "Penjing"
    assert set(IDENTIFIERS) <= set(found["identifiers"])
    assert found["slider"] == "Sparsity"
    assert found["before"]["accuracy"].startswith("Accuracy: ") and "%" in found["before"]["accuracy"]
    assert found["after"]["flash"] != found["before"]["flash"]
    assert found["verdict"] == "Verdict: passed"
    assert (folder / "verdict.json").is_file()


def _require() -> None:
    """On a bare machine there is no desktop to test in; in CI there has to be."""
    lacking = list(desktop_session.missing())
    if subprocess.run([SYSTEM_PYTHON, "-c", "import pyatspi"], capture_output=True, check=False).returncode:
        lacking.append("python3-pyatspi")
    if lacking and "CI" not in os.environ:
        pytest.skip(f"not on this machine: {', '.join(lacking)} (packaging/bootstrap.py test installs them)")
    assert not lacking
