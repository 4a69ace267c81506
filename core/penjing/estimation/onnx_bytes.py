"""Predicted bytes of an ONNX file: the protocol-buffer arithmetic of what `exporting` writes, from values alone.

Names and constants are counted as they are; of attributes only the number is known here, not the values, so each
counts as a small one (a byte).
"""

import dataclasses
import functools
from collections import Counter

from penjing.estimation.deployed import SUMS, fold, is_quantized
from penjing.estimation.onnx_nodes import field_bytes, integer, integers, real, varint, word, written_as
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
        network = self._nodes + self._constants + ends + field_bytes(len("network"))
        return field_bytes(network) + field_bytes(len("penjing")) + 2 + field_bytes(4)

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
        if layer.kind == "gelu":
            self._gelu(layer)
            return
        row = written_as(layer)
        inputs = [f"{name}/value" if self._is_coded_input(name) else name for name in layer.inputs]
        made = f"{layer.name}/real" if layer.name in self._codes else layer.name
        inputs += self._tensors(layer)
        if layer.kind == "conv_transpose":
            inputs[1] = self._turned(layer, inputs[1])
        elif layer.kind == "embedding":
            inputs = [
                inputs[1],
                self._node("Cast", f"{layer.name}/Cast", f"{layer.name}/Cast", inputs[:1], integer("to")),
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
            type_, attributes, before = "Flatten", integer("axis"), (type_,)
        for part in before:
            name = f"{layer.name}/{part}"
            inputs[-1] = self._node(part, name, name, inputs[-2:] if row.constants else inputs[-1:])
        if layer.kind == "silu" or (layer.kind == "smooth" and before):
            inputs.insert(0, layer.inputs[0])
        if layer.kind == "linear" and len(layer.output_shape) != 2:
            type_, attributes = "MatMul", 0
            if layer.bias:
                inputs = [inputs[-1], self._node("MatMul", f"{layer.name}/MatMul", f"{layer.name}/MatMul", inputs[:-1])]
                type_ = "Add"
        self._node(type_, self._titles[layer.name], made, inputs, attributes)

    def _turned(self, layer: Layer, weight: str) -> str:
        """The weight of a transposed convolution with the inputs first, in every group."""
        name, rank = layer.name, len(layer.weight_shape or ())
        part = functools.partial(self._part, name)
        if layer.weight_kind == "depthwise":
            return weight
        if layer.weight_kind == "dense":
            return part("Transpose", [weight], integers("perm", rank))
        apart, places, front = (
            self._constant(f"{name}/{key}", (count,), 8 * count)
            for key, count in (("apart", 4), ("places", rank - 2), ("front", 2))
        )
        swapped = part("Transpose", [part("Reshape", [weight, apart])], integers("perm", 4))
        kernel = part("Gather", [part("Shape", [weight]), places], integer("axis"))
        return part("Reshape.back", [swapped, part("Concat", [front, kernel], integer("axis"))])

    def _group_norm(self, layer: Layer) -> None:
        """The channels of a group in a row, normalized, apart again, times and plus the stored values."""
        name, groups, rank = layer.name, int(layer.attributes.get("groups", 1)), len(layer.output_shape)
        stored = self._tensors(layer)
        ones = [self._constant(f"{name}/{part}", (groups,), 4 * groups) for part in ("one", "none")]
        together, apart, shape = (
            self._constant(f"{name}/{part}", (count,), 8 * count)
            for part, count in (("together", 3), ("apart", rank), ("shape", rank - 1))
        )
        part = functools.partial(self._part, name)
        first = f"{layer.inputs[0]}/value" if self._is_coded_input(layer.inputs[0]) else layer.inputs[0]
        rows = part("InstanceNormalization", [part("Reshape", [first, together]), *ones], real("epsilon"))
        values = part("Reshape.apart", [rows, apart])
        factor, offset = (part(f"Reshape.{key}", [one, shape]) for key, one in zip("wb", stored, strict=True))
        made = f"{name}/real" if name in self._codes else name
        self._node("Add", self._titles[name], made, [part("Mul", [values, factor]), offset])

    def _gelu(self, layer: Layer) -> None:
        """Number by number, by the error function or by its approximation."""
        name = layer.name
        part = functools.partial(self._part, name)
        near = layer.attributes.get("approximate") == "tanh"
        numbers = ("one", "half", *(("three", "cubic", "factor") if near else ("root",)))
        one, half, *rest = (self._constant(f"{name}/{key}", (), 4) for key in numbers)
        value = f"{layer.inputs[0]}/value" if self._is_coded_input(layer.inputs[0]) else layer.inputs[0]
        if near:
            cube = part("Mul.cubic", [part("Pow", [value, rest[0]]), rest[1]])
            inner = part("Tanh", [part("Mul.scale", [part("Add.cubic", [value, cube]), rest[2]])])
        else:
            inner = part("Erf", [part("Div", [value, *rest])])
        both = part("Mul", [value, part("Add", [inner, one])])
        made = f"{name}/real" if name in self._codes else name
        self._node("Mul", self._titles[name], made, [both, half])

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
        part = functools.partial(self._part, name)
        ends = [f"{name}/{end}" for end in ("start", "between", "end", "axis")]
        weight = part("Unsqueeze", [stored[0], f"{name}/front"])
        own = part("Slice", [weight, ends[0], ends[1], ends[3]])
        before = part("Slice.second", [weight, ends[1], ends[2], ends[3]])
        bias = part("Unsqueeze.second", [part("Concat", biases, integer("axis")), f"{name}/front"])
        turned = part("Transpose", [layer.inputs[0]], integers("perm", 3))
        said = integer("hidden_size") + (integer("linear_before_reset") if rest else 0)
        said += word("direction", "reverse") if layer.attributes.get("reverse") else 0
        cell = f"{layer.type}.0"
        # Its second result's name is as long as the first one's.
        part(cell, [turned, own, before, bias], said + field_bytes(_length(f"{name}/{cell}")))
        made = f"{name}/real" if name in self._codes else name
        if last:
            self._node("Squeeze", self._titles[name], made, [f"{name}/{cell}", f"{name}/front"])
        else:
            states = part("Squeeze", [f"{name}/{cell}", f"{name}/second"])
            self._node("Transpose", self._titles[name], made, [states], integers("perm", 3))

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
            found.append(self._node("Cast", f"{name}.weight/Cast", f"{name}.weight", [half], integer("to")))
        else:
            least = 2 if not self._codes else 4
            bits = next(width for width in _STORED if width >= max(weight.bits, least))
            codes = self._constant(f"{name}.weight/q", layer.weight_shape, -(-layer.weights * bits // 8))
            # Between integers the weight's zero points are written, too: a byte each, or packed as the codes are.
            zeros = -(-weight.scales * bits // 8) if self._codes else 0
            found.append(self._decoded(f"{name}.weight", codes, weight.scales, zeros=zeros))
        if layer.bias:
            in_codes = weight.scales > 0 and layer.in_integers and layer.kind in SUMS
            in_codes = in_codes and all(self._state.bits(feed) < FLOAT_BITS for feed in layer.inputs)
            in_codes = in_codes and (name in self._codes or name in self._inner)
            if in_codes:
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
        return self._node("DequantizeLinear", f"{name}/DequantizeLinear", name, parts, integer("axis"))

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
        tensors = sum(field_bytes(_length(self._public.get(one, one))) for one in (*inputs, output))
        self._nodes += field_bytes(tensors + field_bytes(_length(name)) + field_bytes(len(type_)) + attributes)
        return output

    def _part(self, layer: str, step: str, inputs: list[str], attributes: int = 0) -> str:
        """A node on the way to a layer's result; the step `Mul.second` is a Mul, named apart."""
        return self._node(step.partition(".")[0], f"{layer}/{step}", f"{layer}/{step}", inputs, attributes)

    def _constant(self, name: str, shape: tuple[int, ...], size: int) -> str:
        dims = sum(1 + varint(extent) for extent in shape)
        self._constants += field_bytes(dims + 2 + field_bytes(_length(name)) + field_bytes(size))
        return name


def _length(name: str) -> int:
    return len(name.encode(errors="replace"))


def _end(name: str, shape: tuple[int, ...]) -> int:
    """An input or output of the graph: name, element type, shape with an open batch axis."""
    dims = field_bytes(field_bytes(len("batch"))) + sum(field_bytes(1 + varint(extent)) for extent in shape[1:])
    return field_bytes(field_bytes(_length(name)) + field_bytes(field_bytes(2 + field_bytes(dims))))
