"""The language of the window: Qt's translator for its own texts, `Texts` for those of core."""

from PySide6.QtCore import QTranslator
from PySide6.QtWidgets import QApplication

from penjing import assets
from penjing_gui.texts import Texts


def apply(app: QApplication, language: str, texts: Texts) -> None:
    """Switch every text; English needs no file, and what a translation lacks stays English."""
    for earlier in app.findChildren(QTranslator):
        app.removeTranslator(earlier)
        earlier.deleteLater()
    texts.language = language if language in assets.LANGUAGES else "en"
    translator = QTranslator(app)
    if translator.load(f"penjing_{language}", str(assets.resources() / "i18n")):
        app.installTranslator(translator)
