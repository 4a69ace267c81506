"""Repairs a pruned network without labels: each layer's remaining weights are fitted to what it said before.

Layer by layer, both networks side by side: least squares from what a layer reads now to what it computed before the
prune step. That is what optimal brain surgery does to the remaining weights when several go at once (Hassibi & Stork
1993, Frantar & Alistarh 2022) and, where input channels went, the reconstruction of channel pruning (He et al. 2017).

>>> from penjing.compression.repair import Unpruned, repair
>>> better = repair(pruned.model, Unpruned(model, graph, pruned.kept_channels), data)      # doctest: +SKIP
"""

import copy
from collections.abc import Container, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from penjing.compression.batch_norm import channel_moments, shift
from penjing.compression.channels import places_left
from penjing.compression.least_squares import meeting, refit
from penjing.inspection.execution import affordable
from penjing.inspection.few_samples import few_samples
from penjing.inspection.mixed_samples import mixed
from penjing.layer_graph import LayerGraph
from penjing.model.model import Model
from penjing.model.operators.table import operator_of, parameter
from penjing.results import OnProgress, Progress, unheard

if TYPE_CHECKING:
    from penjing.loading.dataset import Dataset

SAMPLES = 256
SAMPLES_AT_ONCE = 16
DAMPING = 0.03
"""How strongly weights stay where they are: few samples do not tell every direction."""


@dataclass(frozen=True)
class Unpruned:
    """A network before a prune step, and which of its channels the step left."""

    model: Model
    graph: LayerGraph
    kept: NDArray[np.bool_]
    """Bool [channel_count], as `prune.Pruned.kept_channels`."""

    def rows(self, name: str) -> Tensor | None:
        """The places of a layer's results that are left; None: all."""
        return places_left(self.graph.by_name[name].output_channels, self.kept)


def repair(
    model: Model,
    unpruned: Unpruned,
    data: "Dataset",
    *,
    layers: Container[str] | None = None,
    mixing: bool = True,
    on_progress: OnProgress = unheard,
) -> Model:
    """A network of the same shape whose layers do, on what they read now, what they did before the prune step.

    Masked weights stay 0. A mean error goes into the bias, or, where there is none, into the batch norm that follows;
    batch norms are shifted as `reestimate` does differentially. What the prune step did not reach stays as it is.

    Args:
        model: What the prune step made of `unpruned.model`.
        unpruned: The network before.
        data: At most 256 of its training inputs are looked at, no label.
        layers: The layers, batch norms among them, that may change; None: all.
        mixing: Whether as many mixtures of them are looked at, too, for twice the time.
        on_progress: Hears of every layer.
    """
    most = min(affordable(one, 2 * SAMPLES) for one in (unpruned.model, model))
    values = few_samples(data, max(most // 2, 1)).inputs
    values = mixed(values) if mixing else values
    was = {entry.name: one for entry, one in zip(model.inputs, values, strict=True)}
    now = dict(was)
    after = {name: (module, feeds) for name, module, feeds in model.layers()}
    free = after.keys() if layers is None else {name for name in after if name in layers}
    normed = _normed(model) & {feeds[0] for name, (_, feeds) in after.items() if name in free and feeds}
    before = list(unpruned.model.layers())
    last = {feed: name for name, _, feeds in before for feed in (*feeds, *after.get(name, (None, ()))[1])}
    replaced: dict[str, nn.Module] = {}
    with torch.no_grad():
        for done, (name, module, feeds) in enumerate(before):
            old = tuple(was[feed] for feed in feeds)
            was[name] = module(*old)
            if name in after:  # a residual branch may be gone
                own, sources = after[name]
                new = tuple(now[feed] for feed in sources)
                pair = Pair(module, own, unpruned.rows(name), model.masks.get(name))
                changed = any(one is not other for one, other in zip(old, new, strict=True))
                if (changed or pair.masked) and name in free:
                    found = pair.repaired(old[0], new[0], centred=name in normed)
                    if found is not None:
                        own = replaced[name] = found
                same = not (changed or pair.masked) and pair.rows is None
                now[name] = was[name] if same else own(*new)
            for feed in {*feeds, *after.get(name, (None, ()))[1]}:
                if last[feed] == name:
                    was.pop(feed, None)
                    now.pop(feed, None)
            on_progress(Progress(stage="repair", done=done + 1, total=len(before)))
    return model.replace_layers(replaced)


def _normed(model: Model) -> set[str]:
    """The tensors that a batch norm reads and nothing else."""
    readers: dict[str, list[str]] = {output.layer: ["output"] for output in model.outputs}
    for _, module, feeds in model.layers():
        for feed in feeds:
            readers.setdefault(feed, []).append(operator_of(module).kind)
    return {name for name, kinds in readers.items() if kinds == ["batch_norm"]}


@dataclass(frozen=True)
class Pair:
    """One layer before a prune step and after."""

    before: nn.Module
    after: nn.Module
    rows: Tensor | None
    """The places of its results that are left; None: all."""
    mask: Tensor | None = None

    @property
    def masked(self) -> bool:
        """Whether weights are held at zero."""
        return self.mask is not None and not bool(self.mask.all())

    def repaired(self, old: Tensor, new: Tensor, *, centred: bool) -> nn.Module | None:
        """The layer for what it reads now, if it is one that can be fitted; `old` and `new` are its inputs.

        With `centred` something behind the layer makes up for the mean of its result.
        """
        operator = operator_of(self.after)
        if operator.kind == "batch_norm":
            return self._shifted(old, new)
        if operator.weight_kind(self.after) not in ("dense", "depthwise", "grouped"):
            return None
        return self._fitted(old, new, centred=centred)

    def _left(self, values: Tensor) -> Tensor:
        return values if self.rows is None else values[self.rows]

    def _shifted(self, old: Tensor, new: Tensor) -> nn.Module:
        result = copy.deepcopy(self.after)
        for key in ("running_mean", "running_var"):
            result.get_buffer(key).copy_(self._left(self.before.get_buffer(key)))
        mean, variance = channel_moments(old)
        shift(result, (self._left(mean), self._left(variance)), channel_moments(new))
        return result

    def _fitted(self, old: Tensor, new: Tensor, *, centred: bool) -> nn.Module:
        weight, bias = self.before.get_parameter("weight"), getattr(self.before, "bias", None)
        start = self.after.get_parameter("weight")
        moments = meeting(self._columns(old, new), centred=centred or bias is not None)
        groups, columns = moments.second.shape[:2]
        wanted = self._left(weight).double().reshape(groups, -1, moments.crossed.shape[1])
        left = start.double().reshape(groups, -1, columns)
        free = torch.ones_like(left) if self.mask is None else self.mask.double().reshape(left.shape)
        rows = refit(wanted, left, free, moments, damping=DAMPING)
        result: Any = copy.deepcopy(self.after)
        result.weight = parameter(rows.reshape(start.shape).float())
        if isinstance(bias, Tensor):
            gap = wanted @ moments.before[:, :, None] - rows @ moments.after[:, :, None]
            result.bias = parameter((self._left(bias).double() + gap.reshape(-1)).float())
        return result  # type: ignore[no-any-return]

    def _columns(self, old: Tensor, new: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        """What the filters meet in both inputs, in parts; of a depthwise layer the channels that are left."""
        operator = operator_of(self.after)
        depthwise = operator.weight_kind(self.after) == "depthwise"
        for one, other in zip(torch.split(old, SAMPLES_AT_ONCE), torch.split(new, SAMPLES_AT_ONCE), strict=True):
            met = operator.columns(self.before, one)
            yield self._left(met) if depthwise else met, operator.columns(self.after, other)
