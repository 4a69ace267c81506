"""Says what Penjing is, which version, and under which licences it and what ships with it stand."""

import re
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution, requires, version
from pathlib import Path
from typing import Any

from PySide6.QtCore import QCoreApplication, Qt
from PySide6.QtWidgets import QMessageBox, QWidget

from penjing import assets


def show(parent: QWidget) -> QMessageBox:
    """The box; details hold the licences as they were shipped."""
    box = QMessageBox(parent)
    box.setWindowTitle(_tr("About Penjing"))
    box.setIconPixmap(parent.windowIcon().pixmap(64, 64))
    box.setTextFormat(Qt.TextFormat.PlainText)
    box.setText(f"Penjing {_version()}".strip())
    box.setInformativeText(
        _tr(
            "盆景 is the art of growing a full tree in a small tray. Penjing grows full neural networks in small"
            " devices, and proves that what was shipped is what was seen."
        )
        + "\n\n"
        + _tr("Penjing is free software under the Apache License 2.0. Icons and samples carry licences of their own.")
    )
    box.setDetailedText(licences())
    box.finished.connect(box.deleteLater)
    box.open()
    return box


def licences() -> str:
    """Of everything that ships with Penjing and is not its own."""
    found = sorted((assets.resources() / "samples").glob("*/LICENSE"))
    files = [assets.resources() / "icons" / "LICENSE", *found]
    told = [f"{_title(file)}\n\n{file.read_text(encoding='utf-8').strip()}" for file in files]
    return "\n\n".join([_tr("Libraries that Penjing runs on") + "\n\n" + "\n".join(libraries()), *told])


def libraries() -> Iterator[str]:
    """Name, version and licence of everything that Penjing needs to run, as its own packages say."""
    try:
        needed = requires("penjing") or []
    except PackageNotFoundError:  # run from a checkout that is not installed
        return
    for requirement in sorted(needed, key=str.casefold):
        name = re.match(r"[\w.-]+", requirement)
        if name is None or "extra ==" in requirement:
            continue
        try:
            found = distribution(name[0])
        except PackageNotFoundError:
            continue  # not needed on this system
        yield f"{found.name} {found.version}: {_licence(found)}"


def _licence(found: Distribution) -> str:
    told: Any = found.metadata  # an email message, which its type does not say
    named = [
        one.rpartition("::")[2].strip() for one in told.get_all("Classifier") or () if one.startswith("License ::")
    ]
    # The old field may hold the whole text.
    lines = (told.get("License-Expression") or told.get("License") or "").strip().splitlines()
    return lines[0] if lines else ", ".join(named) or "–"


def _title(file: Path) -> str:
    return file.parent.relative_to(assets.resources()).as_posix()


def _version() -> str:
    try:
        return version("penjing")
    except PackageNotFoundError:  # run from a checkout that is not installed
        return ""


def _tr(text: str) -> str:
    return QCoreApplication.translate("about", text)
