"""Predicted bytes of an ONNX file: the protocol-buffer arithmetic of what `exporting` writes, from values alone.

Names and constants are counted as they are; of attributes only the number is known here, not the values, so each
counts as a small one (a byte).
"""

import dataclasses
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from penjing.estimation.deployed import fold, is_quantized
from penjing.estimation.state import FILTERED, FLOAT_BITS, NetworkState, as_float
from penjing.estimation.tensors import inner_tensors
from penjing.layer_graph import Layer, LayerGraph

MAX_NAME_BYTES = 200
_STORED = (2, 4, 8, 16)
"""Widths in which codes are stored."""


def float_bytes(graph: LayerGraph, state: NetworkState) -> int:
    """An ONNX file in float32; a quantized network comes without the batch norms that were folded."""
    folded = fold(graph) if is_quantized(state) else graph
    return _Writer(folded, as_float(folded)).size()


def qdq_bytes(graph: LayerGraph, state: NetworkState) -> int:
    """An ONNX file with integers: codes, scales and pairs of QuantizeLinear and DequantizeLinear."""
    return _Writer(fold(graph) if is_quantized(state) else graph, state).size()


@dataclass(frozen=True, kw_only=True)
class _Operator:
    """How one operator is written: its node's type, attributes and constants, for a number of spatial axes."""

    type: str
    attributes: Callable[[int], int] = lambda axes: 0
    """Bytes of all attributes within the node."""
    constants: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    """Name → (values, bytes each)."""
    before: tuple[str, ...] = ()
    """Types of the nodes on the way to the result."""


def _varint(value: int) -> int:
    return max(1, -(-value.bit_length() // 7))


def _field(length: int) -> int:
    """Bytes of a length-delimited field with a field number below 16."""
    return 1 + _varint(length) + length


def _number(name: str) -> int:
    """An integer attribute within its node."""
    return _field(_field(len(name)) + 2 + 3)


def _real(name: str) -> int:
    return _field(_field(len(name)) + 5 + 3)


def _numbers(name: str, count: int) -> int:
    return _field(_field(len(name)) + 2 * count + 3)


def _word(name: str, value: str) -> int:
    return _field(_field(len(name)) + _field(len(value)) + 3)


def _window(*names: str) -> Callable[[int], int]:
    single = sum(_number(name) for name in names)
    return lambda axes: single + _numbers("kernel_shape", axes) + _numbers("pads", 2 * axes) + _numbers("strides", axes)


_BOUNDS = {"min": (1, 4), "max": (1, 4)}
_OPERATORS: Mapping[str, _Operator] = {
    "conv": _Operator(
        type="Conv",
        attributes=lambda axes: (
            _numbers("dilations", axes) + _number("group") + _numbers("pads", 2 * axes) + _numbers("strides", axes)
        ),
    ),
    "linear": _Operator(type="Gemm", attributes=lambda axes: _number("transB")),
    "batch_norm": _Operator(type="BatchNormalization", attributes=lambda axes: _real("epsilon")),
    "relu": _Operator(type="Relu"),
    "relu6": _Operator(type="Clip", constants=_BOUNDS),
    "clip": _Operator(type="Clip", constants=_BOUNDS),
    "leaky_relu": _Operator(type="LeakyRelu", attributes=lambda axes: _real("alpha")),
    "prelu": _Operator(type="PRelu", before=("Reshape",), constants={"shape": (3, 8)}),
    "sigmoid": _Operator(type="Sigmoid"),
    "tanh": _Operator(type="Tanh"),
    "hard_sigmoid": _Operator(type="HardSigmoid", attributes=lambda axes: _real("alpha") + _real("beta")),
    "hard_swish": _Operator(type="HardSwish"),
    "silu": _Operator(type="Mul", before=("Sigmoid",)),
    "gelu": _Operator(
        type="Mul", before=("Div", "Erf", "Add", "Mul"), constants={"one": (1, 4), "half": (1, 4), "root": (1, 4)}
    ),
    "identity": _Operator(type="Identity"),
    "dropout": _Operator(type="Dropout", constants={"ratio": (1, 4)}),
    "softmax": _Operator(type="Softmax", attributes=lambda axes: _number("axis")),
    "log_softmax": _Operator(type="LogSoftmax", attributes=lambda axes: _number("axis")),
    "add": _Operator(type="Add"),
    "subtract": _Operator(type="Sub"),
    "multiply": _Operator(type="Mul"),
    "divide": _Operator(type="Div"),
    "add_constant": _Operator(type="Add"),
    "multiply_constant": _Operator(type="Mul"),
    "concat": _Operator(type="Concat", attributes=lambda axes: _number("axis")),
    "max_pool": _Operator(
        type="MaxPool", attributes=lambda axes: _window("ceil_mode")(axes) + _numbers("dilations", axes)
    ),
    "avg_pool": _Operator(type="AveragePool", attributes=_window("ceil_mode", "count_include_pad")),
    "global_avg_pool": _Operator(type="GlobalAveragePool"),
    "global_max_pool": _Operator(type="GlobalMaxPool"),
    "mean": _Operator(type="ReduceMean", attributes=lambda axes: _number("keepdims"), constants={"axes": (1, 8)}),
    "flatten": _Operator(type="Flatten", attributes=lambda axes: _number("axis")),
    "reshape": _Operator(type="Reshape", constants={"shape": (3, 8)}),
    "transpose": _Operator(type="Transpose", attributes=lambda axes: _numbers("perm", axes + 2)),
    "pad": _Operator(type="Pad", constants={"pads": (8, 8), "value": (1, 4)}),
    "matmul": _Operator(type="MatMul"),
    "layer_norm": _Operator(type="LayerNormalization", attributes=lambda axes: _number("axis") + _real("epsilon")),
    "group_norm": _Operator(type="InstanceNormalization", attributes=lambda axes: _real("epsilon")),
    "embedding": _Operator(type="Gather", attributes=lambda axes: _number("axis"), before=("Cast",)),
    "elementary": _Operator(type="Softplus"),
    "power": _Operator(type="Pow", constants={"exponent": (1, 4)}),
    "slice": _Operator(type="Slice", constants={"start": (1, 8), "stop": (1, 8), "axis": (1, 8), "step": (1, 8)}),
    "conv_transpose": _Operator(
        type="ConvTranspose",
        attributes=lambda axes: (
            _numbers("dilations", axes)
            + _number("group")
            + _numbers("output_padding", axes)
            + _numbers("pads", 2 * axes)
            + _numbers("strides", axes)
        ),
    ),
    "resize": _Operator(
        type="Resize",
        attributes=lambda axes: (
            _word("mode", "linear") + _word("coordinate_transformation_mode", "half_pixel") + _field(0)
        ),
        constants={"scales": (4, 4)},
    ),
    "upsample": _Operator(
        type="Resize",
        attributes=lambda axes: (
            _word("mode", "nearest")
            + _word("coordinate_transformation_mode", "asymmetric")
            + _word("nearest_mode", "floor")
        ),
        constants={"scales": (4, 4)},
    ),
}


_SMOOTH: Mapping[str, _Operator] = {
    "elu": _Operator(type="Elu", attributes=lambda axes: _real("alpha")),
    "celu": _Operator(type="Celu", attributes=lambda axes: _real("alpha")),
    "selu": _Operator(type="Selu"),
    "mish": _Operator(type="Mul", before=("Softplus", "Tanh")),
}
"""By function of a layer that bends exponentially."""


def _row(layer: Layer) -> _Operator:
    """How one layer is written: its operator, with the constants that depend on what it says."""
    row, said = _OPERATORS.get(layer.kind, _Operator(type=layer.kind)), layer.attributes
    if layer.kind == "reshape" and "shape" in said:
        return dataclasses.replace(row, constants={"shape": (len(said["shape"]) + 1, 8)})
    if layer.kind == "pad" and "begin" in said:
        return dataclasses.replace(row, constants={"pads": (2 * len(said["begin"]) + 2, 8), "value": (1, 4)})
    if layer.kind == "mean" and "dims" in said:
        return dataclasses.replace(row, constants={"axes": (len(said["dims"]), 8)})
    if layer.kind == "prelu" and len(layer.output_shape) < 3:
        return _Operator(type="PRelu")
    if layer.kind == "prelu":
        return dataclasses.replace(row, constants={"shape": (len(layer.output_shape) - 1, 8)})
    if layer.kind == "smooth":
        return _SMOOTH[str(said.get("function", "elu"))]
    if layer.kind == "elementary":
        return dataclasses.replace(row, type=layer.type)
    if layer.kind == "slice" and said.get("drop"):
        return _Operator(type="Gather", attributes=lambda axes: _number("axis"), constants={"place": (1, 8)})
    return row


def can_stand_in_onnx(name: str) -> bool:
    """Whether a file's own name may be kept in ONNX: printable, valid UTF-8, of sensible length."""
    try:
        return 0 < len(name.encode()) <= MAX_NAME_BYTES and name.isprintable()
    except UnicodeEncodeError:
        return False


class _Writer:
    """Adds up the bytes of one network."""

    def __init__(self, graph: LayerGraph, state: NetworkState) -> None:
        self._graph, self._state = graph, state
        self._inner = inner_tensors(graph) if is_quantized(state) else frozenset()
        tensors = [*(entry.name for entry in graph.inputs), *(layer.name for layer in graph.layers)]
        self._codes = {name for name in tensors if state.bits(name) < FLOAT_BITS and name not in self._inner}
        ends = [(entry.name, entry.source_name) for entry in graph.inputs]
        ends += [(output.layer, output.source_name) for output in graph.outputs]
        self._public = {name: source if can_stand_in_onnx(source) else name for name, source in ends}
        titles = Counter(layer.source_name for layer in graph.layers)
        self._titles = {
            layer.name: layer.source_name
            if titles[layer.source_name] == 1 and can_stand_in_onnx(layer.source_name)
            else layer.name
            for layer in graph.layers
        }
        self._nodes = self._constants = 0

    def size(self) -> int:
        """The whole file."""
        for entry in self._graph.inputs:
            if entry.name in self._codes:
                self._through_codes(entry.name, entry.name, f"{entry.name}/value")
        for layer in self._graph.layers:
            self._layer(layer)
            if layer.name in self._codes:
                self._through_codes(layer.name, f"{layer.name}/real", layer.name)
        ends = sum(_end(self._public[entry.name], entry.shape) for entry in self._graph.inputs)
        ends += sum(_end(self._public[output.layer], output.shape) for output in self._graph.outputs)
        network = self._nodes + self._constants + ends + _field(len("network"))
        return _field(network) + _field(len("penjing")) + 2 + _field(4)

    def _layer(self, layer: Layer) -> None:
        if layer.verbatim is not None:
            # Its nodes as they are, with longer names, and its stored numbers.
            self._nodes += layer.verbatim.bytes + layer.verbatim.names * (len(layer.name) + 2)
            if layer.params:
                self._constant(f"{layer.name}.w0", (layer.params,), 4 * layer.params)
            return
        if layer.kind == "recurrent":
            self._recurrent(layer)
            return
        if layer.kind == "group_norm" and layer.attributes.get("groups") != layer.output_shape[1]:
            self._group_norm(layer)
            return
        row = _row(layer)
        inputs = [f"{name}/value" if self._is_coded_input(name) else name for name in layer.inputs]
        made = f"{layer.name}/real" if layer.name in self._codes else layer.name
        inputs += self._tensors(layer)
        if layer.kind == "conv_transpose":
            inputs[1] = self._turned(layer, inputs[1])
        elif layer.kind == "embedding":
            inputs = [
                inputs[1],
                self._node("Cast", f"{layer.name}/Cast", f"{layer.name}/Cast", inputs[:1], _number("to")),
            ]
            row = dataclasses.replace(row, before=())
        for part, (count, width) in row.constants.items():
            name = f"{layer.name}/{part}"
            shape = () if count == 1 and width == 4 else (count,)
            inputs.append(self._constant(name, shape, count * width))
        axes = (
            len(layer.weight_shape) - 2 if layer.kind == "conv" and layer.weight_shape else len(layer.output_shape) - 2
        )
        attributes, type_ = row.attributes(axes), row.type
        before = row.before
        if layer.kind in ("global_avg_pool", "global_max_pool") and len(layer.output_shape) == 2:
            type_, attributes, before = "Flatten", _number("axis"), (type_,)
        for part in before:
            name = f"{layer.name}/{part}"
            inputs[-1] = self._node(part, name, name, inputs[-2:] if row.constants else inputs[-1:])
        if layer.kind == "silu" or (layer.kind == "smooth" and before):
            inputs.insert(0, layer.inputs[0])
        elif layer.kind == "gelu":
            inputs = inputs[-2:]
        if layer.kind == "linear" and len(layer.output_shape) != 2:
            type_, attributes = "MatMul", 0
            if layer.bias:
                inputs = [inputs[-1], self._node("MatMul", f"{layer.name}/MatMul", f"{layer.name}/MatMul", inputs[:-1])]
                type_ = "Add"
        self._node(type_, self._titles[layer.name], made, inputs, attributes)

    def _turned(self, layer: Layer, weight: str) -> str:
        """The weight of a transposed convolution with the inputs first, in every group."""
        name, rank = layer.name, len(layer.weight_shape or ())

        def part(step: str, inputs: list[str], attributes: int = 0) -> str:
            return self._node(step.partition(".")[0], f"{name}/{step}", f"{name}/{step}", inputs, attributes)

        if layer.weight_kind == "depthwise":
            return weight
        if layer.weight_kind == "dense":
            return part("Transpose", [weight], _numbers("perm", rank))
        apart, places, front = (
            self._constant(f"{name}/{key}", (count,), 8 * count)
            for key, count in (("apart", 4), ("places", rank - 2), ("front", 2))
        )
        swapped = part("Transpose", [part("Reshape", [weight, apart])], _numbers("perm", 4))
        kernel = part("Gather", [part("Shape", [weight]), places], _number("axis"))
        return part("Reshape.back", [swapped, part("Concat", [front, kernel], _number("axis"))])

    def _group_norm(self, layer: Layer) -> None:
        """The channels of a group in a row, normalized, apart again, times and plus the stored values."""
        name, groups, rank = layer.name, int(layer.attributes.get("groups", 1)), len(layer.output_shape)
        stored = self._tensors(layer)
        ones = [self._constant(f"{name}/{part}", (groups,), 4 * groups) for part in ("one", "none")]
        together, apart, shape = (
            self._constant(f"{name}/{part}", (count,), 8 * count)
            for part, count in (("together", 3), ("apart", rank), ("shape", rank - 1))
        )

        def part(step: str, inputs: list[str], attributes: int = 0) -> str:
            return self._node(step.partition(".")[0], f"{name}/{step}", f"{name}/{step}", inputs, attributes)

        first = f"{layer.inputs[0]}/value" if self._is_coded_input(layer.inputs[0]) else layer.inputs[0]
        rows = part("InstanceNormalization", [part("Reshape", [first, together]), *ones], _real("epsilon"))
        values = part("Reshape.apart", [rows, apart])
        factor, offset = (part(f"Reshape.{key}", [one, shape]) for key, one in zip("wb", stored, strict=True))
        made = f"{name}/real" if name in self._codes else name
        self._node("Add", self._titles[name], made, [part("Mul", [values, factor]), offset])

    def _recurrent(self, layer: Layer) -> None:
        """The weight taken apart, time put first, the cell, and the batch put first again."""
        name, hidden = layer.name, layer.output_shape[-1]
        gates, last = layer.bias // hidden, layer.attributes.get("last")
        for name_of in ("front", "second", "start", "between", "end", "axis"):
            self._constant(f"{name}/{name_of}", (1,), 8)
        stored = self._tensors(layer)
        rest = layer.params - layer.weights - layer.bias
        biases = [stored[1], self._constant(f"{name}/none", (gates * hidden - rest,), 4 * (gates * hidden - rest))]
        biases += [self._constant(f"{name}.state_bias", (rest,), 4 * rest)] if rest else []

        def part(step: str, inputs: list[str], attributes: int = 0) -> str:
            return self._node(step.partition(".")[0], f"{name}/{step}", f"{name}/{step}", inputs, attributes)

        ends = [f"{name}/{end}" for end in ("start", "between", "end", "axis")]
        weight = part("Unsqueeze", [stored[0], f"{name}/front"])
        own = part("Slice", [weight, ends[0], ends[1], ends[3]])
        before = part("Slice.second", [weight, ends[1], ends[2], ends[3]])
        bias = part("Unsqueeze.second", [part("Concat", biases, _number("axis")), f"{name}/front"])
        turned = part("Transpose", [layer.inputs[0]], _numbers("perm", 3))
        said = _number("hidden_size") + (_number("linear_before_reset") if rest else 0)
        said += _word("direction", "reverse") if layer.attributes.get("reverse") else 0
        cell = f"{layer.type}.0"
        # Its second result's name is as long as the first one's.
        part(cell, [turned, own, before, bias], said + _field(_length(f"{name}/{cell}")))
        made = f"{name}/real" if name in self._codes else name
        if last:
            self._node("Squeeze", self._titles[name], made, [f"{name}/{cell}", f"{name}/front"])
        else:
            states = part("Squeeze", [f"{name}/{cell}", f"{name}/second"])
            self._node("Transpose", self._titles[name], made, [states], _numbers("perm", 3))

    def _tensors(self, layer: Layer) -> list[str]:
        """The layer's own tensors; the names by which its node reads them."""
        name, found = layer.name, []
        if layer.kind == "batch_norm":
            parts = ("weight", "bias", "running_mean", "running_var")
            return [self._constant(f"{name}.{part}", (layer.weights,), 4 * layer.weights) for part in parts]
        if layer.kind in ("layer_norm", "group_norm"):
            return [
                self._constant(f"{name}.{part}", (layer.weights,), 4 * layer.weights) for part in ("weight", "bias")
            ]
        if layer.weight_kind not in FILTERED or layer.weight_shape is None:
            return [self._constant(f"{name}.value", (layer.params,), 4 * layer.params)] if layer.params else []
        weight = self._state.weight(layer)
        if weight.bits >= FLOAT_BITS:
            found.append(self._constant(f"{name}.weight", layer.weight_shape, 4 * layer.weights))
        elif weight.scales == 0:
            half = self._constant(f"{name}.weight/half", layer.weight_shape, 2 * layer.weights)
            found.append(self._node("Cast", f"{name}.weight/Cast", f"{name}.weight", [half], _number("to")))
        else:
            least = 2 if not self._codes else 4
            bits = next(width for width in _STORED if width >= max(weight.bits, least))
            codes = self._constant(f"{name}.weight/q", layer.weight_shape, -(-layer.weights * bits // 8))
            # Between integers the weight's zero points are written, too: a byte each, or packed as the codes are.
            zeros = -(-weight.scales * bits // 8) if self._codes else 0
            found.append(self._decoded(f"{name}.weight", codes, weight.scales, zeros=zeros))
        if layer.bias:
            integer = weight.scales > 0 and all(self._state.bits(feed) < FLOAT_BITS for feed in layer.inputs)
            integer = integer and layer.in_integers and (name in self._codes or name in self._inner)
            if integer:
                codes = self._constant(f"{name}.bias/q", (layer.bias,), 4 * layer.bias)
                found.append(self._decoded(f"{name}.bias", codes, weight.scales))
            else:
                found.append(self._constant(f"{name}.bias", (layer.bias,), 4 * layer.bias))
        return found

    def _decoded(self, name: str, codes: str, scales: int, *, zeros: int = 0) -> str:
        shape = (scales,) if scales > 1 else ()
        parts = [codes, self._constant(f"{name}/scale", shape, 4 * scales)]
        if zeros:
            parts.append(self._constant(f"{name}/zero", shape, zeros))
        return self._node("DequantizeLinear", f"{name}/DequantizeLinear", name, parts, _number("axis"))

    def _through_codes(self, name: str, real: str, value: str) -> None:
        width = -(-max(self._state.bits(name), 8) // 8)
        scale, zero = self._constant(f"{name}/scale", (), 4), self._constant(f"{name}/zero", (), width)
        codes = self._node("QuantizeLinear", f"{name}/q/QuantizeLinear", f"{name}/q", [real, scale, zero])
        if self._state.bits(name) < 8:
            bounds = [self._constant(f"{name}/{part}", (), 1) for part in ("least", "most")]
            codes = self._node("Clip", f"{name}/clipped/Clip", f"{name}/clipped", [codes, *bounds])
        self._node("DequantizeLinear", f"{value}/DequantizeLinear", value, [codes, scale, zero])

    def _is_coded_input(self, name: str) -> bool:
        return name in self._codes and name not in self._graph.by_name

    def _node(self, type_: str, name: str, output: str, inputs: list[str], attributes: int = 0) -> str:
        tensors = sum(_field(_length(self._public.get(one, one))) for one in (*inputs, output))
        self._nodes += _field(tensors + _field(_length(name)) + _field(len(type_)) + attributes)
        return output

    def _constant(self, name: str, shape: tuple[int, ...], size: int) -> str:
        dims = sum(1 + _varint(extent) for extent in shape)
        self._constants += _field(dims + 2 + _field(_length(name)) + _field(size))
        return name


def _length(name: str) -> int:
    return len(name.encode(errors="replace"))


def _end(name: str, shape: tuple[int, ...]) -> int:
    """An input or output of the graph: name, element type, shape with an open batch axis."""
    dims = _field(_field(len("batch"))) + sum(_field(1 + _varint(extent)) for extent in shape[1:])
    return _field(_field(_length(name)) + _field(_field(2 + _field(dims))))
