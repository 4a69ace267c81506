"""Flash, RAM, time and energy of thousands of cuts at once: what every layer costs as a function of channel counts.

Only counts matter here, not which channels go, so a candidate is a column of numbers and a whole neighbourhood of
candidates one matrix product; a layer that makes part of a group's channels is taken to lose its share. The plan that
is found is checked by `estimation.exact` at the end.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from penjing.devices.profiles import Device
from penjing.estimation.arena import ALIGNMENT, buffers
from penjing.estimation.c99_bytes import layer_constants
from penjing.estimation.cut import channel_arrays
from penjing.estimation.deployed import REQUANTIZATION_BYTES, fold
from penjing.estimation.flash import code_bytes, counted_core, plain_padding
from penjing.estimation.kernel_time import slowdown
from penjing.estimation.latency import SIMD_CHANNELS, operator_class
from penjing.estimation.state import FILTERED, NetworkState, WeightState
from penjing.estimation.storage import BIAS_BYTES
from penjing.layer_graph import Layer, LayerGraph
from penjing.model.c_kernels import code_size
from penjing.model.c_kernels.parts import STORED_BITS

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class Costs:
    """Figures of several candidates, one a column."""

    flash: Vector
    live: Matrix
    """[step, candidate]: bytes alive at each step at which a buffer begins."""
    latency: Vector | None
    """Milliseconds; None without a rate."""


class Landscape:
    """A network that runs in 8-bit integers on one device; kept channels by group and weight bits by layer are free."""

    def __init__(self, graph: LayerGraph, device: Device) -> None:
        self.layers = tuple(layer for layer in graph.layers if layer.weight_kind in FILTERED)
        self.sizes = np.array([len(group.channels) for group in graph.groups], dtype=np.float64)
        self._outputs = _Counts(graph, [(layer.name, 0) for layer in self.layers])
        self._inputs = _Counts(graph, [(layer.name, 1) for layer in self.layers])
        self._kernel = np.array([_kernel(layer) for layer in self.layers])
        self._has_inputs = np.array([layer.weight_kind != "depthwise" for layer in self.layers])
        deployed = fold(graph)
        state = _eight_bits(graph)
        # What is neither a filter nor folded: a batch norm of its own loses channels, anything else stays as it is.
        others = [layer for layer in deployed.layers if layer.weight_kind not in FILTERED and layer.params]
        affine = [layer for layer in others if layer.weight_kind == "affine"]
        self._norms = _Counts(graph, [(layer.name, 0) for layer in affine])
        self._norm_bytes = np.array(
            [
                (BIAS_BYTES * layer.params + layer_constants(layer, state)) / max(len(layer.output_channels), 1)
                for layer in affine
            ]
        )
        unchanging = BIAS_BYTES * sum(layer.params for layer in others if layer.weight_kind != "affine")
        unchanging += sum(layer_constants(layer, state) for layer in deployed.layers if layer.weight_kind != "affine")
        if device.brings_c:
            unchanging += plain_padding((layer for layer in deployed.layers if layer.weight_kind != "affine"), state)
        self._constant = float(_code(graph, device) + unchanging)
        self._word = code_size.WORD if device.brings_c else 1
        rates = device.rates("int8")
        self._time: Vector | None = None
        if rates is not None:
            positions = np.array([layer.positions for layer in self.layers])
            self._time = positions / (np.array([rates.of(operator_class(layer)) for layer in self.layers]) * 1e3)
            # A convolution that keeps few of its inputs runs at another rate.
            self._narrow_time = positions / (rates.of("narrow") * 1e3)
            # Packed weights are unpacked one by one: by the widths that are stored, how many times as long that takes.
            widths = {bits: _slowdowns(self.layers, bits, device) for bits in STORED_BITS}
            self._slower = [(bits, widths[bits][:, None]) for bits in sorted(widths, reverse=True)]
            self._may_narrow = np.array([operator_class(layer) in ("conv", "pointwise") for layer in self.layers])
        self._ram = _Ram(graph)

    def weights(self, kept: Matrix) -> Matrix:
        """Values of every layer's weight, [layer, candidate], for kept channels [group, candidate]."""
        result: Matrix = self._kernel[:, None] * self._outputs.of(kept) * self._read(kept)
        return result

    def _read(self, kept: Matrix) -> Matrix:
        """Channels that each filter reads, [layer, candidate]."""
        result: Matrix = np.where(self._has_inputs[:, None], self._inputs.of(kept), 1.0)
        return result

    def _latency(self, weights: Matrix, kept: Matrix, bits: Matrix) -> Vector | None:
        if self._time is None:
            return None
        narrow = self._may_narrow[:, None] & (self._read(kept) < SIMD_CHANNELS)
        times: Matrix = np.where(narrow, self._narrow_time[:, None], self._time[:, None])
        for width, slower in self._slower:
            times = np.where(bits == width, times * slower, times)
        result: Vector = (times * weights).sum(axis=0)
        return result

    def costs(self, kept: Matrix, bits: Matrix) -> Costs:
        """The figures for kept channels [group, candidate] and stored weight bits [layer, candidate]."""
        weights, filters = self.weights(kept), self._outputs.of(kept)
        beside = BIAS_BYTES + REQUANTIZATION_BYTES  # in integers every filter has a bias
        # An 8-bit shift a filter: with the weights, the one array that may end within a word.
        ends = np.ceil(filters / self._word) * self._word - filters
        stored = np.ceil(weights * bits / 8 / self._word) * self._word
        flash = self._constant + (stored + filters * beside + ends).sum(axis=0)
        flash += self._norm_bytes @ self._norms.of(kept)
        return Costs(flash, self._ram.live(kept), self._latency(weights, kept, bits))


class _Counts:
    """How many channels each of several axes has, as fixed + Σ_group share · kept."""

    def __init__(self, graph: LayerGraph, axes: list[tuple[str, int]]) -> None:
        group_of = np.full(graph.channel_count, -1)
        for index, group in enumerate(graph.groups):
            group_of[list(group.channels)] = index
        ids = channel_arrays(graph)
        self._share = np.zeros((len(axes), len(graph.groups)))
        self._fixed = np.zeros(len(axes))
        for row, (name, axis) in enumerate(axes):
            own = ids[name][axis]
            groups = np.where(own >= 0, group_of[own] if len(group_of) else -1, -1)
            self._fixed[row] = np.count_nonzero(groups < 0)
            counts = np.bincount(groups[groups >= 0], minlength=len(graph.groups))
            self._share[row] = counts / [max(len(group.channels), 1) for group in graph.groups]

    def of(self, kept: Matrix) -> Matrix:
        """[axis, candidate] for [group, candidate]."""
        result: Matrix = self._fixed[:, None] + self._share @ kept
        return result


class _Ram:
    """Bytes alive at every step with 8-bit tensors."""

    def __init__(self, graph: LayerGraph) -> None:
        found = buffers(graph, _eight_bits(graph))
        made = [buffer for buffer in found if buffer.name in graph.by_name]
        channels = [max(len(graph.by_name[buffer.name].output_channels), 1) for buffer in made]
        self._counts = _Counts(graph, [(buffer.name, 0) for buffer in made])
        self._per_channel = np.array([buffer.size for buffer in made]) / np.array(channels)
        steps = sorted({buffer.first for buffer in found})
        self._alive = np.array([[buffer.first <= step <= buffer.last for buffer in made] for step in steps], float)
        inputs = [buffer for buffer in found if buffer.name not in graph.by_name]
        self._fixed = np.array(
            [sum(buffer.aligned for buffer in inputs if buffer.first <= step <= buffer.last) for step in steps], float
        )
        self._alive = self._alive.reshape(len(steps), len(made))

    def live(self, kept: Matrix) -> Matrix:
        sizes = self._per_channel[:, None] * self._counts.of(kept)
        aligned = np.ceil(sizes / ALIGNMENT) * ALIGNMENT
        result: Matrix = self._fixed[:, None] + self._alive @ aligned
        return result


def _code(graph: LayerGraph, device: Device) -> int:
    """Bytes of kernels: those of a device's own runtime, or of exported C."""
    return code_bytes(graph, _eight_bits(graph), counted_core(device)) if device.brings_c else device.kernel_bytes or 0


def _eight_bits(graph: LayerGraph) -> NetworkState:
    names = [entry.name for entry in graph.inputs] + [layer.name for layer in graph.layers]
    return NetworkState(tensor_bits=dict.fromkeys(names, 8))


def _slowdowns(layers: Sequence[Layer], bits: int, device: Device) -> Vector:
    states = (WeightState(kept=layer.weights, bits=bits, scales=1) for layer in layers)
    return np.array([slowdown(layer, state, device) for layer, state in zip(layers, states, strict=True)])


def _kernel(layer: Layer) -> float:
    shape = layer.weight_shape or (1,)
    return float(np.prod(shape[2:], dtype=np.float64)) * (shape[1] if layer.weight_kind == "depthwise" else 1.0)
