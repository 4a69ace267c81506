"""Opens a network and its data for the engine, under a soft memory limit, and says what the window shows of them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from penjing.errors import UserError
from penjing.estimation.evaluator import Evaluator
from penjing.inspection.criteria.evidence import Evidence
from penjing.inspection.graph import layer_graph
from penjing.layer_graph import LayerGraph
from penjing.loading.cautions import cautions
from penjing.loading.data import open_data
from penjing.loading.data_card import card_facts
from penjing.loading.dataset import SPLITS, Dataset, SplitName
from penjing.loading.open import SAMPLE_PREFIX
from penjing.loading.samples import sample
from penjing.loading.with_data import open_with_data
from penjing.model.model import Model
from penjing.pipeline.reuse import Reused
from penjing.plan import plan_from_json
from penjing.worker.memory import memory_limit
from penjing.worker.messages import DataSummary, Opened, OpenProgress, OpenSource, SampleFacts
from penjing.worker.progressive import Baseline


@dataclass(frozen=True, kw_only=True, eq=False)
class Open:
    """What the engine has open."""

    model: Model
    data: Dataset | None
    graph: LayerGraph
    evidence: Evidence
    """The network and its data as criteria look at them; what they compute once stays here."""
    model_source: str
    data_source: str | None
    baselines: dict[SplitName, Baseline] = field(default_factory=dict)
    """By split, as far as they have been measured."""
    evaluators: dict[SplitName, Evaluator] = field(default_factory=dict)
    reused: Reused = field(default_factory=Reused)
    """What the plans that were tried have in common."""

    @property
    def weights(self) -> int:
        """Of all layers."""
        return sum(layer.weights for layer in self.graph.layers)

    def evaluator(self, split: SplitName) -> Evaluator:
        """What runs networks on a split; it remembers what flowed in the last one.

        Raises:
            UserError: `worker.no_data`.
        """
        if self.data is None:
            raise UserError("worker.no_data")
        if split not in self.evaluators:
            # One at a time: what the other kept is as large again.
            self.evaluators.clear()
            self.evaluators[split] = Evaluator(self.data, split)
        return self.evaluators[split]


def open_source(message: OpenSource, on_stage: Callable[[OpenProgress], None]) -> tuple[Open, Opened]:
    """The network and its data; `on_stage` may raise `Cancelled`.

    Raises:
        UserError: What is wrong with a file, or `worker.out_of_memory`.
    """

    def stage(name: str, done: int) -> None:
        on_stage(OpenProgress(request=message.request, stage=name, done=done, total=3))  # type: ignore[arg-type]

    stage("model", 0)
    is_sample = message.source.startswith(SAMPLE_PREFIX)
    model_source = _absolute(message.source)
    with memory_limit(message.most_bytes, where=Path(message.source).name):
        model = open_with_data(
            message.source, message.data, architecture=message.architecture, allow_code=message.allow_code
        )
    stage("data", 1)
    data_source = message.data if message.data is not None else message.source if is_sample else None
    data = None
    if data_source is not None:
        with memory_limit(message.most_bytes, where=Path(data_source).name):
            data = open_data(data_source, model=model, metric=message.metric)
    stage("graph", 2)
    graph = layer_graph(model)
    facts = _sample_facts(message.source.removeprefix(SAMPLE_PREFIX)) if is_sample else None
    opened = Open(
        model=model,
        data=data,
        graph=graph,
        evidence=Evidence(model, data),
        model_source=model_source,
        data_source=None if data_source is None else _absolute(data_source),
    )
    announcement = Opened(
        request=message.request,
        graph=graph,
        title=Path(message.source).name if facts is None else facts.title,
        data=None if data is None else _summary(data, opened.data_source or "", model),
        sample=facts,
        warnings=model.warnings if data is None else (*model.warnings, *cautions(data)),
    )
    return opened, announcement


def _absolute(source: str) -> str:
    return source if source.startswith(SAMPLE_PREFIX) else str(Path(source).resolve())


def _summary(data: Dataset, source: str, model: Model) -> DataSummary:
    return DataSummary(
        title=data.title,
        source=source,
        classes=data.classes,
        sizes={name: len(data.split(name)) for name in SPLITS},
        metric=data.metric,
        has_labels=data.has_labels,
        split_rule=data.split_rule,
        example_shape=model.inputs[0].shape[1:],
        card=card_facts(data, model),
    )


def _sample_facts(name: str) -> SampleFacts:
    found = sample(name)
    return SampleFacts(
        name=found.name,
        title=found.title,
        description=found.description,
        device=found.device,
        flash=found.flash,
        ram=found.ram,
        source=found.source,
        licence=found.licence,
        plan=plan_from_json(found.plan, where=found.name),
    )
