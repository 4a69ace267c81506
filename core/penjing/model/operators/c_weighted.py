"""C facets of operators with weights: convolutions, linear layers, one weight a channel."""

import numpy as np
from numpy.typing import NDArray

from penjing.model.c_kernels import sparse
from penjing.model.c_kernels.parts import stored_width
from penjing.model.operators.c_steps import CArray, CNode, CStep, CSteps, Unsupported, as_in_file, plain
from penjing.model.operators.integer_reference import IntArray

Mask = NDArray[np.bool_]
_LARGEST = (1 << 31) - 1
_LARGEST_CODE = 1 << 7


def convolution(node: CNode) -> CSteps:
    """The fastest kernel that can do it: filters four at a time, one filter a channel, or the general one."""
    assert node.weight is not None
    height, width, channels = node.inputs[0].image
    weight = node.weight if node.weight.ndim == 4 else node.weight[:, :, None]
    axes = {name: (1, *node.attributes[name])[-2:] for name in ("stride", "dilation")}
    padding, groups = tuple((0, *node.attributes["padding"])[-2:]), int(node.attributes["groups"])
    out_h, out_w = (1, *node.shape[2:])[-2:]
    fields = {"in_h": height, "in_w": width, "in_c": channels, "out_h": out_h, "out_w": out_w, "out_c": len(weight)}
    fields |= {"k_h": weight.shape[2], "k_w": weight.shape[3], "groups": groups}
    for name, pair in (*axes.items(), ("pad", padding)):
        fields |= {f"{name}_h": int(pair[0]), f"{name}_w": int(pair[1])}
    if node.weight_zeros is None and groups == channels == len(weight) > 1:
        return plain(node, step(node, "depthwise", fields, weight[:, 0].transpose(1, 2, 0)))
    if all(fields[name] == 1 for name in ("k_h", "k_w", "stride_h", "stride_w")) and padding == (0, 0):
        # One pixel does not depend on another: as a single line, neighbours are found everywhere.
        fields |= {"in_h": 1, "in_w": height * width, "out_h": 1, "out_w": out_h * out_w}
    simple = node.weight_zeros is None and groups == 1 and (weight.shape[3] == 1 or fields["dilation_w"] == 1)
    return plain(
        node, step(node, "conv" if simple else "conv_general", fields, weight.transpose(0, 2, 3, 1), _kept(node))
    )


def linear(node: CNode) -> CSteps:
    """A convolution of a line of pixels, each the features of one position.

    Of a single one, the weights follow the order in which its features lie.
    """
    assert node.weight is not None
    source = node.inputs[0]
    positions = source.count // source.shape[-1]
    if positions > 1 and not source.is_as_in_file:
        raise Unsupported(f"a linear layer along the last axis of a tensor of shape {list(source.shape)}")
    ones = ("in_h", "out_h", "k_h", "k_w", "stride_h", "stride_w", "dilation_h", "dilation_w")
    fields = dict.fromkeys((*ones, "groups"), 1) | {"pad_h": 0, "pad_w": 0}
    fields |= {"in_w": positions, "out_w": positions, "in_c": source.shape[-1], "out_c": len(node.weight)}
    kind = "conv" if node.weight_zeros is None else "conv_general"
    order = source.order if positions == 1 else np.arange(source.shape[-1])
    kept = None if node.kept is None else node.kept[:, order]
    made = step(node, kind, fields, node.weight[:, order], kept)
    return CSteps(steps=(made,), order=as_in_file(node.shape))


def scaled(node: CNode) -> CSteps:
    """One weight a channel (axis 1), or one for all."""
    return _channelwise(node, "scaled")


def prelu(node: CNode) -> CSteps:
    """Two weights a channel, or two for all: the slopes from zero up and below."""
    return _channelwise(node, "prelu")


def _channelwise(node: CNode, kernel: str) -> CSteps:
    assert node.weight is not None
    source = node.inputs[0]
    weight = node.weight.reshape(len(node.weight), -1)
    own = len(weight) == source.count != source.shape[1]  # one weight a value, not a channel
    channel = source.order if own else source.order // (source.count // source.shape[1])
    bias = np.zeros(len(weight), np.int64) if node.bias is None else np.broadcast_to(node.bias, (len(weight),))
    assert node.multiplier is not None and node.shift is not None
    scales = [np.broadcast_to(part.reshape(-1), (len(weight),)) for part in (node.multiplier, node.shift)]
    known = np.column_stack([weight, bias, *scales])[channel] if own else channel[:, None]
    period = _period(known) if len(weight) > 1 else 1
    first = channel[:period] if len(weight) > 1 else np.zeros(1, np.int64)
    fields = {"per_channel": int(period > 1), "count": source.count, "channels": period, "in_zero": source.zero_point}
    arrays = {"weights": CArray(type="int32_t", values=weight[first].reshape(-1))}
    if node.bias is not None:
        arrays["bias"] = CArray(type="int32_t", values=bias[first])
    made = CStep(
        kernel=kernel, fields={**fields, **node.bounds}, arrays={**arrays, **_scales(node, first, len(weight))}
    )
    return CSteps(steps=(made,), order=source.order)


def _period(rows: IntArray) -> int:
    """After how many values their weights are the same again."""
    count = len(rows)
    starts = np.flatnonzero((rows == rows[0]).all(axis=1))
    steps = (int(step) for step in starts[1:] if count % step == 0)
    return next((step for step in steps if np.array_equal(rows[step:], rows[:-step])), count)


def packed(codes: IntArray, bits: int) -> NDArray[np.int8 | np.uint8]:
    """Codes of 8 bits as they are; of 4 and 2 bits in bytes, the first in the lowest bits."""
    flat = codes.reshape(-1)
    if bits == 8:
        return flat.astype(np.int8)
    each = 8 // bits
    padded = np.zeros(-(-len(flat) // each) * each, np.int64)
    padded[: len(flat)] = flat & ((1 << bits) - 1)
    shifts = bits * np.arange(each)
    return np.asarray((padded.reshape(-1, each) << shifts).sum(axis=1), np.uint8)


def _kept(node: CNode) -> Mask | None:
    """As weights lie."""
    if node.kept is None:
        return None
    return (node.kept if node.kept.ndim == 4 else node.kept[:, :, None]).transpose(0, 2, 3, 1)


def step(node: CNode, kind: str, fields: dict[str, int], weight: IntArray, kept: Mask | None = None) -> CStep:
    """The call of a kernel of this kind: weights as they are stored, biases, scales."""
    assert node.weight is not None
    width, filters = stored_width(node.weight_bits), len(node.weight)
    bias = np.zeros(filters, np.int64) if node.bias is None else np.broadcast_to(node.bias, (filters,))
    source = node.inputs[0]
    if kind == "conv":
        bias = bias - source.zero_point * weight.reshape(filters, -1).sum(axis=1)
        reach = np.abs(bias) + _LARGEST_CODE * np.abs(weight.reshape(filters, -1)).sum(axis=1)
        if reach.max() > _LARGEST:
            raise Unsupported("sums of products that may leave 32 bits")
    kernel = f"{kind}_{width}bit"
    stored = CArray(type="int8_t" if width == 8 else "uint8_t", values=packed(weight, width))
    if kind == "conv" and kept is not None:
        count = sparse.sparse_bytes(node.weight.shape, kept=int(kept.sum()), bits=node.weight_bits)
        if count is not None:
            kernel, stored = sparse.KERNEL, CArray(type="uint8_t", values=sparse.sparse_codes(weight, kept))
            assert len(stored.values) == count
    arrays = {
        "weights": stored,
        "bias": CArray(type="int32_t", values=bias),
        **_scales(node, np.arange(filters), filters),
    }
    if node.weight_zeros is not None:
        arrays["weight_zeros"] = CArray(type="int8_t", values=node.weight_zeros.reshape(-1))
    per_channel = int(len(arrays["multiplier"].values) > 1)
    return CStep(
        kernel=kernel,
        fields={**fields, "per_channel": per_channel, "in_zero": source.zero_point, **node.bounds},
        arrays=arrays,
    )


def _scales(node: CNode, order: IntArray, filters: int) -> dict[str, CArray]:
    assert node.multiplier is not None and node.shift is not None
    pair = np.broadcast_arrays(node.multiplier.reshape(-1), node.shift.reshape(-1))
    chosen = order if len(pair[0]) == filters else slice(None)
    multiplier, shift = (values[chosen][: node.weight_scales] for values in pair)
    return {
        "multiplier": CArray(type="int32_t", values=multiplier),
        "shift": CArray(type="int8_t", values=shift),
    }
