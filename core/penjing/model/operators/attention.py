"""What transformers are made of besides fully connected layers: products of two tensors, layer norm, embeddings."""

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn

from penjing.layer_graph import WeightKind
from penjing.model.modules import Embedding, MatMul
from penjing.model.operators import integer_kernels
from penjing.model.operators.onnx_writer import OnnxWriter
from penjing.model.operators.reading import (
    PREVIOUS,
    Activation,
    Array,
    AtenNode,
    Constant,
    Draft,
    OnnxNode,
    Reading,
    tensor,
)
from penjing.model.operators.table import Attributes, Operator, Shape, parameter, register


@register
class MatMulRow(Operator):
    """y = a b of two tensors that both depend on the network's input, as in attention."""

    kind = "matmul"
    modules = (MatMul,)
    integer = integer_kernels.PRODUCT
    reads = ("MatMul",)
    reads_aten = ("matmul", "bmm", "scaled_dot_product_attention")

    def read(self, node: OnnxNode) -> Reading:
        """Both sides with the batch first; a stored side is a fully connected layer."""
        return self._product(node, node.value(0), node.value(1))

    def read_aten(self, node: AtenNode) -> Reading:
        """The same, and attention as a whole: softmax(q kᵀ / √d + mask) v (Vaswani 2017)."""
        if node.op == "scaled_dot_product_attention":
            return self._attention(node)
        return self._product(node, node.get("self"), node.get("mat2" if node.op == "bmm" else "other"))

    def _attention(self, node: AtenNode) -> Reading:
        query, key, value = (node.activation(name) for name in ("query", "key", "value"))
        mask, width, rank = node.constant("attn_mask"), query.shape[-1], len(query.shape)
        if len(key.shape) != rank or len(value.shape) != rank or rank < 3:
            raise node.unsupported("queries, keys and values of different ranks")
        if node.get("is_causal", False) or (mask is not None and not np.isfinite(mask).all()):
            raise node.unsupported("a mask that shuts places out")
        scale = node.get("scale", width**-0.5)
        turned = (*range(rank - 2), rank - 1, rank - 2)
        drafts = [
            Draft(kind="transpose", inputs=(key.name,), attributes={"order": turned}),
            Draft(kind=self.kind, inputs=(query.name, PREVIOUS)),
            Draft(kind="multiply_constant", inputs=(PREVIOUS,), tensors={"value": tensor(np.array(float(scale)))}),
        ]
        if mask is not None:
            drafts.append(Draft(kind="add_constant", inputs=(PREVIOUS,), tensors={"value": tensor(mask)}))
        drafts += [
            Draft(kind="softmax", inputs=(PREVIOUS,), attributes={"dim": rank - 1}),
            Draft(kind=self.kind, inputs=(PREVIOUS, value.name)),
        ]
        return tuple(drafts)

    def _product(self, node: OnnxNode | AtenNode, left: object, right: object) -> Reading:
        if not isinstance(left, Activation) or not isinstance(right, Activation):
            return None
        if len(left.shape) != len(right.shape) or len(left.shape) < 3:
            raise node.unsupported(f"a product of {list(left.shape)} and {list(right.shape)}: it mixes the batch")
        return (Draft(kind=self.kind, inputs=(left.name, right.name)),)

    def build(self, attributes: Attributes, tensors: Mapping[str, Tensor]) -> nn.Module:
        """Nothing to set."""
        return MatMul()

    def write(self, attributes: Attributes, writer: OnnxWriter) -> None:
        """One node."""
        writer.result("MatMul", *writer.inputs)


@register
class LayerNormRow(Operator):
    """y = γ (x - μ) / √(σ² + ε) + β over the last axis of every example (Ba 2016)."""

    kind = "layer_norm"
    modules = (nn.LayerNorm,)
    integer = integer_kernels.LAYER_NORM
    reads = ("LayerNormalization",)
    reads_aten = ("layer_norm",)

    def read(self, node: OnnxNode) -> Reading:
        """Over the last axis, with its scale stored."""
        value = node.activation()
        if node.axis(-1, len(value.shape)) != len(value.shape) - 1:
            raise node.unsupported("a layer norm over several axes")
        scale, bias = _row(node.needed(1), value), node.constant(2)
        bias = None if bias is None else _row(bias, value)
        return self._norm(node, value, scale, bias, node.number("epsilon", None, 1e-5))

    def read_aten(self, node: AtenNode) -> Reading:
        """The same; γ may be missing."""
        value = node.activation("input")
        if len(node.integers("normalized_shape")) != 1:
            raise node.unsupported("a layer norm over several axes")
        scale = node.constant("weight")
        scale = np.ones(value.shape[-1], np.float32) if scale is None else scale
        return self._norm(node, value, scale, node.constant("bias"), float(node.get("eps", 1e-5)))

    def _norm(
        self, node: OnnxNode | AtenNode, value: Activation, scale: Array, bias: Array | None, eps: float
    ) -> Reading:
        if len(value.shape) < 2 or any(part is not None and part.shape != value.shape[-1:] for part in (scale, bias)):
            raise node.unsupported(f"a scale of shape {list(scale.shape)} for a tensor of shape {list(value.shape)}")
        tensors = {"weight": tensor(scale), "bias": tensor(np.zeros_like(scale) if bias is None else bias)}
        origin = node.origin(1) if isinstance(node, OnnxNode) else node.origin("weight")
        return (Draft(kind=self.kind, inputs=(value.name,), attributes={"eps": eps}, tensors=tensors, weight=origin),)

    def build(self, attributes: Attributes, tensors: Mapping[str, Tensor]) -> nn.Module:
        """Attributes: eps."""
        with torch.device("meta"):
            module = nn.LayerNorm(tensors["weight"].numel(), eps=float(attributes["eps"]))
        module.weight, module.bias = parameter(tensors["weight"]), parameter(tensors["bias"])
        return module

    def attributes(self, module: nn.Module) -> Attributes:
        """The ε."""
        assert isinstance(module, nn.LayerNorm)
        return {"eps": module.eps}

    def shape(self, module: nn.Module, inputs: tuple[Shape, ...]) -> Shape | None:
        """Its input's."""
        assert isinstance(module, nn.LayerNorm)
        return inputs[0] if inputs[0][-1:] == tuple(module.normalized_shape) else None

    def weight_kind(self, module: nn.Module) -> WeightKind:
        """One value a feature, which every feature's mean depends on: none of them can be cut alone."""
        return "other"

    def write(self, attributes: Attributes, writer: OnnxWriter) -> None:
        """One LayerNormalization; before opset 17, what it stands for."""
        scale, bias, eps = writer.tensor("weight"), writer.tensor("bias"), float(attributes["eps"])
        if writer.opset >= 17:
            writer.result("LayerNormalization", writer.inputs[0], scale, bias, axis=-1, epsilon=eps)
            return
        mean = writer.part("ReduceMean", writer.inputs[0], axes=(-1,), keepdims=1)
        rest = writer.part("Sub", writer.inputs[0], mean)
        square = writer.part("Mul", rest, rest)
        variance = writer.part("ReduceMean.second", square, axes=(-1,), keepdims=1)
        width = writer.part("Sqrt", writer.part("Add", variance, writer.constant("eps", np.array(eps, np.float32))))
        scaled = writer.part("Mul.second", writer.part("Div", rest, width), scale)
        writer.result("Add", scaled, bias)


@register
class EmbeddingRow(Operator):
    """A row of a table [numbers, width] for every whole number."""

    kind = "embedding"
    modules = (Embedding,)
    integer = integer_kernels.ROWS
    reads = ("Gather",)
    reads_aten = ("embedding", "index")

    def read(self, node: OnnxNode) -> Reading:
        """A Gather from a stored table by numbers that come from the input."""
        table, places = node.value(0), node.value(1)
        if not isinstance(table, Constant) or not isinstance(places, Activation):
            return None
        if node.attributes.get("axis", 0):
            raise node.unsupported("columns of a table")
        return self._rows(node, table.array, places, node.origin(0))

    def read_aten(self, node: AtenNode) -> Reading:
        """The same, and a stored table that is indexed."""
        if node.op == "embedding":
            return self._rows(node, node.needed("weight"), node.activation("indices"), node.origin("weight"))
        places = node.get("indices", ())
        if len(places) != 1 or not isinstance(places[0], Activation):
            raise node.unsupported("places that are stored, or along several axes")
        return self._rows(node, node.needed("self"), places[0], node.origin("self"))

    def _rows(self, node: OnnxNode | AtenNode, table: Array, places: Activation, origin: str) -> Reading:
        if table.ndim != 2 or table.dtype.kind != "f":
            raise node.unsupported(f"a table of shape {list(table.shape)}")
        return (Draft(kind=self.kind, inputs=(places.name,), tensors={"weight": tensor(table)}, weight=origin),)

    def build(self, attributes: Attributes, tensors: Mapping[str, Tensor]) -> nn.Module:
        """No attributes: the table says everything."""
        return Embedding(tensors["weight"].to(torch.float32))

    def weight_kind(self, module: nn.Module) -> WeightKind:
        """A table is looked up in, not multiplied with."""
        return "other"

    def write(self, attributes: Attributes, writer: OnnxWriter) -> None:
        """A Cast to whole numbers and a Gather."""
        places = writer.part("Cast", writer.inputs[0], to=_INT64)
        writer.result("Gather", writer.tensor("weight"), places, axis=0)


_INT64 = 7
"""ONNX's number of the type."""


def _row(stored: Array, value: Activation) -> Array:
    """A row without the axes of size 1 that exporters write before it."""
    leading = stored.shape[:-1]
    return stored.reshape(-1) if len(leading) < len(value.shape) and all(size == 1 for size in leading) else stored
