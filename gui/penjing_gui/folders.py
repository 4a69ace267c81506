"""Where the window keeps settings, unsaved work and its log: platform folders, or all under PENJING_HOME."""

import os
from pathlib import Path

from platformdirs import user_config_path, user_log_path, user_state_path


def settings_folder() -> Path:
    """Preferences, and what names the single instance."""
    return _home() or user_config_path("penjing", appauthor=False)


def work_folder() -> Path:
    """Unsaved work, one folder for each window."""
    home = _home()
    return (user_state_path("penjing", appauthor=False) if home is None else home) / "work"


def log_file() -> Path:
    """Mistakes of Penjing's own, newest last."""
    home = _home()
    return (user_log_path("penjing", appauthor=False) if home is None else home) / "penjing.log"


def _home() -> Path | None:
    home = os.environ.get("PENJING_HOME")
    return Path(home) if home else None
