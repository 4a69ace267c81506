"""Numbers and plans in words, in the report's language."""

from collections.abc import Callable, Iterator

from penjing.catalogue.methods import Kind, methods
from penjing.devices.units import size_text
from penjing.plan import Plan, Settings
from penjing.results import Accuracy

UNKNOWN = "–"
LONGEST_NAME = 120

Text = Callable[..., str]
"""(code without its area, values) → text."""


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


def points(difference: float) -> str:
    """A difference of shares in percentage points, with a true minus sign."""
    return f"{100 * difference:+.1f} pp".replace("-", "−")


def interval(accuracy: Accuracy) -> str:
    """The 95 % interval and the sample count."""
    return f"{percent(accuracy.low)} – {percent(accuracy.high)}, n = {accuracy.n}"


def plan_lines(plan: Plan, text: Text) -> Iterator[tuple[str | None, str]]:
    """(layer, what happens to it); the layer None is every layer that has no line of its own."""
    yield None, settings_words(plan.defaults, text)
    for layer in plan.layers:
        yield shown(layer), settings_words(plan.settings(layer), text)


def settings_words(settings: Settings, text: Text) -> str:
    """What the settings of one layer do, in a phrase."""
    return text("word_separator").join(_phrases(settings, text)) or text("words_nothing")


def teaching_words(plan: Plan, text: Text) -> str | None:
    """How the training steps teach; None for a plan that does not train."""
    if not {"distill", "finetune", "qat"}.intersection(step.step for step in plan.steps):
        return None
    teaching = plan.distillation
    return text(
        "words_teaching",
        alpha=f"{teaching.soft_label:g}",
        temperature=f"{teaching.temperature:g}",
        feature=f"{teaching.feature:g}",
        attention=f"{teaching.attention:g}",
        epochs=teaching.epochs,
        lr=f"{teaching.lr:g}",
        batch=teaching.batch_size,
        seed=teaching.seed,
    )


def step_titles(plan: Plan) -> str:
    """The pipeline in order."""
    return " → ".join(_title("step", step.step) for step in plan.steps)


def _phrases(settings: Settings, text: Text) -> Iterator[str]:
    if settings.locked:
        yield text("words_locked")
    if settings.remove:
        yield text("words_removed")
    if settings.cuts_filters:
        criterion = _title("filter_criterion", settings.filter_criterion)
        if settings.filter_threshold is not None:
            yield text("words_filter_threshold", threshold=f"{settings.filter_threshold:g}", criterion=criterion)
        elif settings.filters > 0:
            yield text("words_filters", share=f"{100 * settings.filters:g}", criterion=criterion)
        if settings.cut:
            yield text("words_cut", count=len(settings.cut))
    if settings.prunes_weights:
        criterion = _title("criterion", settings.criterion)
        if settings.nm is not None:
            yield text("words_nm", kept=settings.nm[0], of=settings.nm[1], criterion=criterion)
        if settings.threshold is not None:
            yield text("words_threshold", threshold=f"{settings.threshold:g}", criterion=criterion)
        elif settings.sparsity > 0:
            yield text("words_sparsity", share=f"{100 * settings.sparsity:g}", criterion=criterion)
    if settings.codebook is not None:
        yield text("words_codebook", values=settings.codebook)
    if settings.weight_bits < 32:
        yield text(
            "words_weight_bits",
            bits=settings.weight_bits,
            scheme=_title("scheme", settings.scheme),
            granularity=_title("granularity", settings.granularity),
            rounding=_title("rounding", settings.rounding),
        )
    if settings.activation_bits < 32:
        calibrator = _title("calibrator", settings.calibrator)
        yield text("words_activation_bits", bits=settings.activation_bits, calibrator=calibrator)


def _title(kind: Kind, identifier: str) -> str:
    found = methods(kind).get(identifier)
    return identifier if found is None else found.title
