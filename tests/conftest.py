"""What holds for every test: one thread, no screen, and settings that are nobody's."""

import os
from pathlib import Path

import pytest


def pytest_configure() -> None:
    # Set before torch and Qt are loaded, and inherited by the processes that tests start.
    os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = "1"
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")


@pytest.fixture(scope="session", autouse=True)
def session_home(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Fixtures that outlive a test do not touch the user's settings and cache either."""
    os.environ["PENJING_HOME"] = str(tmp_path_factory.mktemp("home"))
    os.environ["LC_ALL"] = "C.UTF-8"  # what the terminal of who tests speaks decides nothing


@pytest.fixture(autouse=True)
def penjing_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The empty settings and cache folder of one test."""
    home = tmp_path / "penjing-home"
    monkeypatch.setenv("PENJING_HOME", str(home))
    return home
