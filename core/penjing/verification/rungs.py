"""The steps of the ladder in words: parity, bytes, accuracy."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from torch import Tensor

from penjing import assets
from penjing.estimation.measured import accuracy_of, classes_of
from penjing.loading.dataset import Dataset
from penjing.results import Accuracy, ExportedFile, Rung
from penjing.verification.divergence import Divergence
from penjing.verification.significance import mcnemar
from penjing.verification.trial import Trial, excused
from penjing.verification.truth import Batch, Classes

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

    labels: list[Classes] = field(default_factory=list)
    screen: list[Classes] = field(default_factory=list)
    before: list[Classes] = field(default_factory=list)
    first: tuple[Tensor, ...] = ()
    """The first inputs, to look for a layer that diverges."""

    def add(self, batch: Batch) -> None:
        """Remember what a batch says."""
        self.screen.append(classes_of(batch.wanted["screen"]))
        self.labels += [] if batch.labels is None else [batch.labels]
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
        "parity",
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
    truth, metric = (seen.labels, "top1") if seen.labels else (seen.before, "agreement")
    if not truth:
        return None, None
    wanted = np.concatenate(truth)
    hits = np.concatenate(trial.comparison.chosen) == wanted
    shown = np.concatenate(seen.screen) == wanted
    accuracy = accuracy_of(hits, groups=data.test.groups, metric=metric, split="test")
    screen = accuracy_of(shown, groups=data.test.groups, metric=metric, split="test")
    detail = texts(
        f"accuracy_{metric}",
        value=_percent(accuracy.value),
        low=_percent(accuracy.low),
        high=_percent(accuracy.high),
        n=accuracy.n,
        screen=_percent(screen.value),
    )
    if seen.before and metric == "top1":
        before = np.concatenate(seen.before) == wanted
        lost, gained = int((before & ~hits).sum()), int((~before & hits).sum())
        p = mcnemar(lost=lost, gained=gained)
        code = "drop_real" if p < SIGNIFICANT else "drop_chance"
        told = texts(code, before=_percent(float(before.mean())), lost=lost, gained=gained, p=f"{p:.2g}")
        detail = f"{detail} {told}"
    inside = screen.low <= accuracy.value <= screen.high
    return accuracy, Rung(name=f"{trial.format}: accuracy", passed=inside, detail=detail)


def _percent(share: float) -> str:
    return f"{100 * share:.1f}"
