"""What `benchmarks.quality` measures on, and how two networks' answers are compared.

The test split is looked at once for every figure; whatever was chosen was chosen on the validation split.
"""

import functools
import hashlib
import inspect
import math
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from benchmarks import networks
from penjing.compression.simulation import simulate
from penjing.loading.data import open_data
from penjing.loading.dataset import Dataset, SplitName
from penjing.loading.open import open_model
from penjing.model.model import Model
from penjing.model.penjingnet_format import encode
from penjing.pipeline.run import run_plan
from penjing.plan import Plan

Run = Callable[[Tensor], Tensor]
"""A batch in the network's layout → logits [n, classes]."""
BATCH = 256
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "penjing" / "benchmarks"
SAMPLES = ("watch", "digits")
TRAINED = "resnet20"


@dataclass(frozen=True)
class Subject:
    """A trained network, its data, and what it says to validation and test data."""

    name: str
    model: Model
    data: Dataset
    said: Mapping[SplitName, Tensor]

    def labels(self, split: SplitName) -> NDArray[np.int64]:
        """The truth, [n]."""
        found = self.data.split(split).y
        assert found is not None
        return found

    def accuracy(self, answers: Tensor, split: SplitName) -> float:
        """Right answers in percent."""
        return 100 * float(np.mean(answers.argmax(1).numpy() == self.labels(split)))


@dataclass(frozen=True)
class Answers:
    """What a compressed network says, what making it took, and how many bytes its file has where it has one."""

    recipe: str
    val: Tensor
    test: Tensor
    seconds: float = 0.0
    """CPU time of the compression; what measures it is not counted."""
    bytes: int | None = None
    model: Model | None = None


@dataclass(frozen=True)
class Loss:
    """How much worse answers are on the test split than those they are compared with."""

    points: float
    """Percentage points of accuracy; below 0 they are better."""
    chance: float
    """Half of the 95 % interval of `points`: answers are paired, and examples of one recording count as one."""
    flips: int
    count: int

    @property
    def certain(self) -> bool:
        """Whether the loss is more than chance explains."""
        return self.points > self.chance

    def __str__(self) -> str:
        return f"{self.points:+.2f} ± {self.chance:.2f} pp (n={self.count}, {self.flips} answers differ)"


@functools.cache
def subject(name: str, cache: Path = CACHE) -> Subject:
    """A sample by its name, or the network that is trained here, which is kept in `cache`."""
    torch.set_num_threads(1)
    if name in SAMPLES:
        model = open_model(f"sample:{name}")
        return _subject(name, model, open_data(f"sample:{name}", model=model))
    data = subject("digits", cache).data
    return _subject(name, trained_here(data, cache), data)


def trained_here(data: Dataset, cache: Path) -> Model:
    """ResNet-20 on the digits; a change of its code or of torch trains it anew."""
    sources = (networks.Residual, networks.residual_network, networks.trained)
    facts = "".join(
        [*(inspect.getsource(part) for part in sources), torch.__version__, str((networks.EPOCHS, networks.BATCH))]
    )
    digest = hashlib.sha256(facts.encode())
    for part in (data.train.x, data.train.y):
        digest.update(np.ascontiguousarray(part).tobytes())
    path = cache / f"{TRAINED}-{digest.hexdigest()[:16]}.penjingnet"
    if not path.exists():
        cache.mkdir(parents=True, exist_ok=True)
        model = networks.trained(networks.residual_network(), data)
        unfinished = path.with_suffix(".part")
        unfinished.write_bytes(encode(model))
        unfinished.replace(path)
    return open_model(str(path))


def answers(
    subject: Subject,
    run: Run,
    *,
    recipe: str,
    seconds: float = 0.0,
    size: int | None = None,
    model: Model | None = None,
) -> Answers:
    """What a network says to the validation and the test split."""
    val, test = (said(run, subject.data, split) for split in ("val", "test"))
    return Answers(recipe=recipe, val=val, test=test, seconds=seconds, bytes=size, model=model)


def said(run: Run, data: Dataset, split: SplitName) -> Tensor:
    """The answers to a whole split."""
    with torch.no_grad():
        return torch.cat([run(values).double() for values, _ in data.batches(data.split(split), BATCH)])


def planned(subject: Subject, recipe: str, plan: Plan) -> Answers:
    """What a plan makes of the network without training, as the screen simulates it."""
    started = time.process_time()
    made = run_plan(subject.model, plan, subject.data, training=False, measuring=False).model
    seconds = time.process_time() - started
    return answers(subject, running(made), recipe=recipe, seconds=seconds, model=made)


def running(model: Model) -> Run:
    """A model as the screen simulates it."""
    predict = simulate(model)

    def run(values: Tensor) -> Tensor:
        result = predict(values)
        return result if isinstance(result, Tensor) else result[0]

    return run


def best(subject: Subject, candidates: list[Answers]) -> Answers:
    """The candidate that is nearest to the network on the validation split."""
    return min(candidates, key=lambda one: divergence(subject.said["val"], one.val))


def most_right(subject: Subject, candidates: list[Answers]) -> Answers:
    """The candidate with the most right answers on the validation split, of equals the nearest one."""
    return min(
        candidates,
        key=lambda one: (-subject.accuracy(one.val, "val"), divergence(subject.said["val"], one.val)),
    )


def lost(subject: Subject, other: Answers, than: Tensor | None = None) -> Loss:
    """What answers lose on the test split against the network as it was, or against others."""
    wanted = subject.said["test"] if than is None else than
    truth = torch.from_numpy(subject.labels("test"))
    before, after = wanted.argmax(1), other.test.argmax(1)
    worse = int(((before == truth) & (after != truth)).sum())
    better = int(((before != truth) & (after == truth)).sum())
    count, known = len(truth), subject.data.test.groups
    apart = ((before == truth).double() - (after == truth).double()).numpy()
    recordings = np.arange(count) if known is None else np.unique(known, return_inverse=True)[1]
    sums = np.bincount(recordings, weights=apart - apart.mean())
    chance = 1.96 * math.sqrt(float((sums**2).sum()) * len(sums) / max(len(sums) - 1, 1)) / count
    return Loss(
        points=100 * (worse - better) / count,
        chance=100 * chance,
        flips=int((before != after).sum()),
        count=count,
    )


def divergence(wanted: Tensor, given: Tensor) -> float:
    """Mean KL(wanted ‖ given) of logits [n, classes], in nats."""
    pair = F.log_softmax(given, 1), F.log_softmax(wanted, 1)
    return float(F.kl_div(*pair, reduction="batchmean", log_target=True))


def _subject(name: str, model: Model, data: Dataset) -> Subject:
    run = running(model)
    return Subject(name, model, data, {"val": said(run, data, "val"), "test": said(run, data, "test")})
