"""What compression left of a network, as numbers per layer and tensor: the input of every exact figure.

There are two ways to one: `prediction.predict` from a plan and tables, `finished.state_of` from a finished model.
"""

from collections.abc import Mapping

import msgspec

from penjing.errors import Note
from penjing.layer_graph import Layer, LayerGraph

FLOAT_BITS = 32
FILTERED = frozenset({"dense", "depthwise", "grouped"})
"""The kinds of weights that are made of filters."""


class WeightState(msgspec.Struct, frozen=True, kw_only=True):
    """The weight of one layer."""

    kept: int
    """Values that no mask sets to zero."""
    bits: int = FLOAT_BITS
    scales: int = 0
    """Quantization scales: one a filter, one a tensor, or 0 for a weight that is not quantized."""
    codebook: int = 0
    """How many values the weights share; 0: they share none."""
    coded: int = 0
    """With a codebook: bytes of the weight in Penjing's own file, codebook and coded places."""
    zeros: int = 0
    """Zero points that are not all 0, as many as scales (the affine scheme)."""


def as_loaded(layer: Layer, *, kept: int | None = None) -> WeightState:
    """The weight of a layer that no plan quantizes: in float32, or on the grid that its file has."""
    kept, grid = layer.weights if kept is None else kept, layer.weight_grid
    if grid is None:
        return WeightState(kept=kept)
    scales = (layer.weight_shape or (1,))[0] if grid.per_channel else 1
    return WeightState(kept=kept, bits=grid.bits, scales=scales, zeros=0 if grid.zero_point == 0 else scales)


class NetworkState(msgspec.Struct, frozen=True, kw_only=True):
    """The whole network; `tensors.loaded` makes the state as loaded."""

    weights: Mapping[str, WeightState] = {}
    """By layer; a missing one is dense, and as loaded."""
    tensor_bits: Mapping[str, int] = {}
    """Bits of the result of a layer or of a network input; a missing one is float32."""

    warnings: tuple[Note, ...] = ()
    """What the network's own file tells whoever opens it again; it takes room there."""

    def weight(self, layer: Layer) -> WeightState:
        """The state of one layer's weight."""
        found = self.weights.get(layer.name)
        return as_loaded(layer) if found is None else found

    def bits(self, tensor: str) -> int:
        """The bits of one tensor."""
        return self.tensor_bits.get(tensor, FLOAT_BITS)

    def is_integer(self, layer: Layer) -> bool:
        """Whether a layer runs in integers: its weight and all that feeds it are quantized to 8 bits or fewer."""
        return self.weight(layer).bits <= 8 and all(self.bits(feed) <= 8 for feed in layer.inputs)


def as_float(graph: LayerGraph) -> NetworkState:
    """Every weight and tensor in float32, whatever grids they lie on."""
    return NetworkState(weights={layer.name: WeightState(kept=layer.weights) for layer in graph.layers})
