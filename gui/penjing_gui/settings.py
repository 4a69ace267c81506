"""What a person prefers: one typed value with defaults in code; only what was changed is saved, with a version."""

import contextlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from PySide6.QtCore import QIODevice, QObject, QSaveFile, Signal

VERSION = 1
MOST_RECENT = 8
_LARGEST = 1 << 20

ThemeChoice = Literal["system", "light", "dark"]
MapChoice = Literal["cividis", "viridis", "grey"]
THREADS = 1, 16
CACHE_MIB = 16, 8192
AUTOSAVE_SECONDS = 0.5, 60.0
"""The least and the most that may be chosen."""


class Recent(msgspec.Struct, frozen=True, kw_only=True):
    """Something that was opened before."""

    path: str
    """A file, or `sample:NAME`."""
    data: str | None = None
    title: str = ""
    size_bytes: int | None = None
    accuracy: float | None = None


class Settings(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Every preference."""

    theme: ThemeChoice = "system"
    language: str = "system"
    """`system`, or one of `penjing.assets.LANGUAGES`."""
    colormap: MapChoice = "cividis"
    """Of heatmaps and everything else whose colours say how much."""
    threads: Annotated[int, msgspec.Meta(ge=THREADS[0], le=THREADS[1])] = 2
    """Of the engine while no job runs beside it."""
    cache_mib: Annotated[int, msgspec.Meta(ge=CACHE_MIB[0], le=CACHE_MIB[1])] = 256
    """What can be worked out again is kept up to this size."""
    autosave_seconds: Annotated[float, msgspec.Meta(ge=AUTOSAVE_SECONDS[0], le=AUTOSAVE_SECONDS[1])] = 1.5
    """From a change until unsaved work is kept: with the time that writing takes, a crash costs less than 2 s."""
    recents: tuple[Recent, ...] = ()
    coach_dismissed: bool = False
    geometry: str = ""
    """Of the window, as Qt saves it, in base64; so is `layout`."""
    layout: str = ""
    docks: dict[str, tuple[str, ...]] = {}
    """By tab, the docks that were left open beside it."""
    open_folder: str = ""
    """Where files were last chosen; `export_folder` where exports go."""
    export_folder: str = ""


PREFERENCES = ("language", "theme", "colormap", "threads", "cache_mib", "autosave_seconds")
"""What the dialog shows and resets; the rest is remembered, not preferred."""
Migration = Callable[[dict[str, Any]], dict[str, Any]]
_MIGRATIONS: Mapping[int, Migration] = {}
"""From each old version to the next."""


class SettingsFile(QObject):
    """The settings and their file; what cannot be understood is left out, never an error."""

    changed = Signal(object)
    """The new `Settings`."""

    def __init__(self, folder: Path, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.path = folder / "settings.json"
        self.value = _read(self.path)

    def update(self, **changes: Any) -> None:
        """Change and save."""
        value = msgspec.structs.replace(self.value, **changes)
        if value == self.value:
            return
        self.value = value
        self._save()
        self.changed.emit(value)

    def reset(self) -> None:
        """Preferences as they are at first; what is remembered stays."""
        first = Settings()
        self.update(**{name: getattr(first, name) for name in PREFERENCES})

    def remember(self, recent: Recent) -> None:
        """Put something at the head of what was opened."""
        others = [one for one in self.value.recents if one.path != recent.path]
        self.update(recents=(recent, *others)[:MOST_RECENT])

    def _save(self) -> None:
        content = msgspec.json.encode({"version": VERSION, **msgspec.to_builtins(self.value)})
        # A disk that is full must not keep anybody from working: preferences are the least of it.
        with contextlib.suppress(OSError):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(self.path, msgspec.json.format(content, indent=2))


def write_whole(path: Path, content: bytes) -> None:
    """Write a file as a whole or not at all.

    Raises:
        OSError: The disk is full, or the folder cannot be written.
    """
    file = QSaveFile(str(path))
    if not (file.open(QIODevice.OpenModeFlag.WriteOnly) and file.write(content) == len(content) and file.commit()):
        raise OSError(f"{path}: {file.errorString()}")


def _read(path: Path) -> Settings:
    try:
        with path.open("rb") as file:
            raw = msgspec.json.decode(file.read(_LARGEST))
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Settings()
    if not isinstance(raw, dict):
        return Settings()
    version = raw.pop("version", VERSION)
    while isinstance(version, int) and version in _MIGRATIONS:
        raw, version = _MIGRATIONS[version](raw), version + 1
    found: dict[str, Any] = {}
    for field in msgspec.structs.fields(Settings):
        # One wrong value costs only itself.
        with contextlib.suppress(msgspec.ValidationError):
            if field.name in raw:
                found[field.name] = msgspec.convert(raw[field.name], field.type)
    return Settings(**found)
