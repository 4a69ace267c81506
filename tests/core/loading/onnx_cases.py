"""Single ONNX nodes in the forms that exporters of other tools write, and in older opsets."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper

RANDOM = np.random.default_rng(3)


def values(*shape: int) -> NDArray[np.float32]:
    return RANDOM.standard_normal(shape).astype(np.float32)


def node(op: str, inputs: str, **attributes: Any) -> onnx.NodeProto:
    return helper.make_node(op, inputs.split(), ["y"], name=f"the_{op}", **attributes)


IMAGE = (2, 4, 9, 7)
W = values(6, 4, 3, 3)
INT = np.int64

CASES: Mapping[str, tuple[onnx.NodeProto, tuple[int, ...], dict[str, NDArray[Any]], int]] = {
    "conv with one-sided padding": (node("Conv", "x w b", pads=[0, 1, 2, 0]), IMAGE, {"w": W, "b": values(6)}, 17),
    "conv, SAME_UPPER with stride 2": (node("Conv", "x w", auto_pad="SAME_UPPER", strides=[2, 2]), IMAGE, {"w": W}, 11),
    "conv, SAME_LOWER with stride 2": (
        node("Conv", "x w", auto_pad="SAME_LOWER", strides=[2, 2], kernel_shape=[4, 2]),
        IMAGE,
        {"w": values(6, 4, 4, 2)},
        11,
    ),
    "conv, VALID": (node("Conv", "x w", auto_pad="VALID"), IMAGE, {"w": W}, 7),
    "grouped, dilated conv": (
        node("Conv", "x w", group=2, dilations=[2, 1], pads=[2, 1, 2, 1]),
        IMAGE,
        {"w": values(6, 2, 3, 3)},
        17,
    ),
    "conv with a depth multiplier": (node("Conv", "x w", group=4), IMAGE, {"w": values(8, 1, 3, 3)}, 17),
    "conv over one axis": (node("Conv", "x w", strides=[2], pads=[2, 1]), (2, 3, 10), {"w": values(5, 3, 4)}, 17),
    "gemm with factors": (
        node("Gemm", "x w b", alpha=0.5, beta=2.0),
        (2, 5),
        {"w": values(5, 3), "b": values(1, 3)},
        11,
    ),
    "gemm, transB, scalar bias": (node("Gemm", "x w b", transB=1), (2, 5), {"w": values(3, 5), "b": values(1)}, 13),
    "gemm without bias": (node("Gemm", "x w"), (2, 5), {"w": values(5, 3)}, 13),
    "matmul on three axes": (node("MatMul", "x w"), (2, 4, 5), {"w": values(5, 3)}, 13),
    "clip as attributes": (node("Clip", "x", min=-0.5, max=0.25), IMAGE, {}, 7),
    "clip as inputs": (node("Clip", "x lo hi"), IMAGE, {"lo": np.float32(0), "hi": np.float32(6)}, 13),
    "clip with one bound": (node("Clip", "x lo"), IMAGE, {"lo": np.float32(-0.1)}, 13),
    "leaky relu": (node("LeakyRelu", "x"), IMAGE, {}, 16),
    "prelu of a channel": (node("PRelu", "x s"), IMAGE, {"s": values(4, 1, 1)}, 16),
    "prelu of all": (node("PRelu", "x s"), IMAGE, {"s": values(1)}, 16),
    "hard sigmoid of Keras": (node("HardSigmoid", "x"), IMAGE, {}, 17),
    "hard sigmoid of torch": (node("HardSigmoid", "x", alpha=1 / 6, beta=0.5), IMAGE, {}, 17),
    "hard swish": (node("HardSwish", "x"), IMAGE, {}, 17),
    "sigmoid": (node("Sigmoid", "x"), IMAGE, {}, 13),
    "tanh": (node("Tanh", "x"), IMAGE, {}, 13),
    "neg": (node("Neg", "x"), IMAGE, {}, 13),
    "gelu": (node("Gelu", "x"), IMAGE, {}, 20),
    "gelu with tanh": (node("Gelu", "x", approximate="tanh"), IMAGE, {}, 20),
    "softmax before opset 13": (node("Softmax", "x"), (2, 5), {}, 11),
    "softmax along an axis": (node("Softmax", "x", axis=1), IMAGE, {}, 13),
    "log softmax": (node("LogSoftmax", "x", axis=-1), (2, 5), {}, 13),
    "constant minus x": (node("Sub", "c x"), IMAGE, {"c": values(4, 1, 1)}, 13),
    "x minus constant": (node("Sub", "x c"), IMAGE, {"c": values(1, 4, 1, 1)}, 13),
    "x over constant": (node("Div", "x c"), IMAGE, {"c": np.float32(3)}, 13),
    "constant times x": (node("Mul", "c x"), IMAGE, {"c": values(9, 7)}, 13),
    "max pool, ceil mode": (node("MaxPool", "x", kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1), IMAGE, {}, 12),
    "max pool, one-sided padding": (node("MaxPool", "x", kernel_shape=[3, 2], pads=[1, 0, 0, 1]), IMAGE, {}, 12),
    "max pool, SAME_UPPER": (
        node("MaxPool", "x", kernel_shape=[2, 2], strides=[2, 2], auto_pad="SAME_UPPER"),
        IMAGE,
        {},
        8,
    ),
    "max pool, gaps and one-sided padding": (
        node("MaxPool", "x", kernel_shape=[3, 2], pads=[2, 0, 0, 1], dilations=[2, 1]),
        IMAGE,
        {},
        12,
    ),
    "average pool without the padding": (
        node("AveragePool", "x", kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
        IMAGE,
        {},
        11,
    ),
    "average pool with the padding": (
        node("AveragePool", "x", kernel_shape=[3, 3], pads=[1, 1, 1, 1], count_include_pad=1, strides=[2, 2]),
        IMAGE,
        {},
        19,
    ),
    "average pool, one-sided padding": (
        node("AveragePool", "x", kernel_shape=[2, 2], pads=[0, 0, 1, 1], count_include_pad=1),
        IMAGE,
        {},
        11,
    ),
    "average pool over one axis": (node("AveragePool", "x", kernel_shape=[4], strides=[2]), (2, 3, 10), {}, 11),
    "global average": (node("GlobalAveragePool", "x"), IMAGE, {}, 7),
    "global maximum": (node("GlobalMaxPool", "x"), IMAGE, {}, 7),
    "mean, axes as attribute": (node("ReduceMean", "x", axes=[2, 3], keepdims=0), IMAGE, {}, 11),
    "mean, axes as input": (node("ReduceMean", "x a", keepdims=1), IMAGE, {"a": np.array([-1, 2], INT)}, 18),
    "mean over the channels": (node("ReduceMean", "x", axes=[1], keepdims=1), IMAGE, {}, 13),
    "maximum over the positions": (node("ReduceMax", "x", axes=[2, 3], keepdims=0), IMAGE, {}, 13),
    "transpose": (node("Transpose", "x", perm=[0, 2, 3, 1]), IMAGE, {}, 13),
    "flatten": (node("Flatten", "x"), IMAGE, {}, 13),
    "reshape with 0 and -1": (node("Reshape", "x s"), IMAGE, {"s": np.array([0, 2, -1, 7], INT)}, 13),
    "reshape to the file's batch": (node("Reshape", "x s"), IMAGE, {"s": np.array([2, -1], INT)}, 5 + 8),
    "squeeze, axes as attribute": (node("Squeeze", "x", axes=[3]), (2, 3, 4, 1), {}, 11),
    "squeeze, axes as input": (node("Squeeze", "x a"), (2, 3, 4, 1), {"a": np.array([-1], INT)}, 13),
    "unsqueeze, axes as attribute": (node("Unsqueeze", "x", axes=[1]), (2, 5), {}, 11),
    "unsqueeze, axes as input": (node("Unsqueeze", "x a"), (2, 5), {"a": np.array([-1, 2], INT)}, 13),
    "pad, sides as attribute": (node("Pad", "x", pads=[0, 1, 2, 0, 0, 0, 1, 3], value=1.5), IMAGE, {}, 10),
    "pad, sides as input": (
        node("Pad", "x p v"),
        IMAGE,
        {"p": np.array([0, 0, 1, 2, 0, 0, 0, 3], INT), "v": np.float32(-2)},
        13,
    ),
    "pad of some axes": (
        helper.make_node("Pad", ["x", "p", "", "a"], ["y"]),
        IMAGE,
        {"p": np.array([1, 2], INT), "a": np.array([-1], INT)},
        18,
    ),
    "pad by reflection": (
        node("Pad", "x p", mode="reflect"),
        IMAGE,
        {"p": np.array([0, 0, 1, 2, 0, 0, 3, 1], INT)},
        13,
    ),
    "pad by the edge": (node("Pad", "x p", mode="edge"), IMAGE, {"p": np.array([0, 0, 1, 2, 0, 0, 3, 1], INT)}, 13),
    "upsample": (node("Upsample", "x s"), IMAGE, {"s": np.array([1, 1, 2, 3], np.float32)}, 9),
    "resize, asymmetric": (
        helper.make_node(
            "Resize",
            ["x", "", "s"],
            ["y"],
            mode="nearest",
            coordinate_transformation_mode="asymmetric",
            nearest_mode="floor",
        ),
        IMAGE,
        {"s": np.array([1, 1, 2, 2], np.float32)},
        13,
    ),
    "resize to sizes": (
        helper.make_node("Resize", ["x", "", "", "s"], ["y"], mode="nearest"),
        IMAGE,
        {"s": np.array([2, 4, 27, 14], INT)},
        13,
    ),
    "identity of a sum": (node("Sum", "x x x"), IMAGE, {}, 13),
    "batch norm": (
        node("BatchNormalization", "x g b m v", epsilon=1e-3),
        IMAGE,
        {"g": values(4), "b": values(4), "m": values(4), "v": np.abs(values(4))},
        15,
    ),
    "a product of two tensors": (node("MatMul", "x x"), (2, 3, 5, 5), {}, 13),
    "layer norm": (
        node("LayerNormalization", "x g b", epsilon=1e-3),
        (2, 5, 7),
        {"g": values(7), "b": values(7)},
        17,
    ),
    "a root": (node("Softplus", "x"), IMAGE, {}, 13),
    "a square": (node("Pow", "x p"), IMAGE, {"p": np.float32(2)}, 13),
    "a slice with steps": (
        node("Slice", "x a b c d"),
        IMAGE,
        {
            "a": np.array([1, 0], INT),
            "b": np.array([-1, 99], INT),
            "c": np.array([2, 1], INT),
            "d": np.array([2, 3], INT),
        },
        13,
    ),
    "an old slice": (node("Slice", "x", starts=[1], ends=[3], axes=[-1]), IMAGE, {}, 9),
    "one place of an axis": (node("Gather", "x p", axis=2), IMAGE, {"p": np.array(-1, INT)}, 13),
    "some places of an axis": (node("Gather", "x p", axis=2), IMAGE, {"p": np.array([2, 0, 2], INT)}, 13),
    "a token before all others": (
        node("Concat", "c x", axis=1),
        (2, 3, 5),
        {"c": np.tile(values(1, 1, 5), (2, 1, 1))},
        13,
    ),
    "transposed conv": (
        node("ConvTranspose", "x w b", strides=[2, 3], pads=[1, 0, 1, 0], output_padding=[1, 0], dilations=[1, 2]),
        IMAGE,
        {"w": values(4, 6, 3, 2), "b": values(6)},
        13,
    ),
    "transposed conv with one-sided padding": (
        node("ConvTranspose", "x w b", strides=[2, 3], pads=[1, 0, 0, 2]),
        IMAGE,
        {"w": values(4, 6, 3, 4), "b": values(6)},
        13,
    ),
    "transposed conv, SAME_UPPER": (
        node("ConvTranspose", "x w", strides=[2, 2], auto_pad="SAME_UPPER"),
        IMAGE,
        {"w": values(4, 6, 3, 4)},
        13,
    ),
    "transposed conv to a shape": (
        node("ConvTranspose", "x w", strides=[2, 2], output_shape=[18, 15]),
        IMAGE,
        {"w": values(4, 6, 3, 4)},
        13,
    ),
    "group norm, a number a group": (
        node("GroupNormalization", "x g b", num_groups=2, epsilon=1e-2),
        IMAGE,
        {"g": values(2), "b": values(2)},
        18,
    ),
    "group norm": (node("GroupNormalization", "x g b", num_groups=2), IMAGE, {"g": values(4), "b": values(4)}, 21),
    "instance norm": (node("InstanceNormalization", "x g b"), IMAGE, {"g": values(4), "b": values(4)}, 13),
    "resize by lines": (
        helper.make_node("Resize", ["x", "", "s"], ["y"], mode="linear"),
        IMAGE,
        {"s": np.array([1, 1, 2, 3], np.float32)},
        13,
    ),
    "resize by lines to one place": (
        helper.make_node("Resize", ["x", "", "", "s"], ["y"], mode="linear"),
        IMAGE,
        {"s": np.array([2, 4, 1, 14], INT)},
        13,
    ),
    "resize by lines to the first place": (
        helper.make_node(
            "Resize", ["x", "", "", "s"], ["y"], mode="linear", coordinate_transformation_mode="pytorch_half_pixel"
        ),
        (1, 4, 9, 7),
        {"s": np.array([1, 4, 1, 14], INT)},
        13,
    ),
    "resize of two axes to sizes": (
        helper.make_node("Resize", ["x", "", "", "s"], ["y"], mode="cubic", axes=[3, 2]),
        IMAGE,
        {"s": np.array([21, 20], INT)},
        18,
    ),
    "resize to half, the middle": (
        helper.make_node("Resize", ["x", "", "s"], ["y"], mode="nearest", nearest_mode="round_prefer_ceil"),
        (2, 4, 8, 6),
        {"s": np.array([1, 1, 0.5, 0.5], np.float32)},
        13,
    ),
    "transposed conv over one axis": (node("ConvTranspose", "x w", strides=[2]), (2, 3, 7), {"w": values(3, 5, 4)}, 13),
    "grouped transposed conv": (node("ConvTranspose", "x w", group=2), IMAGE, {"w": values(4, 3, 2, 2)}, 13),
    "dropout": (node("Dropout", "x r"), IMAGE, {"r": np.float32(0.4)}, 13),
}
