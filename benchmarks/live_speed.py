"""Bars L5 and L6: how fast networks run one after another, and how soon a plan that nobody wants any more is left."""

import statistics
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.bars import Finding, at_least, at_most, cpu
from benchmarks.live_plans import networks
from benchmarks.networks import large_network
from penjing.compression.prune import prune
from penjing.estimation.evaluator import Evaluator
from penjing.inspection.graph import layer_graph
from penjing.layer_graph import LayerGraph
from penjing.loading.data import open_data
from penjing.loading.dataset import SPLITS, Dataset
from penjing.loading.module import from_module
from penjing.model.model import Model
from penjing.model.penjingnet_format import encode
from penjing.plan import Plan
from penjing.worker.engine import Engine
from penjing.worker.inbox import Inbox
from penjing.worker.messages import Baseline, Measure, Measured, Message, OpenSource

BATCH = 128
LARGE_SAMPLES, LARGE_LAYERS = 128, 9
"""Of the network of 25 million parameters: a batch, and so many of its 54 layers, evenly spread, to move."""
TRIALS, QUICK_TRIALS = 24, 8
LARGE_PIXELS = 64
Batches = list[NDArray[np.int64]]


def evaluator(quick: bool) -> dict[str, Finding]:
    """L5: the evaluator against plain eager torch on the same samples."""
    subjects = {name: (model, data, graph, len(data.val)) for name, (model, data, graph) in networks(quick).items()}
    found: dict[str, Finding] = {}
    with tempfile.TemporaryDirectory(prefix="penjing-live-") as folder:
        if not quick:
            model, data = _large(Path(folder), samples=LARGE_SAMPLES)
            subjects["25M"] = model, data, layer_graph(model), LARGE_SAMPLES
        for name, (model, data, graph, samples) in subjects.items():
            found |= _speeds(name, model, data, graph, samples)
    return found


def _speeds(name: str, model: Model, data: Dataset, graph: LayerGraph, samples: int) -> dict[str, Finding]:
    batches = np.split(np.arange(samples), range(BATCH, samples, BATCH))
    inputs = [data.batch(data.val, indices) for indices in batches]

    def eager() -> None:
        with torch.no_grad():
            for values in inputs:
                model.module(values)

    plain = cpu(eager)
    bare = Evaluator(data, "val", memory=0)
    run = bare.outputs(model)
    fresh = cpu(lambda: [run(indices) for indices in batches])
    runtime = "onnxruntime" if bare.onnx else "torch"
    bar = 1.8 if name == "depthwise" else 1.3
    told = f"{runtime}, {1e3 * fresh / samples:.2f} ms a sample against {1e3 * plain / samples:.2f}"
    found = {f"L5.{name}": at_least(plain / fresh, bar, "× eager", told)}
    names = [layer.name for layer in graph.compressible]
    moved = names[:: max(1, len(names) // LARGE_LAYERS)] if name == "25M" else names
    times = {layer: _after(layer, model, data, graph, batches) for layer in moved}
    speeds = [plain / seconds for seconds in times.values()]
    told = f"over which of {len(times)} layers moved, session included; of the mean time"
    told += f" {plain / statistics.fmean(times.values()):.2f}, from {min(speeds):.1f} to {max(speeds):.1f}"
    found[f"L5.prefix.{name}"] = at_least(statistics.fmean(speeds), 2.5, "× eager", told)
    return found


def _after(
    layer: str,
    model: Model,
    data: Dataset,
    graph: LayerGraph,
    batches: Batches,
) -> float:
    """CPU seconds for the samples after this layer moved, what flows before it being known; median of several moves."""
    kept = Evaluator(data, "val")
    moved = [prune(model, graph, Plan().with_layer(layer, sparsity=share)).model for share in (0.3, 0.4, 0.5, 0.6)]
    times = []
    for other in moved:
        started = time.process_time()
        run = kept.outputs(other)
        for indices in batches:
            run(indices)
        times.append(time.process_time() - started)
    return statistics.median(times[1:])


class _Deaf:
    """Stands for the stream to the window; keeps only what is done."""

    def __init__(self, exchange: Path) -> None:
        self.exchange = exchange
        self.ready = False
        """Whether the baseline is measured."""
        self.final = 0
        """The newest plan that was measured to the end."""

    def send(self, message: Message) -> None:
        """Hear a message."""
        self.ready = self.ready or (isinstance(message, Baseline) and message.final)
        if isinstance(message, Measured) and message.final:
            self.final = message.generation


class _Timed(Inbox):
    """Knows when a plan was asked for and when the engine took it, by the CPU's clock and by the wall's."""

    def __init__(self) -> None:
        super().__init__()
        self.put_at: dict[int, tuple[float, float]] = {}
        self.taken_at: dict[int, tuple[float, float]] = {}

    def put(self, message: Message) -> None:
        """As `Inbox.put`."""
        if isinstance(message, Measure):
            self.put_at[message.generation] = _now()
        super().put(message)

    def take(self, *, wait: bool) -> Message | None:
        """As `Inbox.take`."""
        message = super().take(wait=wait)
        if isinstance(message, Measure):
            self.taken_at[message.generation] = _now()
        return message


def _now() -> tuple[float, float]:
    return time.process_time(), time.perf_counter()


def superseded(quick: bool) -> dict[str, Finding]:
    """L6: from a newer plan to the end of what the older one was doing, at random moments."""
    found = {}
    with tempfile.TemporaryDirectory(prefix="penjing-live-") as folder:
        sources: dict[str, OpenSource] = {
            name: OpenSource(request=1, source=f"sample:{name}") for name in ("watch", "digits")
        }
        if not quick:
            _large(Path(folder))
            sources["25M"] = OpenSource(
                request=1, source=str(Path(folder) / "large.penjingnet"), data=str(Path(folder) / "data.npz")
            )
        for name, source in sources.items():
            waits = _waits(source, Path(folder), trials=QUICK_TRIALS if quick else TRIALS)
            by_cpu, by_wall = ([1e3 * wait[clock] for wait in waits] for clock in (0, 1))
            # Alone on the machine it takes no longer than by either clock: two threads count twice by the CPU's, what
            # else runs counts by the wall's.
            least = [min(wait) for wait in zip(by_cpu, by_wall, strict=True)]
            told = f"until the older plan is left, worst of {len(waits)}, of each the smaller of CPU and wall time"
            told += f"; median {statistics.median(least):.1f}, of all at most {max(by_cpu):.0f} of CPU,"
            told += f" {max(by_wall):.0f} by the wall's clock"
            found[f"L6.{name}"] = at_most(max(least), 50.0, "ms", told)
    return found


def _waits(source: OpenSource, folder: Path, *, trials: int) -> list[tuple[float, float]]:
    inbox, heard = _Timed(), _Deaf(folder)
    engine = Engine(heard, inbox)  # type: ignore[arg-type]
    inbox.put(source)
    while not heard.ready:
        engine.turn()
    random = np.random.default_rng(6)
    engine.turn()
    long = _full(engine, inbox, heard)
    found = []
    for trial in range(trials):
        older, newer = _plan(2 * trial + 2), _plan(2 * trial + 3)
        inbox.put(older)
        delay = float(random.uniform(0, long))
        threading.Timer(delay, inbox.put, (newer,)).start()
        while newer.generation not in inbox.taken_at:
            engine.turn()
        begun, ended = inbox.put_at[newer.generation], inbox.taken_at[newer.generation]
        found.append((ended[0] - begun[0], ended[1] - begun[1]))
    return found


def _full(engine: Engine, inbox: _Timed, heard: _Deaf) -> float:
    """Seconds until a plan is measured to the end."""
    started = time.perf_counter()
    inbox.put(_plan(1))
    while heard.final < 1:
        engine.turn()
    return time.perf_counter() - started


def _plan(generation: int) -> Measure:
    share = 0.2 + 0.3 * (generation * 0.618 % 1)
    plan = Plan().with_defaults(sparsity=share, filters=0.1 + share / 4, weight_bits=4, activation_bits=8)
    return Measure(generation=generation, plan=plan)


def _large(folder: Path, *, samples: int = 48) -> tuple[Model, Dataset]:
    """The network of 25 million parameters and random pictures, as files, too."""
    shape = (3, LARGE_PIXELS, LARGE_PIXELS)
    model = from_module(large_network().eval(), torch.zeros(1, *shape))
    random = np.random.default_rng(0)
    pictures = {f"x_{name}": random.normal(size=(samples, *shape)).astype(np.float32) for name in SPLITS}
    labels = {f"y_{name}": random.integers(0, 1000, samples) for name in SPLITS}
    (folder / "large.penjingnet").write_bytes(encode(model))
    np.savez(folder / "data.npz", **pictures, **labels)  # type: ignore[arg-type]
    return model, open_data(str(folder / "data.npz"), model=model)
