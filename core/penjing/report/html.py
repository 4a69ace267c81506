"""One self-contained page that tells a run: printable, no scripts, nothing loaded from elsewhere.

Names come from files and are data: the template escapes everything.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import jinja2
import msgspec
import numpy as np

from penjing import assets
from penjing.devices.facts import fact_title
from penjing.devices.profiles import Device, devices
from penjing.errors import Note
from penjing.estimation.comparison import compare_parts
from penjing.estimation.deployed import stored_layers, stored_size
from penjing.estimation.finished import state_of
from penjing.estimation.savings import finished_parts
from penjing.estimation.state import FLOAT_BITS, NetworkState, WeightState
from penjing.inspection.distribution import histogram, sorted_values
from penjing.layer_graph import LayerGraph
from penjing.model.c_kernels.parts import Kernels, Rounding
from penjing.model.model import Model
from penjing.plan import Plan
from penjing.report import words
from penjing.report.command import Again, command_line, named
from penjing.report.devices import device_rows, saving_rows
from penjing.report.script import script_text
from penjing.results import Accuracy, ExportedFile, Figures, RunResult, StepResult

TEMPLATE = Path(__file__).with_name("report.html.j2")
MOST_HISTOGRAMS = 60
BINS = 61
BAR_WIDTH = 110.0
FLOAT_BYTES = 4

Text = Callable[..., str]
"""(code without its area, values) → text."""


@dataclass(frozen=True, kw_only=True)
class FigureRow:
    """One figure before and after, with where it comes from."""

    title: str
    before: str
    after: str
    change: str
    kind: str


@dataclass(frozen=True, kw_only=True)
class LayerRow:
    """One layer before and after."""

    name: str
    type: str
    params: tuple[str, str]
    macs: tuple[str, str]
    bits: str
    zeros: str
    size: str
    bar_before: float
    bar_after: float


@dataclass(frozen=True, kw_only=True)
class Picture:
    """The histogram of one layer's weights: bars as (x, height) in 0..1."""

    name: str
    bars: tuple[tuple[float, float], ...]
    low: str
    high: str


def write_report(
    path: Path,
    *,
    result: RunResult,
    plan: Plan,
    before: LayerGraph,
    after: LayerGraph,
    model: Model,
    device: Device | None = None,
    model_source: str = "",
    data_source: str | None = None,
    preparation: Sequence[Note] = (),
    training: bool = True,
    rounding: Rounding = "single",
    kernels: Kernels = "generated",
    metric: str | None = None,
    language: str = "en",
) -> None:
    """Write the page.

    Args:
        path: The file to write.
        result: What the run told.
        plan: The plan that was really run.
        before: The network as loaded.
        after: The network that was exported.
        model: The same, with its weights.
        device: For which device; its facts are listed with their sources.
        model_source: The network as the user named it.
        data_source: The data as the user named it.
        preparation: What was done to the data until the network could take them.
        training: Whether the training steps ran (`compress`) or not (`export`).
        rounding: How exported C rounds.
        kernels: What exported C calls.
        metric: What quality was measured by, where a person chose that.
        language: `en` or `zh_CN`.
    """

    def text(code: str, **values: object) -> str:
        return assets.text(f"report.{code}", language=language, **values)

    again = Again(
        device=device,
        formats=tuple(dict.fromkeys(file.format for file in result.files)),
        training=training,
        rounding=rounding,
        kernels=kernels,
        metric=metric,
    )
    known = devices() if device is None or device in devices() else (device, *devices())
    compared = compare_parts(before, finished_parts(before, after, state_of(model, after), plan), known)
    page = _environment().from_string(TEMPLATE.read_text(encoding="utf-8"))
    content = page.render(
        text=text,
        language=language.replace("_", "-"),
        words=words,
        result=result,
        model_source=words.shown(Path(model_source).name if "/" in model_source else model_source),
        data_source=None if data_source is None else words.shown(Path(data_source).name),
        device=device,
        savings=saving_rows(compared, device, text, language),
        matrix=device_rows(compared, device),
        device_facts=() if device is None else tuple(_device_facts(device, text, language)),
        figures=tuple(_figure_rows(result.baseline, result.compressed, device, text, language)),
        layers=tuple(_layer_rows(before, after, model, device, language)),
        pictures=tuple(_pictures(after, model)),
        plan_lines=tuple(words.plan_lines(plan, language)),
        step_detail=lambda step: _step_detail(step, language),
        step_title=lambda id: words.method_title("step", id, language),
        rung_name=lambda name: words.rung_name(name, language),
        preparation=[assets.text(note.code, language=language, **note.values) for note in preparation],
        step_titles=words.step_titles(plan, language),
        teaching=words.teaching_words(plan, language),
        command=command_line(model_source=model_source, data_source=data_source, **again),
        script=script_text(
            model_source=named(model_source),
            data_source=None if data_source is None else named(data_source),
            **again,
        ),
        plan_text=short_plan(plan),
        files=tuple(_file_rows(result.files)),
        bar_width=BAR_WIDTH,
    )
    path.write_text(content, encoding="utf-8")


def short_plan(plan: Plan) -> str:
    """The plan's JSON without what a missing key means anyway: the same plan when it is read."""
    usual, told = Plan().as_json(), plan.as_json()
    for name, value in list(told.items()):
        known = usual[name]
        if isinstance(value, dict) and isinstance(known, dict) and name != "layers":
            told[name] = {key: one for key, one in value.items() if key not in known or known[key] != one}
    kept = {name: value for name, value in told.items() if name == "schema_version" or value not in ({}, usual[name])}
    return msgspec.json.format(msgspec.json.encode(kept), indent=2).decode()


def _file_rows(files: tuple[ExportedFile, ...]) -> Iterator[ExportedFile]:
    """The files, those of a folder of samples as one row."""
    seen: set[str] = set()
    for file in files:
        folder = PurePosixPath(file.path).parent
        if folder.name != "samples":
            yield file
        elif folder.as_posix() not in seen:
            seen.add(folder.as_posix())
            inside = [one for one in files if PurePosixPath(one.path).parent == folder]
            total = sum(one.bytes for one in inside)
            yield ExportedFile(path=f"{folder.as_posix()}/* ({len(inside)})", bytes=total, format=file.format)


def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def _figure_rows(
    before: Figures, after: Figures, device: Device | None, text: Text, language: str
) -> Iterator[FigureRow]:
    exact = text("exact")
    if before.accuracy is not None or after.accuracy is not None:
        yield _accuracy_row(before.accuracy, after.accuracy, text, language)
    for name, show in (
        ("params", words.count),
        ("nonzero", words.count),
        ("macs", words.count),
        ("size_bytes", words.size),
        ("file_bytes", words.size),
        ("flash_bytes", words.size),
        ("ram_bytes", words.size),
    ):
        old, new = getattr(before, name), getattr(after, name)
        kind = text("predicted_bytes") if name == "file_bytes" else exact
        yield FigureRow(
            title=_title(name, language), before=show(old), after=show(new), change=_ratio(old, new), kind=kind
        )
    for name, unit, width in (("latency_ms", "ms", after.latency_band), ("energy_mj", "mJ", after.energy_band)):
        old, new = getattr(before, name), getattr(after, name)
        if device is None:
            continue
        band = text("predicted_band", band=f"{100 * width:.0f}") if width else text("unknown")
        yield FigureRow(
            title=_title(name, language),
            before=_measure(old, unit),
            after=_measure(new, unit),
            change=_ratio(old, new),
            kind=band if new is not None else text("no_source"),
        )


def _accuracy_row(old: Accuracy | None, new: Accuracy | None, text: Text, language: str) -> FigureRow:
    change = words.gained(old, new, language) if old is not None and new is not None else words.UNKNOWN
    known = new or old
    assert known is not None
    return FigureRow(
        title=words.quality_title(known, language),
        before=words.UNKNOWN if old is None else f"{words.quality(old)} ({words.interval(old)})",
        after=words.UNKNOWN if new is None else f"{words.quality(new)} ({words.interval(new)})",
        change=change,
        kind=text(
            f"accuracy_{known.kind}",
            metric=words.metric_word(known, language),
            split=assets.text(f"split.{known.split}", language=language),
        ),
    )


def _title(name: str, language: str) -> str:
    return assets.text(f"figure.{name}", language=language)


def _ratio(old: float | None, new: float | None) -> str:
    return f"{old / new:.1f}×" if old and new else words.UNKNOWN


def _measure(value: float | None, unit: str) -> str:
    return words.UNKNOWN if value is None else f"{value:.3g} {unit}"


def _layer_rows(
    before: LayerGraph, after: LayerGraph, model: Model, device: Device | None, language: str
) -> Iterator[LayerRow]:
    state = state_of(model, after)
    sizes = _stored_sizes(after, state, device)
    largest = max((FLOAT_BYTES * layer.params for layer in before.layers), default=0) or 1
    for layer in before.layers:
        new = after.by_name.get(layer.name)
        if not layer.params and not layer.macs:
            continue
        weight = state.weight(new) if new is not None else None
        masked = new is not None and weight is not None and new.weights and weight.kept < new.weights
        stored = sizes.get(layer.name)
        yield LayerRow(
            name=words.shown(layer.source_name),
            type=layer.type,
            params=(words.count(layer.params), words.UNKNOWN if new is None else words.count(new.params)),
            macs=(words.count(layer.macs), words.UNKNOWN if new is None else words.count(new.macs)),
            bits=words.UNKNOWN if stored is None else _bits(weight, device, language),
            zeros=words.percent(1 - weight.kept / new.weights) if masked and weight is not None and new else "",
            size=words.size(stored),
            bar_before=BAR_WIDTH * FLOAT_BYTES * layer.params / largest,
            bar_after=BAR_WIDTH * (stored or 0) / largest,
        )


def _bits(weight: WeightState | None, device: Device | None, language: str) -> str:
    """Of one stored weight; of shared values those of an index, which a device's runtime does not know."""
    if weight is None or not weight.codebook:
        return str(FLOAT_BITS if weight is None else weight.bits)
    bits = (weight.codebook - 1).bit_length() if device is None else weight.bits
    return assets.text("report.bits_shared", language=language, bits=bits, values=weight.codebook)


def _stored_sizes(graph: LayerGraph, state: NetworkState, device: Device | None) -> dict[str, int]:
    sizes = {}
    for stored in stored_layers(graph, state):
        sizes[stored.layer.name] = stored_size(stored, device)
    return sizes


def _pictures(graph: LayerGraph, model: Model) -> Iterator[Picture]:
    for layer in graph.compressible[:MOST_HISTOGRAMS]:
        ordered = sorted_values(model.weight(layer.name).numpy())
        edge = float(max(abs(ordered[0]), abs(ordered[-1]))) or 1.0
        counts = histogram(ordered, bins=BINS, span=(-edge, edge)).counts.astype(np.float64)
        # Roots keep the tails visible beside a peak at 0.
        heights = np.sqrt(counts / max(counts.max(), 1.0))
        bars = tuple((place / BINS, float(height)) for place, height in enumerate(heights) if height > 0)
        yield Picture(name=words.shown(layer.source_name), bars=bars, low=f"{-edge:.3g}", high=f"{edge:.3g}")


def _device_facts(device: Device, text: Text, language: str) -> Iterator[tuple[str, str]]:
    yield text("fact_core"), f"{device.core}, {device.clock_mhz:g} MHz × {device.cores}"
    yield text("fact_memory"), f"{words.size(device.flash_bytes)} / {words.size(device.ram_bytes)}"
    yield text("fact_bits"), ", ".join(str(bits) for bits in device.weight_bits)
    for fact, source in device.sources.items():
        yield fact_title(f"sources.{fact}", language), assets.phrase(source, language=language)


def _step_detail(step: StepResult, language: str) -> str:
    told = (assets.text(note.code, language=language, **note.values) for note in step.notes)
    return assets.text("report.word_separator", language=language).join(told) or step.detail
