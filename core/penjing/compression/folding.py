"""Folds batch norm into the convolution or linear layer that feeds it: w·γ/√(σ² + ε) (Jacob et al. 2018).

>>> from penjing.compression.folding import fold_batch_norm
>>> folded = fold_batch_norm(model)  # doctest: +SKIP
"""

import dataclasses
from collections import Counter
from collections.abc import Mapping

import msgspec
import torch
from torch import Tensor

from penjing.layer_graph import NetworkOutput
from penjing.loading.build import build, layer_shapes
from penjing.model.model import Model, Quantizer
from penjing.model.operators.integer_kernels import normalization
from penjing.model.operators.table import operators
from penjing.model.spec import NodeSpec, spec_of


def fold_batch_norm(model: Model) -> Model:
    """A network that computes the same without the batch norms that can be folded.

    A batch norm is folded when its input is the result of one convolution or linear layer, feeds nothing else and is
    not quantized by itself. Others stay: they are lowered as a scale per channel. The folded layer keeps its own name;
    masks and quantizers survive, and a weight on a grid stays on one (its scales are multiplied, too).
    """
    spec = spec_of(model)
    nodes = {node.name: node for node in spec.nodes}
    uses = Counter(name for node in spec.nodes for name in node.inputs)
    uses.update(output.layer for output in spec.outputs)
    ranks = {name: len(shape) for name, shape in layer_shapes(model).items()}
    weights, activations = dict(model.weight_quantizers), dict(model.activation_quantizers)
    renamed: dict[str, str] = {}
    for node in spec.nodes:
        if node.kind != "batch_norm":
            continue
        source = renamed.get(node.inputs[0], node.inputs[0])
        feed = nodes.get(source)
        if feed is None or uses[node.inputs[0]] != 1 or source in activations:
            continue
        if source in model.codebooks:
            continue  # the products would leave the codebook
        if not _takes_channel_scale(feed, ranks[node.name]):
            continue
        factor, shift = normalization(node.attributes, node.tensors)
        quantizer = weights.get(feed.name)
        if quantizer is not None:
            if quantizer.float16 or not (quantizer.symmetric or bool((factor > 0).all())):
                continue  # the products would leave the grid
            weights[feed.name] = _scaled(quantizer, factor)
        nodes[feed.name] = dataclasses.replace(feed, tensors=_scaled_tensors(feed.tensors, factor, shift))
        del nodes[node.name]
        renamed[node.name] = feed.name
        if node.name in activations:
            activations[feed.name] = activations.pop(node.name)
    if not renamed:
        return model
    kept = tuple(
        dataclasses.replace(node, inputs=tuple(renamed.get(name, name) for name in node.inputs))
        for node in nodes.values()
    )
    outputs = tuple(_renamed_output(output, renamed) for output in spec.outputs)
    return dataclasses.replace(
        build(dataclasses.replace(spec, nodes=kept, outputs=outputs)),
        masks=model.masks,
        codebooks=model.codebooks,
        weight_quantizers=weights,
        activation_quantizers=activations,
    )


def _takes_channel_scale(node: NodeSpec, rank: int) -> bool:
    kernel = operators()[node.kind].integer
    if kernel is None or kernel.weights is None or kernel.lossless:
        return False
    # A linear layer's channels lie along its last axis, a batch norm's along axis 1.
    return kernel.channel_axis % rank == 1


def _scaled_tensors(tensors: Mapping[str, Tensor], factor: Tensor, shift: Tensor) -> dict[str, Tensor]:
    weight = tensors["weight"]
    bias = tensors.get("bias", torch.zeros(len(weight)))
    return {
        "weight": (weight.double() * factor.double().reshape(-1, *(1,) * (weight.dim() - 1))).float(),
        "bias": (bias.double() * factor.double() + shift.double()).float(),
    }


def _scaled(quantizer: Quantizer, factor: Tensor) -> Quantizer:
    # A factor of zero makes weights of zero, whose scale is free: the old one keeps them exact.
    size = torch.where(factor == 0, torch.ones_like(factor), factor.abs())
    zero_point = quantizer.zero_point.expand(len(factor)).clone()
    return dataclasses.replace(quantizer, scale=quantizer.scale * size, zero_point=zero_point, axis=0)


def _renamed_output(output: NetworkOutput, renamed: Mapping[str, str]) -> NetworkOutput:
    return msgspec.structs.replace(output, layer=renamed.get(output.layer, output.layer))
