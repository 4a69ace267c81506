"""What files are compared with: the network that was on screen, or the answers that were recorded beside an export."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from penjing.compression.simulation import simulate
from penjing.estimation.measured import classes_of, predictions
from penjing.exporting.samples import Samples, random_inputs, steps_of
from penjing.loading.dataset import Dataset
from penjing.model.model import Model
from penjing.model.two_sided import border_of
from penjing.verification.runtimes import Promise, running

RANDOM_SAMPLES = 64
BATCH = 128

Classes = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Test inputs and everything that is known about the right answers."""

    inputs: tuple[Tensor, ...]
    wanted: Mapping[Promise, tuple[Tensor, ...]]
    before: Classes | None = None
    """What the network chose before compression …"""
    said: Tensor | None = None
    """… and what it answered."""


@dataclass(frozen=True, kw_only=True)
class Truth:
    """Where the right answers come from."""

    batches: Callable[[], Iterator[Batch]]
    total: int
    steps: tuple[float | None, ...]
    """By output: the quantization step of the screen's answers, if they lie on a grid."""
    model: Model | None = None
    """What was on screen, if there is more of it than answers."""
    data: Dataset | None = None

    @property
    def border(self) -> float:
        """Above which a single output says the second class."""
        return 0.0 if self.model is None else border_of(self.model)


def truth_of_model(
    model: Model, data: Dataset | None, *, baseline: Model | None = None, before: Classes | None = None
) -> Truth:
    """The network itself, on the whole test split, or on 64 seeded random inputs without data.

    What the original chose is asked of `baseline`, or known (`before`, a class for each example of the split).
    """
    data = data if data is not None and len(data.test) else None
    screen, plain, border = running(simulate(model)), running(model), border_of(model)

    def batch(inputs: tuple[Tensor, ...], known: Classes | None = None) -> Batch:
        answer = None if baseline is None else baseline(*inputs)
        said = answer if answer is None or isinstance(answer, Tensor) else answer[0]
        chosen = known if said is None else classes_of(said, border=border)
        return Batch(
            inputs=inputs,
            wanted={"screen": screen(inputs), "float": plain(inputs)},
            before=chosen,
            said=said,
        )

    def batches() -> Iterator[Batch]:
        if data is None:
            yield batch(random_inputs(model, RANDOM_SAMPLES))
            return
        split = data.test
        known = before if before is not None and len(before) == len(data.test) else None
        for start in range(0, len(split), BATCH):
            part = slice(start, start + BATCH)
            chosen = None if known is None else known[part]
            yield batch(data.inputs(split, part), chosen)

    total = RANDOM_SAMPLES if data is None else len(data.test)
    return Truth(batches=batches, total=total, steps=steps_of(model), model=model, data=data)


def choices_without_labels(original: Model, data: Dataset | None) -> Classes | None:
    """What the original chooses on a test split that has no labels to tell, to be kept beside an export."""
    if data is None or data.has_truth or not len(data.test):
        return None
    return predictions(original, data, "test", batch_size=BATCH)


def truth_of_samples(samples: Samples) -> Truth:
    """The recorded answers."""
    batch = Batch(inputs=samples.inputs, wanted={"screen": samples.screen, "float": samples.float_network})
    return Truth(batches=lambda: iter([batch]), total=len(samples.inputs[0]), steps=samples.steps)
