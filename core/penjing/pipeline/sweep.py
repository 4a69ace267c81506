"""Sweeps a network: seeds from presets and fits, and the function that tries a plan, here or on a worker elsewhere."""

import dataclasses
import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch

from penjing.compression.simulation import simulate
from penjing.devices.profiles import Device, device
from penjing.errors import UserError
from penjing.estimation.exact import figures, figures_of
from penjing.estimation.finished import state_of
from penjing.estimation.gathering import tables_for_fit
from penjing.estimation.measured import measure
from penjing.estimation.tables import Tables
from penjing.inspection.graph import layer_graph
from penjing.layer_graph import LayerGraph
from penjing.loading.dataset import SPLITS, Dataset, Split
from penjing.loading.penjingnet import from_bytes
from penjing.model.model import Model
from penjing.model.penjingnet_format import encode
from penjing.pipeline.run import run_plan
from penjing.plan import Plan
from penjing.planning.landscape import Landscape
from penjing.planning.presets import PRESETS, preset
from penjing.planning.runner import Tried
from penjing.planning.search import Search
from penjing.planning.space import Space
from penjing.planning.study import SweepRun
from penjing.planning.sweep import OnRun, Sweep, sweep
from penjing.results import Accuracy, OnProgress, Progress, unheard

SHARES = {0.8: (1.0,), 0.65: (1.0,), 0.5: (1.0, 4.0), 0.4: (1.0, 4.0), 0.3: (1.0, 4.0)}
"""Of the bytes of 8-bit weights: what is fitted to begin with, and how dear filters are beside bits."""
_ANY_WIDTH = msgspec.structs.replace(device("nrf52840"), weight_bits=(2, 3, 4, 8, 16, 32))
"""In place of a device: every width is stored, as in files that are packed densely."""
_GLANCE = 256
"""Validation samples after which a plan may be given up."""


@dataclasses.dataclass(frozen=True, eq=False)
class TryHere:
    """Tries a plan without training and measures it on validation data; can be sent to another machine."""

    model: Model
    data: Dataset
    device: Device | None

    def __call__(self, plan: Plan, floor: float) -> Tried:
        """The figures of what the plan makes; hopeless if a part of the data shows that it stays below `floor`."""
        torch.set_num_threads(1)
        finished = run_plan(self.model, plan, self.data, training=False, measuring=False)
        state = state_of(finished.model, finished.graph)
        found = figures_of(finished.graph, state, device=self.device, format=None if self.device else "onnx")
        if len(self.data.val) > 2 * _GLANCE:
            glance = self._measured(finished.model, dataclasses.replace(self.data, val=_part(self.data.val, _GLANCE)))
            if glance.best < floor:
                return Tried(msgspec.structs.replace(found, accuracy=glance), hopeless=True)
        return Tried(msgspec.structs.replace(found, accuracy=self._measured(finished.model, self.data)))

    def _measured(self, model: Model, data: Dataset) -> Accuracy:
        return measure(simulate(model), data, "val", reference=simulate(self.model))

    def __reduce__(self) -> tuple[Callable[..., "TryHere"], tuple[Any, ...]]:
        """Travels as bytes of Penjing's own file format and plain arrays."""
        fields = {field.name: getattr(self.data, field.name) for field in dataclasses.fields(Dataset)}
        fields |= {name: _in_memory(self.data.split(name)) for name in SPLITS}
        return _arrived, (encode(self.model), fields, self.device)


def sweep_model(
    model: Model,
    data: Dataset | None,
    *,
    device: Device | None,
    trials: int,
    folder: Path,
    scheduler: str | None = None,
    on_run: OnRun = lambda found: None,
    on_progress: OnProgress = unheard,
) -> tuple[SweepRun, ...]:
    """Every run of the folder, those of before included, with the Pareto front marked.

    Raises:
        UserError: `sweep.needs_data`, and what `planning.sweep.sweep` says.
    """
    if data is None or not len(data.val):
        raise UserError("sweep.needs_data")
    torch.set_num_threads(1)  # the same plan gives the same weights, and several sweeps do not fight for the cores
    graph, tables = layer_graph(model), tables_for_fit(model, layer_graph(model))

    def size(plan: Plan) -> int:
        return figures(graph, plan, tables=tables, device=device, format="onnx").size_bytes

    on_progress(Progress(stage="measure", done=0, total=1))
    enough = measure(simulate(model), data, "val", reference=simulate(model)).goodness
    on_progress(Progress(stage="measure", done=1, total=1))
    what = Sweep(
        space=Space(graph, device),
        folder=folder,
        trials=trials,
        fingerprint=fingerprint(model, data, device),
        size=size,
        enough=enough,
        seeds=tuple(_seeds(graph, tables, device)),
        scheduler=scheduler,
    )
    return sweep(what, TryHere(model, data, device), on_run=on_run, on_progress=on_progress)


def fingerprint(model: Model, data: Dataset, device: Device | None) -> str:
    """Of all that decides what a plan's figures are: 64 hexadecimal digits."""
    state = hashlib.sha256(encode(model))
    for name in SPLITS[:2]:
        split = data.split(name)
        state.update(f"{name} {split.x.shape} {split.x.dtype.str}".encode())
        state.update(np.ascontiguousarray(split.x[:: max(1, len(split.x) // 64)]).tobytes())
    state.update(msgspec.json.encode(device))
    return state.hexdigest()


def _seeds(graph: LayerGraph, tables: Tables, device: Device | None) -> Iterator[Plan]:
    """8 bits everywhere, plans fitted to less and less of what those take, then the other presets."""
    first, *others = (preset(name, graph, device=device) for name in PRESETS)
    yield first
    if graph.groups:
        target = _ANY_WIDTH if device is None else device
        landscape = Landscape(graph, target)
        kept = landscape.sizes[:, None]
        weights = float(landscape.weights(kept).sum())
        whole = float(landscape.costs(kept, np.full((len(landscape.layers), 1), 8.0)).flash[0])
        for share, prices in SHARES.items():
            for price in prices:
                search = Search(graph, tables, target, cut_price=price, low_bit_rounding="gptq")
                yield search.plan(flash=whole - (1 - share) * weights, ram=None, latency=None)
    yield from others


def _part(split: Split, count: int) -> Split:
    """Evenly spaced, because a split may be sorted by class."""
    chosen = np.unique(np.linspace(0, len(split) - 1, num=count).round().astype(np.int64))
    return split.part(chosen)


def _in_memory(split: Split) -> Split:
    others = tuple(np.array(values) for values in split.others)
    return dataclasses.replace(split, x=np.array(split.x), others=others)


def _arrived(network: bytes, fields: dict[str, Any], device: Device | None) -> TryHere:
    return TryHere(from_bytes(network), Dataset(**fields), device)
