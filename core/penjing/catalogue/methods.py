"""Every method that Penjing offers, declared once: lists, choices, lessons and documentation come from here.

An implementation registers under the same kind and id in the engine; a test asserts that the two sets are equal.
"""

import functools
from collections.abc import Mapping
from typing import Literal

import msgspec

Kind = Literal[
    "criterion", "filter_criterion", "scheme", "granularity", "calibrator", "rounding", "loss", "step", "format"
]
Need = Literal["data", "labels", "gradients", "batch_norm"]


class Method(msgspec.Struct, frozen=True, kw_only=True):
    """One method: what it is called, its formula and where that comes from."""

    kind: Kind
    id: str
    title: str
    formula: str = ""
    source: str = ""
    needs: tuple[Need, ...] = ()
    across_layers: bool = False
    """A criterion whose scores mean the same in every layer; others are divided by the layer's mean for scope
    `global`."""


METHODS: tuple[Method, ...] = (
    Method(
        kind="criterion",
        id="magnitude",
        title="Weight magnitude",
        formula="s = |w|;  w' = 0 if s < θ else w",
        source="Han et al. 2015, arXiv:1506.02626",
    ),
    Method(
        kind="criterion",
        id="lamp",
        title="LAMP",
        formula="s_u = w_u² / Σ w_v² over |w_v| ≥ |w_u| of the layer",
        source="Lee et al. 2021, arXiv:2010.07611",
        across_layers=True,
    ),
    Method(
        kind="criterion",
        id="l1",
        title="Filter ℓ₁ norm",
        formula="s = Σ|F| of the weight's filter",
        source="Li et al. 2017, arXiv:1608.08710",
    ),
    Method(
        kind="criterion",
        id="l2",
        title="Filter ℓ₂ norm",
        formula="s = ‖F‖₂ of the weight's filter",
        source="He et al. 2018, arXiv:1808.06866",
    ),
    Method(
        kind="criterion",
        id="geometric_median",
        title="Filter geometric median",
        formula="s_j = Σ_j' ‖F_j - F_j'‖₂ of the weight's filter",
        source="He et al. 2019, arXiv:1811.00250",
    ),
    Method(
        kind="criterion",
        id="activation",
        title="Neuron activation",
        formula="s_i = 1/n Σ_j |a_i^j|",
        source="Hu et al. 2016, arXiv:1607.03250",
        needs=("data",),
    ),
    Method(
        kind="criterion",
        id="apoz",
        title="Average percentage of zeros",
        formula="s_i = 1 - share of zeros of a_i (a high share goes first)",
        source="Hu et al. 2016, arXiv:1607.03250",
        needs=("data",),
    ),
    Method(
        kind="criterion",
        id="gradient",
        title="Neuron gradient",
        formula="s_i = 1/n Σ_j ‖∂L/∂a_i^j‖₁",
        source="sensitivity of the loss",
        needs=("data", "gradients"),
    ),
    Method(
        kind="criterion",
        id="curvature",
        title="Neuron curvature",
        formula="s_i = 1/n Σ_j ‖∂²L/∂(a_i^j)²‖₁",
        source="LeCun et al. 1990 (diagonal); Hutchinson 1990 (estimate)",
        needs=("data", "gradients"),
    ),
    Method(
        kind="criterion",
        id="taylor",
        title="Taylor (weights)",
        formula="s = (g · w)²",
        source="Molchanov et al. 2019, arXiv:1906.10771",
        needs=("data", "gradients"),
        across_layers=True,
    ),
    Method(
        kind="criterion",
        id="taylor_activation",
        title="Taylor (activations)",
        formula="s_i = 1/n Σ_j |Σ (∂L/∂z) z|",
        source="Molchanov et al. 2016, arXiv:1611.06440",
        needs=("data", "gradients"),
    ),
    Method(
        kind="criterion",
        id="obd",
        title="Optimal brain damage",
        formula="s = ½ h_kk w_k²",
        source="LeCun et al. 1990",
        needs=("data", "gradients"),
        across_layers=True,
    ),
    Method(
        kind="criterion",
        id="obs",
        title="Optimal brain surgeon, layer by layer",
        formula="s = w_q² / (2 [H⁻¹]_qq), H = 2/m Σ x xᵀ;  the others move by δw = -w_q / [H⁻¹]_qq · H⁻¹e_q",
        source="Hassibi & Stork 1993; Frantar & Alistarh 2022, arXiv:2208.11580",
        needs=("data",),
    ),
    Method(kind="criterion", id="random", title="Random", formula="s ~ U(0, 1), seeded", source="the control group"),
    Method(
        kind="filter_criterion",
        id="l1",
        title="Filter ℓ₁ norm",
        formula="s = Σ|F|",
        source="Li et al. 2017, arXiv:1608.08710",
    ),
    Method(
        kind="filter_criterion",
        id="l2",
        title="Filter ℓ₂ norm",
        formula="s = ‖F‖₂",
        source="He et al. 2018, arXiv:1808.06866",
    ),
    Method(
        kind="filter_criterion",
        id="geometric_median",
        title="Filter geometric median",
        formula="s_j = Σ_j' ‖F_j - F_j'‖₂",
        source="He et al. 2019, arXiv:1811.00250",
    ),
    Method(
        kind="filter_criterion",
        id="magnitude",
        title="Mean weight magnitude",
        formula="s = mean |F|",
        source="Han et al. 2015, arXiv:1506.02626",
    ),
    Method(
        kind="filter_criterion",
        id="lamp",
        title="LAMP, added up",
        formula="s = Σ_u w_u² / Σ w_v² over |w_v| ≥ |w_u| of the layer",
        source="Lee et al. 2021, arXiv:2010.07611",
        across_layers=True,
    ),
    Method(
        kind="filter_criterion",
        id="activation",
        title="Neuron activation",
        formula="s_i = 1/n Σ_j |a_i^j|",
        source="Hu et al. 2016, arXiv:1607.03250",
        needs=("data",),
    ),
    Method(
        kind="filter_criterion",
        id="apoz",
        title="Average percentage of zeros",
        formula="s_i = 1 - share of zeros of a_i (a high share goes first)",
        source="Hu et al. 2016, arXiv:1607.03250",
        needs=("data",),
    ),
    Method(
        kind="filter_criterion",
        id="gradient",
        title="Neuron gradient",
        formula="s_i = 1/n Σ_j ‖∂L/∂a_i^j‖₁",
        source="sensitivity of the loss",
        needs=("data", "gradients"),
    ),
    Method(
        kind="filter_criterion",
        id="curvature",
        title="Neuron curvature",
        formula="s_i = 1/n Σ_j ‖∂²L/∂(a_i^j)²‖₁",
        source="LeCun et al. 1990 (diagonal); Hutchinson 1990 (estimate)",
        needs=("data", "gradients"),
    ),
    Method(
        kind="filter_criterion",
        id="taylor",
        title="Taylor (weights)",
        formula="s = (g · w)²",
        source="Molchanov et al. 2019, arXiv:1906.10771",
        needs=("data", "gradients"),
        across_layers=True,
    ),
    Method(
        kind="filter_criterion",
        id="taylor_activation",
        title="Taylor (activations)",
        formula="s_i = 1/n Σ_j |Σ (∂L/∂z) z|",
        source="Molchanov et al. 2016, arXiv:1611.06440",
        needs=("data", "gradients"),
    ),
    Method(
        kind="filter_criterion",
        id="obd",
        title="Optimal brain damage",
        formula="s = ½ h_kk w_k²",
        source="LeCun et al. 1990",
        needs=("data", "gradients"),
        across_layers=True,
    ),
    Method(
        kind="filter_criterion",
        id="obs",
        title="Optimal brain surgeon, layer by layer",
        formula="s = w_q² / (2 [H⁻¹]_qq), H = 2/m Σ x xᵀ",
        source="Hassibi & Stork 1993; Frantar & Alistarh 2022, arXiv:2208.11580",
        needs=("data",),
    ),
    Method(kind="filter_criterion", id="random", title="Random", formula="s ~ U(0, 1), seeded", source="the control"),
    Method(
        kind="scheme",
        id="symmetric",
        title="Symmetric",
        formula="S = max|r| / (2^(b-1) - 1), Z = 0",
        source="Jacob et al. 2018, arXiv:1712.05877",
    ),
    Method(
        kind="scheme",
        id="affine",
        title="Affine",
        formula="S = (r_max - r_min) / (2^b - 1), Z = clip(round(q_min - r_min / S))",
        source="Jacob et al. 2018, arXiv:1712.05877",
    ),
    Method(
        kind="scheme",
        id="float16",
        title="Half precision",
        formula="r̂ = r rounded to 11 significant bits, stored in 16",
        source="IEEE 754-2008, binary16",
    ),
    Method(kind="granularity", id="per_channel", title="Per channel", formula="one S for each output channel"),
    Method(kind="granularity", id="per_tensor", title="Per tensor", formula="one S for the whole tensor"),
    Method(kind="calibrator", id="minmax", title="Min-max", formula="r_min = min r, r_max = max r", needs=("data",)),
    Method(
        kind="calibrator",
        id="percentile",
        title="Percentile",
        formula="r_min, r_max = the 0.01 % and 99.99 % quantiles",
        needs=("data",),
    ),
    Method(
        kind="calibrator",
        id="ema",
        title="Moving average",
        formula="r ← 0.9 r + 0.1 r_batch, from the first batch on",
        source="Jacob et al. 2018, arXiv:1712.05877",
        needs=("data",),
    ),
    Method(
        kind="calibrator",
        id="entropy",
        title="Entropy (KL divergence)",
        formula="the range that minimises KL(p ‖ p quantized), what is clipped counted at the edges",
        source="Migacz 2017, 8-bit inference with TensorRT",
        needs=("data",),
    ),
    Method(
        kind="calibrator",
        id="mse",
        title="Mean squared error",
        formula="the range that minimises Σ(r - r̂)²",
        needs=("data",),
    ),
    Method(
        kind="rounding",
        id="nearest",
        title="Nearest, ties to even",
        formula="q = clip(round(r / S) + Z)",
        source="ONNX QuantizeLinear",
    ),
    Method(
        kind="loss",
        id="soft_label",
        title="Soft labels",
        formula="T² KL(p_t(T) ‖ p_s(T)), weighted α",
        source="Hinton et al. 2015, arXiv:1503.02531",
        needs=("data", "gradients"),
    ),
    Method(
        kind="loss",
        id="cross_entropy",
        title="Hard labels",
        formula="CE(y, p_s(1)), weighted 1 - α",
        needs=("data", "labels", "gradients"),
    ),
    Method(
        kind="loss",
        id="feature",
        title="Feature maps",
        formula="½ ‖F_t - r(F_s)‖²; r a 1×1 regressor where the channels differ",
        source="Romero et al. 2015, arXiv:1412.6550",
        needs=("data", "gradients"),
    ),
    Method(
        kind="loss",
        id="attention",
        title="Attention",
        formula="β/2 Σ ‖Q_s/‖Q_s‖₂ - Q_t/‖Q_t‖₂‖₂, Q = vec(Σ_c |A_c|²)",
        source="Zagoruyko & Komodakis 2017, arXiv:1612.03928",
        needs=("data", "gradients"),
    ),
    Method(
        kind="rounding",
        id="gptq",
        title="GPTQ: errors made up for by later weights",
        formula="w_q rounded;  δ = -(w_q - ŵ_q) / [H⁻¹]_qq · H⁻¹_:q on the rest;  H = E[x x']",
        source="Frantar et al. 2022, arXiv:2210.17323",
        needs=("data",),
    ),
    Method(
        kind="rounding",
        id="adaround",
        title="AdaRound: up or down, learned",
        formula="argmin_V E‖(w - ŵ) x‖² + λ Σ(1 - |2h(V) - 1|^β),  ŵ = S · clip(⌊w / S⌋ + h(V))",
        source="Nagel et al. 2020, arXiv:2004.10568",
        needs=("data",),
    ),
    Method(kind="step", id="prune", title="Prune"),
    Method(
        kind="step",
        id="repair",
        title="Repair without labels",
        formula="ŵ = argmin E‖w x - ŵ x̂‖², pruned weights stay 0;  x before the prune step, x̂ after it",
        source="Hassibi & Stork 1993; He et al. 2017, arXiv:1707.06168",
        needs=("data",),
    ),
    Method(kind="step", id="bn_reestimate", title="Re-estimate batch norm", needs=("data", "batch_norm")),
    Method(kind="step", id="quantize", title="Quantize", needs=("data",)),
    Method(
        kind="step",
        id="qat",
        title="Quantization-aware training",
        formula="∂L/∂x ≈ ∂L/∂x̂ · 1[x in range]",
        source="Jacob et al. 2018, arXiv:1712.05877; Bengio et al. 2013, arXiv:1308.3432",
        needs=("data", "gradients"),
    ),
    Method(kind="step", id="finetune", title="Fine-tune", needs=("data", "labels", "gradients")),
    Method(kind="step", id="distill", title="Distil", needs=("data", "gradients")),
    Method(kind="format", id="onnx", title="ONNX (float32)"),
    Method(kind="format", id="onnx-int8", title="ONNX (int8, QDQ)"),
    Method(kind="format", id="c99", title="C99 source"),
    Method(kind="format", id="pt2", title="PyTorch export (.pt2)"),
    Method(kind="format", id="penjingnet", title="Penjing network"),
)


@functools.cache
def methods(kind: Kind) -> Mapping[str, Method]:
    """The methods of one kind by id, in the order people see them."""
    return {method.id: method for method in METHODS if method.kind == kind}
