"""The verdict of an export: a badge, what it came to in a few sentences, the files and the proofs."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from penjing.catalogue.metrics import metric_name
from penjing.report.words import rung_name
from penjing.results import RunResult
from penjing_gui import words
from penjing_gui.controls.identity import identify
from penjing_gui.pages.proofs import MARKS, Proofs
from penjing_gui.texts import Texts
from penjing_gui.theme import SPACE, TITLE, set_tone


class VerdictView(QWidget):
    """What an export came to; before it, what will stand here."""

    def __init__(self, texts: Texts, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._texts = texts
        self._result: RunResult | None = None
        self._stale = False
        self.badge = identify(QLabel(textFormat=Qt.TextFormat.PlainText, wordWrap=True), "export.verdict")
        self.summary = QLabel(textFormat=Qt.TextFormat.PlainText, wordWrap=True)
        self.stale = QLabel(textFormat=Qt.TextFormat.PlainText, wordWrap=True)
        font = self.badge.font()
        font.setPixelSize(TITLE)
        font.setWeight(font.Weight.DemiBold)
        self.badge.setFont(font)
        set_tone(self.stale, "warning")
        self.proofs = Proofs(texts)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACE)
        for widget in (self.badge, self.summary, self.stale):
            layout.addWidget(widget)
        layout.addWidget(self.proofs, 1)
        layout.addStretch()
        self.show_result(None)

    def show_result(self, result: RunResult | None) -> None:
        """Show an export, or what one would tell."""
        self._result = result
        self.proofs.show_result(result)
        set_tone(self.badge, "muted" if result is None else "good" if result.verdict.passed else "error")
        if result is None:
            self.badge.setText(self.tr("No verdict yet"))
            self.badge.setAccessibleName(self.tr("Verdict: none yet"))
            self.summary.setText(
                self.tr(
                    "An export opens every file again in an independent runtime, runs your test data through it and"
                    " compares it with what was on screen. What it finds stands here."
                )
            )
        else:
            passed = result.verdict.passed
            self.badge.setText(self.tr("✓ Passed") if passed else self.tr("✕ Failed"))
            self.badge.setAccessibleName(self.tr("Verdict: passed") if passed else self.tr("Verdict: failed"))
            self.summary.setText(self._summary(result))
        self.set_stale(False)

    def set_stale(self, stale: bool) -> None:
        """Say that the plan has changed since."""
        self._stale = stale and self._result is not None
        self.stale.setText(self.tr("▲ The plan has changed since this export.") if self._stale else "")
        self.stale.setVisible(self._stale)

    def report(self, title: str, folder: str) -> str:
        """The verdict as plain text, to be pasted into a message; empty before there is one."""
        result = self._result
        if result is None:
            return ""
        word = self.tr("passed") if result.verdict.passed else self.tr("failed")
        lines = [f"Penjing · {title} · {word}", folder, "", self._summary(result), ""]
        bytes_ = self.tr("{count} bytes")
        lines += [f"{file.path}: {bytes_.format(count=f'{file.bytes:,}')} ({file.format})" for file in result.files]
        rungs = [
            f"{MARKS[one.passed]} {rung_name(one.name, self._texts.language)}: {one.detail}"
            for one in result.verdict.rungs
        ]
        lines += ["", *rungs, "", self.tr("plan {hash}").format(hash=result.plan_hash)]
        return "\n".join(lines) + "\n"

    def _summary(self, result: RunResult) -> str:
        """What the export came to, in a few sentences."""
        verdict, before, after = result.verdict, result.baseline, result.compressed
        said = []
        if verdict.passed:
            said.append(self.tr("The files compute what was on screen."))
        else:
            wrong = [rung_name(rung.name, self._texts.language) for rung in verdict.rungs if rung.passed is False]
            said.append(self.tr("Not proven: {names}.").format(names=", ".join(wrong)))
        if verdict.agreement is not None:
            how = None if verdict.accuracy is None else verdict.accuracy.how
            text = self.tr("They choose the same class on {share}.")
            if how is not None and not how.is_share:
                text = self.tr("They answer the same numbers on {share}.")
            said.append(text.format(share=words.percent(verdict.agreement, digits=2)))
        if verdict.accuracy is not None:
            text = self.tr("Test accuracy {value} (n = {n}).")
            if verdict.accuracy.metric != "top1":
                name = metric_name(verdict.accuracy.how, self._texts.language)
                text = self.tr("{metric} on test data {value} (n = {n}).").replace("{metric}", name)
            said.append(text.format(value=words.accuracy(verdict.accuracy), n=verdict.accuracy.n))
        sizes = self.tr("Weights {before} → {after}").format(
            before=words.size(before.size_bytes), after=words.size(after.size_bytes)
        )
        said.append(f"{sizes} ({words.ratio(before.size_bytes, after.size_bytes)}).")
        if verdict.first_divergent_layer is not None:
            text = self.tr("The first layer that differs is {layer}.")
            said.append(text.format(layer=verdict.first_divergent_layer))
        return " ".join(said)
