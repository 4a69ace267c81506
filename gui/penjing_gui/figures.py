"""The exact figures of whatever plan the sliders show: fast enough for every move of the mouse."""

import time
from collections.abc import Mapping
from dataclasses import dataclass

from penjing.devices.profiles import Device
from penjing.errors import UserError
from penjing.estimation.containers import file_band, file_bytes, own_format
from penjing.estimation.deployed import sizes_by_storage, stored_layers
from penjing.estimation.exact import figures
from penjing.estimation.live import Prepared, prepare
from penjing.estimation.prediction import Prediction, predict
from penjing.estimation.tables import Tables, Wanted, wanted
from penjing.layer_graph import LayerGraph
from penjing.plan import Plan
from penjing.results import Figures

_SLOW = 0.004
"""Seconds: above this, a move of one layer's slider is followed by differences instead of anew."""


@dataclass(frozen=True, kw_only=True)
class LayerShare:
    """One layer after a plan."""

    kept: int
    """Weights that are neither cut nor zeroed."""
    size_bytes: int
    """Of weight and bias under the device's storage."""
    weights: int
    """That the filter cut leaves."""


@dataclass(frozen=True, kw_only=True)
class FileSize:
    """The bytes that a file of the plan will have."""

    format: str
    bytes: int
    """Predicted."""
    band: float
    """Relative half-width: 0.02 is ± 2 %."""


class ExactFigures:
    """Of one network with its tables on one device; make a new one when any of them changes."""

    def __init__(self, graph: LayerGraph, tables: Tables, device: Device | None) -> None:
        self.graph, self.tables, self.device = graph, tables, device
        self.baseline = figures(graph, device=device)
        self._prepared: Prepared | None = None
        self._slow = False
        self.layers_before: Mapping[str, LayerShare] = self._all_layers(Plan())
        """What every compressible layer takes as loaded."""
        self._shares: tuple[Plan | None, Mapping[str, LayerShare]] = (None, {})
        """The last that were asked for, and the plan."""
        self._predicted: tuple[Plan, Prediction | None] | None = None

    def of(self, plan: Plan) -> Figures | None:
        """The figures, or None while a score that decides about the plan is missing.

        Raises:
            UserError: What the plan asks for cannot be done to this network.
        """
        if self._slow and (moved := self._moved(plan)) is not None:
            return moved
        try:
            if self._slow:
                # The bytes of a file are left out: telling them takes as long as all else together.
                self._prepared = prepare(self.graph, plan, self.tables, device=self.device)
                return self._prepared.figures
            started = time.perf_counter()
            found = figures(self.graph, plan, tables=self.tables, device=self.device)
            self._slow = time.perf_counter() - started > _SLOW
            self._prepared = prepare(self.graph, plan, self.tables, device=self.device) if self._slow else None
        except KeyError:
            return None
        return found

    def layers(self, plan: Plan) -> Mapping[str, LayerShare]:
        """What every compressible layer keeps and takes; empty while a score is missing."""
        if plan == self._shares[0]:
            return self._shares[1]
        found = self._moved_layers(plan) if self._slow else None
        found = self._all_layers(plan) if found is None else found
        self._shares = plan, found
        return found

    def file_size(self, plan: Plan, format: str | None = None) -> FileSize | None:
        """Of a file in a format, or in the one that an export for the device writes (without one ONNX).

        None where the format cannot carry the plan, or a score that decides about it is missing. Takes some
        milliseconds for a large network: who shows it while a slider moves asks less often than it moves.
        """
        found = self._prediction(plan)
        if found is None:
            return None
        if format is None:
            format = "onnx" if self.device is None else own_format(self.device, found.graph, found.state)
        size = file_bytes(found.graph, found.state, format)
        return None if size is None else FileSize(format=format, bytes=size, band=file_band(found.state, format))

    def by_storage(self, plan: Plan) -> Mapping[str, Mapping[str, int]]:
        """Bytes of every compressible layer in every storage (`deployed.sizes_by_storage`), by layer and storage."""
        found = self._prediction(plan)
        if found is None:
            return {}
        names = {layer.name for layer in found.graph.compressible}
        stored = (one for one in stored_layers(found.graph, found.state) if one.layer.name in names)
        return {one.layer.name: sizes_by_storage(one) for one in stored}

    def _prediction(self, plan: Plan) -> Prediction | None:
        """What the plan leaves; kept until another one is asked for."""
        if self._predicted is None or self._predicted[0] is not plan:
            try:
                self._predicted = plan, predict(self.graph, plan, self.tables)
            except (KeyError, UserError):
                self._predicted = plan, None
        return self._predicted[1]

    def _moved_layers(self, plan: Plan) -> Mapping[str, LayerShare] | None:
        """Those of the last plan that was counted in full, but for the one layer that differs."""
        prepared = self._prepared
        name = None if prepared is None else self._only_changed(plan, prepared)
        if prepared is None or name is None:
            return None
        try:
            share = prepared.moved_share(name, plan.settings(name))
        except (KeyError, UserError):
            return None
        if share is None:
            return None
        weights = prepared.layers[name][0].weights
        return {
            **_shares(prepared),
            name: LayerShare(kept=share.kept, size_bytes=share.size, weights=weights),
        }

    def _all_layers(self, plan: Plan) -> Mapping[str, LayerShare]:
        try:
            prepared = prepare(self.graph, plan, self.tables, device=self.device)
        except (KeyError, UserError):
            return {}
        return _shares(prepared)

    def missing(self, plan: Plan) -> Wanted:
        """The scores that the plan asks for and that are not here yet."""
        need, known = wanted(self.graph, plan), self.tables
        # The first tables bring sorted scores alone; a threshold after a filter cut needs them in their places.
        return Wanted(need.filters - known.filter_scores.keys(), need.weights - known.weight_scores.keys())

    def _moved(self, plan: Plan) -> Figures | None:
        prepared = self._prepared
        name = None if prepared is None else self._only_changed(plan, prepared)
        if prepared is None or name is None:
            return prepared.figures if prepared is not None and plan == prepared.plan else None
        try:
            return prepared.moved(name, plan.settings(name))
        except (KeyError, UserError):
            return None

    def _only_changed(self, plan: Plan, prepared: Prepared) -> str | None:
        """The one layer in which two plans differ."""
        before = prepared.plan
        for field in _REST:
            if (mine := getattr(plan, field)) is not (other := getattr(before, field)) and mine != other:
                return None
        own, were = plan.layers, before.layers
        # Most layers are the same objects: an edit makes anew what it changes.
        apart = [name for name, override in own.items() if were.get(name) is not override]
        if len(own) - sum(name not in were for name in apart) < len(were):
            apart += [name for name in were if name not in own]
        changed = [name for name in apart if plan.settings(name) != before.settings(name)]
        return changed[0] if len(changed) == 1 and changed[0] in prepared.layers else None


def _shares(prepared: Prepared) -> dict[str, LayerShare]:
    return {
        name: LayerShare(kept=share.kept, size_bytes=share.size, weights=prepared.layers[name][0].weights)
        for name, share in prepared.shares.items()
    }


_REST = tuple(field for field in Plan.__struct_fields__ if field != "layers")
