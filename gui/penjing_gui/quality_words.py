"""What the value of a metric is called: an error is no accuracy, and neither is an agreement."""

from PySide6.QtCore import QCoreApplication

from penjing.catalogue.metrics import Metric, known, metric
from penjing.results import Accuracy
from penjing_gui import words


def noun(name: str | None) -> str:
    """For labels, without a unit; accuracy where no metric is known yet.

    >>> noun("top3"), noun("agreement"), noun("mae"), noun("auc"), noun(None)
    ('Accuracy', 'Agreement', 'Error', 'AUC', 'Accuracy')
    """
    how = _of(name)
    if how.id == "agreement":
        return _tr("Agreement")
    if how.kind == "error":
        return _tr("Error")
    return _tr("Accuracy") if how.is_share else how.short


def head(name: str | None) -> str:
    """For heads of columns and axes, with the unit.

    >>> head("top1"), head("top3"), head("agreement"), head("mae")
    ('Accuracy, %', 'Top-3, %', 'Agreement, %', 'MAE')
    """
    how = _of(name)
    if how.id == "agreement":
        return _tr("Agreement, %")
    return _tr("Accuracy, %") if how.id == "top1" else how.short


def axis(name: str | None) -> str:
    """The same where it stands within a plot.

    >>> axis("top1"), axis("mse")
    ('accuracy, %', 'MSE')
    """
    how = _of(name)
    if how.id == "agreement":
        return _tr("agreement, %")
    return _tr("accuracy, %") if how.id == "top1" else how.short


def told(value: Accuracy | None) -> str:
    """A value with its interval, behind its name wherever it is no plain accuracy.

    >>> told(Accuracy(value=0.5, low=0.4, high=0.6, n=9, kind="measured", metric="mse", split="val"))
    'MSE 0.5 ± 0.1'
    """
    if value is None or value.metric == "top1" or not value.how.is_share:
        return words.named_accuracy(value)
    name = noun(value.metric) if value.metric == "agreement" else f"Top-{value.how.k}"
    return f"{name} {words.accuracy(value)}"


def beside(value: Accuracy) -> str:
    """A value with its interval beside its `noun`, which may say all that there is to say.

    >>> beside(Accuracy(value=0.5, low=0.4, high=0.6, n=9, kind="measured", metric="auc", split="val"))
    '0.5 ± 0.1'
    """
    return words.accuracy(value) if noun(value.metric) == value.how.short else words.named_accuracy(value)


def _of(name: str | None) -> Metric:
    return metric(name if name is not None and known(name) else "top1")


def _tr(text: str) -> str:
    return QCoreApplication.translate("quality_words", text)
