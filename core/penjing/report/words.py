"""Numbers and plans in words, in any language of Penjing.

>>> from penjing.plan import Settings
>>> settings_words(Settings(sparsity=0.5), "en")
'50 % of the weights set to zero (Weight magnitude)'
"""

from collections.abc import Iterator, Mapping

from penjing.assets import minus, phrase, text
from penjing.catalogue.methods import Kind, methods
from penjing.catalogue.metrics import metric_name
from penjing.devices.units import size_text
from penjing.plan import Plan, Settings
from penjing.results import Accuracy

UNKNOWN = "–"
LONGEST_NAME = 120
HEADS: Mapping[str, str] = {"c99-cmsis-nn": "C99 with CMSIS-NN"}
"""What checks begin with that is no format of its own."""


def shown(name: str) -> str:
    """A name from a file as it can be printed: one line, at most 120 characters."""
    clean = "".join(character if character.isprintable() else "�" for character in name[: LONGEST_NAME + 1])
    return clean if len(name) <= LONGEST_NAME else f"{clean[: LONGEST_NAME - 1]}…"


def count(number: float | None) -> str:
    """A whole number in groups of three."""
    return UNKNOWN if number is None else f"{number:,.0f}".replace(",", "\u202f")


def size(number: float | None) -> str:
    """Bytes with a binary unit."""
    return UNKNOWN if number is None else size_text(number)


def percent(share: float | None, digits: int = 1) -> str:
    """A share as a percentage."""
    return UNKNOWN if share is None else f"{100 * share:.{digits}f} %"


def points(difference: float, language: str) -> str:
    """A difference of shares in percentage points, with a true minus sign."""
    return _say("points", language, points=minus(f"{100 * difference:+.1f}"))


def quality(accuracy: Accuracy | None) -> str:
    """The value with its unit."""
    return UNKNOWN if accuracy is None else accuracy.how.show(accuracy.value)


def quality_title(accuracy: Accuracy | None, language: str) -> str:
    """What was measured; of classes with labels simply the accuracy."""
    if accuracy is None or accuracy.metric == "top1":
        return text("figure.accuracy", language=language)
    return metric_name(accuracy.how, language)


def metric_word(accuracy: Accuracy, language: str) -> str:
    """The metric in a row of words, for example `top-1`."""
    short = {"top1": "metric.top1", "agreement": "metric.agreement"}.get(accuracy.metric)
    return metric_name(accuracy.how, language) if short is None else text(short, language=language)


def gained(before: Accuracy, after: Accuracy, language: str) -> str:
    """The change: percentage points of a share, the percent of an error, else the difference."""
    how = after.how
    if how.is_share:
        return points(after.value - before.value, language)
    if how.kind == "error" and before.value > 0:
        return minus(f"{100 * (after.value - before.value) / before.value:+.1f} %")
    return minus(f"{after.value - before.value:+.3g}")


def interval(accuracy: Accuracy) -> str:
    """The 95 % interval and the sample count."""
    return f"{accuracy.how.show(accuracy.low)} – {accuracy.how.show(accuracy.high)}, n = {accuracy.n}"


def plan_lines(plan: Plan, language: str) -> Iterator[tuple[str | None, str]]:
    """(layer, what happens to it); the layer None is every layer that has no line of its own."""
    yield None, settings_words(plan.defaults, language)
    for layer in plan.layers:
        yield shown(layer), settings_words(plan.settings(layer), language)


def settings_words(settings: Settings, language: str) -> str:
    """What the settings of one layer do, in a phrase."""
    return _say("word_separator", language).join(_phrases(settings, language)) or _say("words_nothing", language)


def teaching_words(plan: Plan, language: str) -> str | None:
    """How the training steps teach; None for a plan that does not train."""
    if not {"distill", "finetune", "qat"}.intersection(step.step for step in plan.steps):
        return None
    teaching = plan.distillation
    return _say(
        "words_teaching",
        language,
        alpha=f"{teaching.soft_label:g}",
        temperature=f"{teaching.temperature:g}",
        feature=f"{teaching.feature:g}",
        attention=f"{teaching.attention:g}",
        epochs=teaching.epochs,
        lr=f"{teaching.lr:g}",
        batch=teaching.batch_size,
        seed=teaching.seed,
    )


def step_titles(plan: Plan, language: str) -> str:
    """The pipeline in order."""
    return " → ".join(method_title("step", step.step, language) for step in plan.steps)


def _phrases(settings: Settings, language: str) -> Iterator[str]:
    if settings.locked:
        yield _say("words_locked", language)
    if settings.remove:
        yield _say("words_removed", language)
    if settings.cuts_filters:
        criterion = method_title("filter_criterion", settings.filter_criterion, language)
        if settings.filter_threshold is not None:
            yield _say(
                "words_filter_threshold", language, threshold=f"{settings.filter_threshold:g}", criterion=criterion
            )
        elif settings.filters > 0:
            yield _say("words_filters", language, share=f"{100 * settings.filters:g}", criterion=criterion)
        if settings.cut:
            yield _say("words_cut", language, count=len(settings.cut))
    if settings.prunes_weights:
        criterion = method_title("criterion", settings.criterion, language)
        if settings.nm is not None:
            yield _say("words_nm", language, kept=settings.nm[0], of=settings.nm[1], criterion=criterion)
        if settings.threshold is not None:
            yield _say("words_threshold", language, threshold=f"{settings.threshold:g}", criterion=criterion)
        elif settings.sparsity > 0:
            yield _say("words_sparsity", language, share=f"{100 * settings.sparsity:g}", criterion=criterion)
    if settings.codebook is not None:
        yield _say("words_codebook", language, values=settings.codebook)
    if settings.weight_bits < 32:
        yield _say(
            "words_weight_bits",
            language,
            bits=settings.weight_bits,
            scheme=method_title("scheme", settings.scheme, language),
            granularity=method_title("granularity", settings.granularity, language),
            rounding=method_title("rounding", settings.rounding, language),
        )
    if settings.activation_bits < 32:
        calibrator = method_title("calibrator", settings.calibrator, language)
        yield _say("words_activation_bits", language, bits=settings.activation_bits, calibrator=calibrator)


def method_title(kind: Kind, identifier: str, language: str) -> str:
    """What a method of the catalogue is called."""
    found = methods(kind).get(identifier)
    return identifier if found is None else phrase(found.title, language=language)


def rung_name(name: str, language: str) -> str:
    """A rung of the verification as people read it: a format and what was tried."""
    head, colon, tail = name.partition(": ")
    if head in methods("format"):
        said = method_title("format", head, language)
    else:
        said = phrase(HEADS.get(head, head), language=language)
    return f"{said}: {phrase(tail, language=language)}" if colon else said


def _say(code: str, language: str, **values: object) -> str:
    return text(f"report.{code}", language=language, **values)
