"""How every operator is written to ONNX, in bytes: the type of its node, its attributes and its constants.

Protocol buffers say a field as a byte of its number and kind, then, of what has a length, that length and the content
(protobuf.dev, "Encoding"). Of attributes only the number is known here, not the values: each counts as a small one.
"""

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from penjing.layer_graph import Layer


@dataclass(frozen=True, kw_only=True)
class Written:
    """How one operator is written: its node's type, attributes and constants, for a number of spatial axes."""

    type: str
    attributes: Callable[[int], int] = lambda axes: 0
    """Bytes of all attributes within the node."""
    constants: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    """Name → (values, bytes each)."""
    before: tuple[str, ...] = ()
    """Types of the nodes on the way to the result."""


def varint(value: int) -> int:
    """Bytes of a whole number, seven bits in each.

    >>> varint(127), varint(128)
    (1, 2)
    """
    return max(1, -(-value.bit_length() // 7))


def field_bytes(length: int) -> int:
    """Bytes of a length-delimited field with a field number below 16."""
    return 1 + varint(length) + length


def integer(name: str) -> int:
    """An integer attribute within its node."""
    return field_bytes(field_bytes(len(name)) + 2 + 3)


def real(name: str) -> int:
    """A float attribute within its node."""
    return field_bytes(field_bytes(len(name)) + 5 + 3)


def integers(name: str, count: int) -> int:
    """An attribute of so many small integers."""
    return field_bytes(field_bytes(len(name)) + 2 * count + 3)


def word(name: str, value: str) -> int:
    """A string attribute."""
    return field_bytes(field_bytes(len(name)) + field_bytes(len(value)) + 3)


def _window(*names: str) -> Callable[[int], int]:
    single = sum(integer(name) for name in names)
    return lambda axes: single + integers("kernel_shape", axes) + integers("pads", 2 * axes) + integers("strides", axes)


_BOUNDS = {"min": (1, 4), "max": (1, 4)}
_OPERATORS: Mapping[str, Written] = {
    "conv": Written(
        type="Conv",
        attributes=lambda axes: (
            integers("dilations", axes) + integer("group") + integers("pads", 2 * axes) + integers("strides", axes)
        ),
    ),
    "linear": Written(type="Gemm", attributes=lambda axes: integer("transB")),
    "batch_norm": Written(type="BatchNormalization", attributes=lambda axes: real("epsilon")),
    "relu": Written(type="Relu"),
    "relu6": Written(type="Clip", constants=_BOUNDS),
    "clip": Written(type="Clip", constants=_BOUNDS),
    "leaky_relu": Written(type="LeakyRelu", attributes=lambda axes: real("alpha")),
    "prelu": Written(type="PRelu", before=("Reshape",), constants={"shape": (3, 8)}),
    "sigmoid": Written(type="Sigmoid"),
    "tanh": Written(type="Tanh"),
    "hard_sigmoid": Written(type="HardSigmoid", attributes=lambda axes: real("alpha") + real("beta")),
    "hard_swish": Written(type="HardSwish"),
    "silu": Written(type="Mul", before=("Sigmoid",)),
    "identity": Written(type="Identity"),
    "dropout": Written(type="Dropout", constants={"ratio": (1, 4)}),
    "softmax": Written(type="Softmax", attributes=lambda axes: integer("axis")),
    "log_softmax": Written(type="LogSoftmax", attributes=lambda axes: integer("axis")),
    "add": Written(type="Add"),
    "subtract": Written(type="Sub"),
    "multiply": Written(type="Mul"),
    "divide": Written(type="Div"),
    "add_constant": Written(type="Add"),
    "multiply_constant": Written(type="Mul"),
    "concat": Written(type="Concat", attributes=lambda axes: integer("axis")),
    "max_pool": Written(
        type="MaxPool", attributes=lambda axes: _window("ceil_mode")(axes) + integers("dilations", axes)
    ),
    "avg_pool": Written(type="AveragePool", attributes=_window("ceil_mode", "count_include_pad")),
    "global_avg_pool": Written(type="GlobalAveragePool"),
    "global_max_pool": Written(type="GlobalMaxPool"),
    "mean": Written(type="ReduceMean", attributes=lambda axes: integer("keepdims"), constants={"axes": (1, 8)}),
    "flatten": Written(type="Flatten", attributes=lambda axes: integer("axis")),
    "reshape": Written(type="Reshape", constants={"shape": (3, 8)}),
    "transpose": Written(type="Transpose", attributes=lambda axes: integers("perm", axes + 2)),
    "pad": Written(type="Pad", constants={"pads": (8, 8), "value": (1, 4)}),
    "matmul": Written(type="MatMul"),
    "layer_norm": Written(type="LayerNormalization", attributes=lambda axes: integer("axis") + real("epsilon")),
    "group_norm": Written(type="InstanceNormalization", attributes=lambda axes: real("epsilon")),
    "embedding": Written(type="Gather", attributes=lambda axes: integer("axis"), before=("Cast",)),
    "elementary": Written(type="Softplus"),
    "power": Written(type="Pow", constants={"exponent": (1, 4)}),
    "slice": Written(type="Slice", constants={"start": (1, 8), "stop": (1, 8), "axis": (1, 8), "step": (1, 8)}),
    "conv_transpose": Written(
        type="ConvTranspose",
        attributes=lambda axes: (
            integers("dilations", axes)
            + integer("group")
            + integers("output_padding", axes)
            + integers("pads", 2 * axes)
            + integers("strides", axes)
        ),
    ),
    "resize": Written(
        type="Resize",
        attributes=lambda axes: (
            word("mode", "linear") + word("coordinate_transformation_mode", "half_pixel") + field_bytes(0)
        ),
        constants={"scales": (4, 4)},
    ),
    "upsample": Written(
        type="Resize",
        attributes=lambda axes: (
            word("mode", "nearest")
            + word("coordinate_transformation_mode", "asymmetric")
            + word("nearest_mode", "floor")
        ),
        constants={"scales": (4, 4)},
    ),
}


_SMOOTH: Mapping[str, Written] = {
    "elu": Written(type="Elu", attributes=lambda axes: real("alpha")),
    "celu": Written(type="Celu", attributes=lambda axes: real("alpha")),
    "selu": Written(type="Selu"),
    "mish": Written(type="Mul", before=("Softplus", "Tanh")),
}
"""By function of a layer that bends exponentially."""


def written_as(layer: Layer) -> Written:
    """How one layer is written: its operator, with the constants that depend on what it says."""
    row, said = _OPERATORS.get(layer.kind, Written(type=layer.kind)), layer.attributes
    if layer.kind == "reshape" and "shape" in said:
        return dataclasses.replace(row, constants={"shape": (len(said["shape"]) + 1, 8)})
    if layer.kind == "pad" and "begin" in said:
        return dataclasses.replace(row, constants={"pads": (2 * len(said["begin"]) + 2, 8), "value": (1, 4)})
    if layer.kind == "mean" and "dims" in said:
        return dataclasses.replace(row, constants={"axes": (len(said["dims"]), 8)})
    if layer.kind == "prelu" and len(layer.output_shape) < 3:
        return Written(type="PRelu")
    if layer.kind == "prelu":
        return dataclasses.replace(row, constants={"shape": (len(layer.output_shape) - 1, 8)})
    if layer.kind == "smooth":
        return _SMOOTH[str(said.get("function", "elu"))]
    if layer.kind == "elementary":
        return dataclasses.replace(row, type=layer.type)
    if layer.kind == "slice" and said.get("drop"):
        return Written(type="Gather", attributes=lambda axes: integer("axis"), constants={"place": (1, 8)})
    return row
