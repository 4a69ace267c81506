"""The steps of the ladder in words: parity, bytes, accuracy."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from penjing import assets
from penjing.catalogue.metrics import Metric, metric_name
from penjing.estimation.interval import Z
from penjing.estimation.measured import accuracy_of, classes_of
from penjing.estimation.quality import auc_change, mean_change
from penjing.estimation.scoring import Scorer
from penjing.loading.dataset import Dataset
from penjing.results import Accuracy, ExportedFile, Rung
from penjing.verification.divergence import Divergence
from penjing.verification.significance import mcnemar
from penjing.verification.trial import Trial, excused
from penjing.verification.truth import Batch, Classes

Scores = NDArray[np.float64]

LARGEST_SIZE_ERROR = 0.02
SIGNIFICANT = 0.05


@dataclass(frozen=True)
class Texts:
    """The texts of `verify.…` in one language."""

    language: str

    def __call__(self, code: str, **values: object) -> str:
        """The text of one code."""
        return assets.text(f"verify.{code}", language=self.language, **values)


@dataclass(kw_only=True)
class Seen:
    """Answers to the test inputs that are not a file's."""

    scorer: Scorer | None = None
    """Judges answers, where the data tells what is right."""
    border: float = 0.0
    """Above which a single output says the second class."""
    shown: list[Scores] = field(default_factory=list)
    """What it says of the screen's answers …"""
    judged: list[Scores] = field(default_factory=list)
    """… and of those of the network before compression."""
    screen: list[Classes] = field(default_factory=list)
    before: list[Classes] = field(default_factory=list)
    first: tuple[Tensor, ...] = ()
    """The first inputs, to look for a layer that diverges."""

    def add(self, batch: Batch) -> None:
        """Remember what a batch says."""
        self.screen.append(classes_of(batch.wanted["screen"], border=self.border))
        if self.scorer is not None:
            start = sum(map(len, self.shown))
            places = np.arange(start, start + len(batch.inputs[0]))
            self.shown.append(self.scorer.scores(batch.wanted["screen"][0], places))
            self.judged += [] if batch.said is None else [self.scorer.scores(batch.said, places)]
        self.before += [] if batch.before is None else [batch.before]


def parity_rung(trial: Trial, trials: Sequence[Trial], divergence: Divergence | None, texts: Texts) -> Rung:
    """Whether one file in one runtime computes what was promised, and where it does not."""
    if trial.missing is not None:
        told = texts(trial.missing.told, tool=trial.missing.tool, packages=trial.missing.packages)
        return Rung(name=trial.title, passed=None, detail=told)
    if trial.error is not None:
        return Rung(name=trial.title, passed=False, detail=texts("not_run", error=trial.error))
    compared = trial.comparison
    detail = texts(
        "parity" if compared.tells_classes else "parity_numbers",
        n=compared.samples,
        agreement=f"{100 * compared.agreement:.2f}",
        difference=f"{compared.largest_difference:.3g}",
        largest=f"{compared.largest_value:.3g}",
    )
    if compared.values:
        detail += " " + texts("steps", beside=compared.beside, beyond=compared.beyond, values=compared.values)
    detail += f" {texts('rounded_twice')}" if trial.runtime.rounding == "double" else ""
    detail += _counted(trial, texts)
    if trial.passed:
        return Rung(name=trial.title, passed=True, detail=detail)
    if excused(trial, trials):
        return Rung(name=trial.title, passed=None, detail=f"{texts('saturates')} {detail}")
    if any(other.passed for other in trials if other.path == trial.path):
        detail = f"{texts('optimiser')} {detail}"
    if divergence is not None:
        told = texts("divergence", layer=divergence.source_name, file=divergence.file, screen=divergence.screen)
        detail = f"{detail} {told}"
    return Rung(name=trial.title, passed=False, detail=detail)


def _counted(trial: Trial, texts: Texts) -> str:
    """What was counted on an emulated board, and which one that was if it has another core."""
    run = trial.runtime.board
    if run is None or run.counts is None:
        return ""
    told = texts("board", instructions=f"{run.counts.instructions:,}", stack=run.counts.stack)
    elsewhere = "" if run.board.runs_on is None else f" {texts('runs_on', core=run.board.runs_on)}"
    return f" {told}{elsewhere}"


def bytes_rung(file: ExportedFile, predicted: int | None, texts: Texts) -> Rung:
    """Real bytes against the estimate."""
    name = f"{file.format}: bytes"
    if not predicted:
        return Rung(name=name, passed=None, detail=texts("bytes_unknown", real=file.bytes))
    error = file.bytes / predicted - 1
    detail = texts("bytes", real=file.bytes, predicted=predicted, error=f"{100 * error:+.2f}")
    return Rung(name=name, passed=abs(error) <= LARGEST_SIZE_ERROR, detail=detail)


def accuracy_rung(trial: Trial, seen: Seen, data: Dataset, texts: Texts) -> tuple[Accuracy | None, Rung | None]:
    """The file's accuracy, whether it is the screen's, and whether a drop since the baseline is real.

    The rung fails where the file's accuracy lies outside the screen's interval; a drop alone never fails it.
    """
    accuracy, screen, before, hits = _judged(trial, seen, data)
    if accuracy is None or screen is None:
        return None, None
    how = accuracy.how
    names = {"top1": "accuracy_top1", "agreement": "accuracy_agreement"}
    if how.id in names:
        detail = texts(
            names[how.id],
            value=_percent(accuracy.value),
            low=_percent(accuracy.low),
            high=_percent(accuracy.high),
            n=accuracy.n,
            screen=_percent(screen.value),
        )
    else:
        detail = texts(
            "accuracy_other",
            metric=metric_name(how, texts.language),
            value=how.show(accuracy.value),
            low=how.show(accuracy.low),
            high=how.show(accuracy.high),
            n=accuracy.n,
            screen=how.show(screen.value),
        )
    if before is not None and hits is not None:
        detail = f"{detail} {_drop(before, hits, how, seen, texts)}"
    inside = screen.low <= accuracy.value <= screen.high
    return accuracy, Rung(name=f"{trial.format}: {accuracy.how.noun}", passed=inside, detail=detail)


def _judged(
    trial: Trial, seen: Seen, data: Dataset
) -> tuple[Accuracy | None, Accuracy | None, Scores | None, Scores | None]:
    """(the file's accuracy, the screen's, scores of the original, scores of the file), as far as they are known."""
    if seen.scorer is not None:
        scores, shown = np.concatenate(trial.scores), np.concatenate(seen.shown)
        before = np.concatenate(seen.judged) if seen.judged else None
        return seen.scorer.accuracy(scores), seen.scorer.accuracy(shown), before, scores
    if not seen.before:
        return None, None, None, None
    wanted = np.concatenate(seen.before)
    own, screen = (
        accuracy_of(np.concatenate(chosen) == wanted, groups=data.test.groups, metric="agreement", split="test")
        for chosen in (trial.comparison.chosen, seen.screen)
    )
    return own, screen, None, None


def _drop(before: Scores, after: Scores, how: Metric, seen: Seen, texts: Texts) -> str:
    """Whether the change since the original is real."""
    assert seen.scorer is not None
    if how.is_share:
        was, now = before > 0, after > 0
        lost, gained = int((was & ~now).sum()), int((~was & now).sum())
        p = mcnemar(lost=lost, gained=gained)
        code = "drop_real" if p < SIGNIFICANT else "drop_chance"
        return texts(code, before=_percent(float(was.mean())), lost=lost, gained=gained, p=f"{p:.2g}")
    if how.kind == "rank":
        abnormal = np.asarray(seen.scorer.against, np.bool_)
        change, half = auc_change(before, after, abnormal, seen.scorer.split.groups)
    else:
        change, half = mean_change(after - before, seen.scorer.split.groups)
    p = math.erfc(abs(change) / half * Z / math.sqrt(2)) if half > 0 else float(change == 0)
    first = seen.scorer.accuracy(before).value
    return texts("change_real" if p < SIGNIFICANT else "change_chance", before=how.show(first), p=f"{p:.2g}")


def _percent(share: float) -> str:
    return f"{100 * share:.1f}"
