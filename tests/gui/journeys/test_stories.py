"""Three people get their whole job done in a virtual desktop, by mouse and keyboard: explorer, student, shipper."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support import desktop_session

ROOT = Path(__file__).parents[3]
SYSTEM_PYTHON = "/usr/bin/python3"


def test_that_an_explorer_looks_cuts_and_compares(tmp_path: Path) -> None:
    seen = story("explorer", tmp_path)
    assert seen["accuracy"].startswith("Accuracy: ") and "measured" in seen["accuracy"]
    assert len({facts.split()[0] for facts in seen["layers"]}) == 3
    begun, cut, brushed = (kibibytes(size) for size in seen["sizes"])
    assert begun > cut > brushed
    rows, columns = seen["compared"]
    assert columns == 4 and rows > 10  # what is compared: as loaded, and two plans that were kept
    assert "Flipped" in seen["hint"]


def test_that_a_student_reads_tries_and_answers(tmp_path: Path) -> None:
    seen = story("student", tmp_path)
    assert len(set(seen["lessons"])) == 4
    assert seen["formula"] and "120" in seen["numbers"]  # this network's own
    assert "Undo" in seen["told"]
    *wrong, right = seen["said"]
    assert all(text.startswith("Not quite") for text in wrong)
    assert right.startswith("Right. ") and len(right) > 20


def test_that_a_shipper_fits_teaches_exports_and_gets_a_proof(tmp_path: Path) -> None:
    seen = story("shipper", tmp_path)
    assert seen["device"] and seen["fitted"] != seen["as loaded"]
    assert float(seen["fitted"].split(", ")[1].split()[0]) <= 100  # per cent of the budget
    assert seen["verdict"] == "Verdict: passed"
    assert {"plan.json", "report.html", "verdict.json", "model.onnx"} <= set(seen["files"])
    verdict = json.loads((tmp_path / "out" / "verdict.json").read_text("utf-8"))
    assert verdict["passed"] and verdict["rungs"]


def story(name: str, folder: Path) -> dict[str, Any]:
    """What the person saw; without a desktop the test is passed over, but not in CI."""
    lacking = list(desktop_session.missing())
    if subprocess.run([SYSTEM_PYTHON, "-c", "import pyatspi"], capture_output=True, check=False).returncode:
        lacking.append("python3-pyatspi")
    if lacking and "CI" not in os.environ:
        pytest.skip(f"not on this machine: {', '.join(lacking)} (packaging/bootstrap.py test installs them)")
    assert not lacking
    environment = {
        **os.environ,
        "PENJING_HOME": str(folder / "home"),
        "PYTHONPATH": os.pathsep.join((str(ROOT / "core"), str(ROOT / "gui"))),
    }
    driver = [SYSTEM_PYTHON, str(ROOT / "tests/support/stories.py"), name, sys.executable, str(folder)]
    command = desktop_session.command(driver, size="1280x800")
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def kibibytes(said: str) -> float:
    """Of a readout that says `Size: 27.5 KiB …`."""
    return float(said.split(": ")[1].split(" KiB")[0])
