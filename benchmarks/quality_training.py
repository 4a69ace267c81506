"""Bars T3 and T4: what a teacher adds to training, and what training adds to few bits."""

import dataclasses
import statistics
from collections.abc import Iterator

import msgspec
import torch

from benchmarks.quality_parts import Part
from benchmarks.quality_subjects import SAMPLES, Answers, Subject, answers, lost, running
from penjing.compression.integer import run as run_integers
from penjing.compression.lowering import lower
from penjing.loading.dataset import Dataset, Split
from penjing.model.model import Model
from penjing.pipeline.run import run_plan
from penjing.plan import Distillation, Plan, Step
from penjing.planning.recipe import recommended

SEEDS = (0, 1, 2)
ALONE = {"soft_label": 0.0, "feature": 0.0, "attention": 0.0}
TEACHERS = {
    "soft label": {"soft_label": 0.9},
    "feature": {"soft_label": 0.9, "feature": 1e-4},
    "attention": {"soft_label": 0.9, "attention": 0.1},
}
"""Features and attention beside soft labels, as Romero 2015 and Zagoruyko 2017 teach, too."""
FILTERS_LEFT = 0.5
EXAMPLES = 500
"""To learn from (T3): with many a student needs no teacher."""
TEACHING = Distillation(epochs=20, lr=0.003, batch_size=32)
TUNING = Distillation(epochs=4, lr=0.001, batch_size=64)
MARGIN = {4: 0.0, 2: 1.0}
"""Percentage points that training must add at so many bits of weights and activations (T4)."""
IN_INTEGERS = 64
"""Test inputs that numpy's integers run again: they are slow."""


def distillation(subject: Subject, *, quick: bool) -> Iterator[Part]:
    """T3: a student with half of the filters and few examples, taught in three ways or by the labels alone."""
    if subject.name not in SAMPLES:
        return
    seeds = SEEDS[:1] if quick else SEEDS
    alone = _taught(subject, ALONE, seeds, quick=quick)
    for name, weights in list(TEACHERS.items())[: 1 if quick else None]:
        taught = _taught(subject, weights, seeds, quick=quick)
        gain = statistics.mean(taught) - statistics.mean(alone)
        each = ", ".join(f"{one:.2f} and {other:.2f}" for one, other in zip(taught, alone, strict=True))
        yield Part(
            what=f"{subject.name}, {name}", value=gain, bar=0.0, more=True, detail=f"by seed with and without {each} %"
        )


def quantized_training(subject: Subject, *, quick: bool) -> Iterator[Part]:
    """T4: weights and activations of few bits, trained or only rounded in the best way that we know."""
    if subject.name not in SAMPLES:
        return
    for bits in (4,) if quick else MARGIN:
        teaching = msgspec.structs.replace(TUNING, epochs=1 if quick else TUNING.epochs)
        plan = recommended(Plan(pipeline=("quantize",)).with_defaults(weight_bits=bits, activation_bits=bits))
        trained = msgspec.structs.replace(
            plan, pipeline=("quantize", Step(step="qat", method="lsq")), distillation=teaching
        )
        rounded, taught = _made(subject, plan), _made(subject, trained)
        assert taught.model is not None
        gain = -lost(subject, taught, rounded.test).points
        again = "again the same in integers" if _same_in_integers(taught.model, subject) else "OTHERWISE in integers"
        detail = f"{subject.accuracy(taught.test, 'test'):.2f} %, {again}"
        detail += f"; rounded alone {subject.accuracy(rounded.test, 'test'):.2f} %"
        yield Part(what=f"{subject.name}, W{bits}A{bits}", value=gain, bar=MARGIN[bits], more=True, detail=detail)


def _taught(subject: Subject, weights: dict[str, float], seeds: tuple[int, ...], *, quick: bool) -> list[float]:
    """Percent right on the test split, by seed."""
    found = []
    for seed in seeds:
        teaching = msgspec.structs.replace(TEACHING, seed=seed, **weights)
        teaching = msgspec.structs.replace(teaching, epochs=1) if quick else teaching
        plan = Plan(pipeline=("prune", "distill"), distillation=teaching).with_defaults(filters=1 - FILTERS_LEFT)
        found.append(subject.accuracy(_made(subject, plan, _some(subject.data)).test, "test"))
    return found


def _some(data: Dataset) -> Dataset:
    """Every so many-th of the training examples."""
    assert data.train.y is not None
    step = max(1, len(data.train) // EXAMPLES)
    return dataclasses.replace(data, train=Split(x=data.train.x[::step], y=data.train.y[::step]))


def _made(subject: Subject, plan: Plan, data: Dataset | None = None) -> Answers:
    model = run_plan(subject.model, plan, subject.data if data is None else data, measuring=False).model
    return answers(subject, running(model), recipe="", model=model)


def _same_in_integers(model: Model, subject: Subject) -> bool:
    """Whether the network is one of integers, and numpy's give the answers of the screen."""
    values = subject.data.batch(subject.data.test, slice(IN_INTEGERS))
    graph = lower(model)
    said = torch.from_numpy(run_integers(graph, values.numpy())[0])
    return graph.is_integer and bool(torch.equal(said, running(model)(values)))
