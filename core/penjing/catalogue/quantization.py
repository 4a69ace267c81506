"""How numbers become integers: schemes, ranges, rounding, corrections, shared values."""

from penjing.catalogue.method import Method

MOST_COLUMNS = 4096
"""GPTQ and AdaRound keep a matrix of columns² values: filters with more weights are rounded to the nearest."""

QUANTIZATION: tuple[Method, ...] = (
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
        formula="the range that minimises Σ_j ‖r_j - r̂_j‖² / ‖r_j‖², r_j the values of sample j",
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
    Method(
        kind="setting",
        id="codebook",
        title="k-means weight sharing",
        formula="argmin_c Σ h (w - c)², k values;  rate r = n b / (n log₂ k + k b), Huffman coded",
        source="Han et al. 2016, arXiv:1510.00149",
    ),
    Method(
        kind="setting",
        id="equalize",
        title="Cross-layer equalization",
        formula="s_i = √(r1_i r2_i) / r2_i;  w1_i / s_i, w2_i · s_i",
        source="Nagel et al. 2019, arXiv:1906.04721",
    ),
    Method(
        kind="setting",
        id="bias_correction",
        title="Bias correction",
        formula="b ← b - E[ŵ x̂ - w x]",
        source="Nagel et al. 2019, arXiv:1906.04721",
        needs=("data",),
    ),
    Method(
        kind="setting",
        id="weight_bits",
        title="Mixed precision",
        formula="a bit-width for each layer, the fewest where the measured loss is least",
        source="Dong et al. 2020, arXiv:1911.03852",
    ),
)
