"""The state of a finished model: what `exact.figures_of` needs to tell its figures.

>>> from penjing.estimation.finished import state_of
>>> from penjing.estimation.exact import figures_of
>>> figures_of(graph, state_of(model, graph))    # doctest: +SKIP
"""

import msgspec
import numpy as np

from penjing.estimation.state import FILTERED, NetworkState, WeightState
from penjing.estimation.tensors import spread
from penjing.layer_graph import LayerGraph
from penjing.model.model import Model, Quantizer
from penjing.model.stored_tensors import stored


def state_of(model: Model, graph: LayerGraph) -> NetworkState:
    """What masks and quantizers of `model` say about the layers and tensors of `graph`.

    `graph` is the model's own graph, or the one it had before batch norm was folded: the names are the same, and
    the figures then count parameters as loaded.
    """
    weights = {layer.name: _weight(model, layer.name) for layer in graph.layers if layer.weight_kind in FILTERED}
    bits = {name: quantizer.bits for name, quantizer in model.activation_quantizers.items()}
    tensors = spread(graph, bits)
    return NetworkState(weights=weights, tensor_bits=tensors, warnings=model.warnings)


def _weight(model: Model, name: str) -> WeightState:
    mask = model.masks.get(name)
    kept = model.weight(name).numel() if mask is None else int(np.count_nonzero(mask.numpy()))
    quantizer, codebook = model.weight_quantizers.get(name), model.codebooks.get(name)
    state = _on_grid(quantizer, kept)
    if codebook is None:
        return state
    _, parts = stored(model.weight(name), quantizer=quantizer, mask=mask, codebook=codebook)
    return msgspec.structs.replace(state, codebook=len(codebook), coded=sum(len(part) for part in parts))


def _on_grid(quantizer: Quantizer | None, kept: int) -> WeightState:
    if quantizer is None:
        return WeightState(kept=kept)
    scales = 0 if quantizer.float16 else quantizer.scale.numel()
    zeros = scales if scales and bool((quantizer.zero_point != 0).any()) else 0
    return WeightState(kept=kept, bits=quantizer.bits, scales=scales, zeros=zeros)
