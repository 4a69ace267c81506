"""Every method that Penjing offers, declared once: lists, choices, lessons and documentation come from here.

An implementation registers under the same kind and id in the engine; a test asserts that the two sets are equal.
"""

import functools
from collections.abc import Mapping

from penjing.catalogue.criteria import CRITERIA
from penjing.catalogue.method import Kind, Method, Need
from penjing.catalogue.pruning import PRUNING
from penjing.catalogue.quantization import QUANTIZATION
from penjing.catalogue.training import TRAINING

__all__ = ["METHODS", "Kind", "Method", "Need", "methods", "variants"]

_OTHERS: tuple[Method, ...] = (
    Method(
        kind="input_saliency",
        id="grad_cam",
        title="Grad-CAM",
        formula="ReLU(Σ_k α_k A^k), α_k = mean over positions of ∂z_c/∂A^k",
        source="Selvaraju et al. 2017, arXiv:1610.02391",
        needs=("data", "gradients"),
    ),
    Method(
        kind="input_saliency",
        id="gradient_input",
        title="Gradient × input",
        formula="x · ∂z_c/∂x",
        source="Shrikumar et al. 2016, arXiv:1605.01713",
        needs=("data", "gradients"),
    ),
    Method(kind="format", id="onnx", title="ONNX (float32)"),
    Method(kind="format", id="onnx-int8", title="ONNX (int8, QDQ)"),
    Method(kind="format", id="c99", title="C99 source"),
    Method(kind="format", id="pt2", title="PyTorch export (.pt2)"),
    Method(kind="format", id="penjingnet", title="Penjing network"),
)

METHODS: tuple[Method, ...] = (*CRITERIA, *PRUNING, *QUANTIZATION, *TRAINING, *_OTHERS)


@functools.cache
def methods(kind: Kind) -> Mapping[str, Method]:
    """The methods of one kind by id, in the order people see them."""
    return {method.id: method for method in METHODS if method.kind == kind}


@functools.cache
def variants(step: str) -> Mapping[str, Method]:
    """The ways in which a step of a plan can be done, by id; empty where there is only one."""
    return {method.id: method for method in METHODS if method.kind == "variant" and method.step == step}
