"""The language of the window: its phrases by their English, Qt's own texts by Qt's files, `Texts` for those of core."""

from PySide6.QtCore import QCoreApplication, QLibraryInfo, QLocale, QTranslator
from PySide6.QtGui import QFontDatabase
from PySide6.QtWidgets import QApplication

from penjing import assets
from penjing_gui.texts import Texts

SYSTEM = "system"
"""The choice that leaves the language to the desktop."""
FAMILIES = {
    "zh_CN": ("Noto Sans CJK SC", "Source Han Sans SC", "Microsoft YaHei UI", "PingFang SC", "WenQuanYi Micro Hei"),
}
"""Fonts of languages that a desktop's own font may lack the signs of, the best first."""


class Phrases(QTranslator):
    """Looks every text up by its English alone, wherever it is said: one phrase has one translation."""

    def __init__(self, language: str, parent: QApplication) -> None:
        super().__init__(parent)
        self._phrases = assets.phrases(language)

    def isEmpty(self) -> bool:
        """Whether there is nothing to look up."""
        return not self._phrases

    def translate(self, context: str, sourceText: str, disambiguation: str | None = None, n: int = -1) -> str:
        """The phrase in this language; Qt asks the next translator where it is null."""
        return self._phrases.get(sourceText)  # type: ignore[return-value]


def resolved(choice: str) -> str:
    """The language for a choice: itself, or the first of the desktop's that Penjing speaks, else English."""
    if choice in assets.LANGUAGES:
        return choice
    for wanted in QLocale.system().uiLanguages():
        locale = QLocale(wanted)
        for language in assets.LANGUAGES:
            ours = QLocale(language)
            if (ours.language(), ours.script()) == (locale.language(), locale.script()):
                return language
    return "en"


def title_of(source: str, title: str) -> str:
    """A sample's title in the language of the window; what a person's own file is called is left alone."""
    return QCoreApplication.translate("sample", title) if source.startswith("sample:") else title


def apply(app: QApplication, language: str, texts: Texts) -> None:
    """Switch every text, also of what is shown: windows hear `QEvent.LanguageChange`."""
    for earlier in app.findChildren(QTranslator):
        app.removeTranslator(earlier)
        earlier.deleteLater()
    texts.language = language if language in assets.LANGUAGES else "en"
    QLocale.setDefault(QLocale(texts.language))
    _choose_font(app, texts.language)
    phrases = Phrases(texts.language, app)
    if phrases.isEmpty():
        phrases.deleteLater()
        return
    app.installTranslator(phrases)
    # Asked first, because it knows where in a dialog a text stands.
    own = QTranslator(app)
    if own.load(f"qtbase_{texts.language}", QLibraryInfo.path(QLibraryInfo.LibraryPath.TranslationsPath)):
        app.installTranslator(own)


def _choose_font(app: QApplication, language: str) -> None:
    """A font that has the signs of the language: those that Qt borrows from another are taller than the lines are."""
    font = QFontDatabase.systemFont(QFontDatabase.SystemFont.GeneralFont)
    if language in FAMILIES:
        known = QFontDatabase.families(QFontDatabase.WritingSystem.SimplifiedChinese)
        best = [family for family in FAMILIES[language] if family in known] or known
        font.setFamilies([*best[:1], *font.families()])
    if app.font() != font:
        app.setFont(font)
