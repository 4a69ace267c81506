"""A network as plain values: layers, shapes, costs and which channels are coupled; no tensors, no torch.

Everything that counts (parameters, MACs, memory) is arithmetic on these values, in any process.
Every channel of every tensor carries a *channel id*. Channels with the same id must be cut
together; `FIXED` (-1) marks channels that cannot be cut (network inputs, outputs, …).
"""

import functools
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec

from penjing.errors import Note

FIXED = -1
"""The channel id of channels that cannot be cut."""

WeightKind = Literal["none", "dense", "depthwise", "grouped", "affine", "other"]
"""How a layer's weight meets the channels: `dense` is [out, in, …], `depthwise` [channels, 1, …],
`grouped` [out, in / groups, …], `affine` one value a channel (batch norm)."""


class Grid(msgspec.Struct, frozen=True, kw_only=True):
    """The grid that a weight or a tensor of the network as loaded already lies on."""

    bits: int
    per_channel: bool = False
    """One scale a filter instead of one for all."""
    smallest: float = 1.0
    """The smallest scale, …"""
    largest: float = 1.0
    """… and the largest."""
    zero_point: int | None = 0
    """With signed codes; None where filters differ in it."""

    @property
    def words(self) -> str:
        """Bits, scale and zero point where it is not 0: `8 · 0.00121…0.0187`, `8 · 0.0235 · -128`."""
        scales = f"{self.smallest:.3g}…{self.largest:.3g}" if self.per_channel else f"{self.smallest:.3g}"
        return f"{self.bits} · {scales}" + (f" · {self.zero_point}" if self.zero_point else "")


class Verbatim(msgspec.Struct, frozen=True, kw_only=True):
    """What a layer that no row of the operator table knows is in ONNX."""

    bytes: int
    """Of its nodes."""
    names: int
    """How many names they hold."""


class Layer(msgspec.Struct, frozen=True, kw_only=True):
    """One node of the network, in execution order."""

    name: str
    """Name in module form, the key of plans; unique."""
    source_name: str
    """The name in the user's file: data only."""
    kind: str
    """Operator id of the operator table, for example `conv`."""
    type: str
    """The name people know it by, for example `Conv2d`."""
    inputs: tuple[str, ...]
    """Names of the layers or network inputs that feed it."""
    output_shape: tuple[int, ...]
    """Shape of its result at batch 1, the batch axis first."""
    channel_axis: int = 1
    """The axis of the result that `output_channels` describes."""
    output_channels: tuple[int, ...] = ()
    """Channel id of every channel of the result."""
    weight_kind: WeightKind = "none"
    weight_shape: tuple[int, ...] | None = None
    input_channels: tuple[int, ...] = ()
    """Channel id along the weight's input axis (dense and grouped weights)."""
    bias: int = 0
    """Number of bias values as loaded."""
    params: int = 0
    """Trainable values as loaded: weight, bias, batch norm's γ and β."""
    positions: int = 0
    """How often one inference uses each weight: MACs = positions · weights (dense, batch 1)."""
    macs: int = 0
    alias: bool = False
    """The result shares its input's memory (reshape, flatten, dropout in evaluation)."""
    in_place: bool = False
    """An elementwise operator that kernels fuse into the layer that feeds it (ReLU, batch norm)."""
    in_integers: bool = True
    """Whether it can be computed in integers between quantized tensors; otherwise it stays float there."""
    attributes: dict[str, Any] = {}
    """What the operator table builds it from besides tensors: plain data, as in a `.penjingnet` file."""
    weight_grid: Grid | None = None
    """Of a weight that is quantized as loaded."""
    result_grid: Grid | None = None
    """Of a result that is."""
    verbatim: Verbatim | None = None
    """The nodes of an opaque layer; None for every other."""
    compressible: bool = False
    reason: str | None = None
    """Message code that says why a layer cannot be compressed."""

    @property
    def elements(self) -> int:
        """Number of values of the result at batch 1."""
        total = 1
        for extent in self.output_shape:
            total *= extent
        return total

    @property
    def activation_bytes(self) -> int:
        """Bytes of the result at batch 1 in float32."""
        return 4 * self.elements

    @property
    def weights(self) -> int:
        """Number of values of the weight alone."""
        total = 1
        for extent in self.weight_shape or (0,):
            total *= extent
        return total


class NetworkInput(msgspec.Struct, frozen=True, kw_only=True):
    """One input of the network: name in module form, the file's own name, shape at batch 1."""

    name: str
    source_name: str
    shape: tuple[int, ...]


class NetworkOutput(msgspec.Struct, frozen=True, kw_only=True):
    """One output of the network: the file's own name and the layer that makes it."""

    source_name: str
    layer: str
    shape: tuple[int, ...]


class CoupledGroup(msgspec.Struct, frozen=True, kw_only=True):
    """Channels that several layers share and that are cut together (DepGraph, Fang 2023)."""

    producers: tuple[str, ...]
    """The layers whose filters make these channels; a filter cut of any is a cut of all."""
    channels: tuple[int, ...]
    """Channel ids, in the order of the first producer's filters."""
    members: tuple[str, ...]
    """Every layer that holds one of the channels, in execution order."""


class LayerGraph(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """The whole network as values."""

    inputs: tuple[NetworkInput, ...]
    outputs: tuple[NetworkOutput, ...]
    layers: tuple[Layer, ...]
    groups: tuple[CoupledGroup, ...] = ()
    channel_count: int = 0
    """Channel ids run from 0 to `channel_count` - 1."""
    opset: int | None = None
    warnings: tuple[Note, ...] = ()
    input_grids: Mapping[str, Grid] = {}
    """By network input that is quantized as loaded."""

    @property
    def is_quantized(self) -> bool:
        """Whether any weight or tensor is quantized as loaded."""
        grids = (grid for layer in self.layers for grid in (layer.weight_grid, layer.result_grid))
        return bool(self.input_grids) or any(grid is not None for grid in grids)

    @functools.cached_property
    def by_name(self) -> Mapping[str, Layer]:
        """Layers by name."""
        return {layer.name: layer for layer in self.layers}

    @functools.cached_property
    def readers(self) -> Mapping[str, Sequence[Layer]]:
        """By tensor (input or layer) the layers that read it, in execution order; none of them twice."""
        found: dict[str, list[Layer]] = {}
        for layer in self.layers:
            for feed in dict.fromkeys(layer.inputs):
                found.setdefault(feed, []).append(layer)
        return found

    @functools.cached_property
    def compressible(self) -> Sequence[Layer]:
        """The layers that a plan can change, in execution order."""
        return tuple(layer for layer in self.layers if layer.compressible)

    def group_of(self, name: str) -> CoupledGroup | None:
        """The group of channels that a layer's filters belong to, if they can be cut."""
        return next((group for group in self.groups if name in group.producers), None)
