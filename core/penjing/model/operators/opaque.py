"""The row of what has no row: ONNX nodes that run, and are written, as the file has them."""

import itertools
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from penjing.errors import UserError
from penjing.layer_graph import WeightKind
from penjing.model.nested import captured, every_node, with_names
from penjing.model.opaque import FEED, RESULT, WEIGHT, Opaque, as_text, from_text, operators_of
from penjing.model.operators.onnx_writer import OnnxNode, OnnxWriter
from penjing.model.operators.table import Attributes, Operator, Shape, register


@register
class OpaqueRow(Operator):
    """A piece of an ONNX graph: counted by its stored numbers, nothing in it or before it can be cut."""

    kind = "opaque"
    modules = (Opaque,)

    def build(self, attributes: Attributes, tensors: Mapping[str, Tensor]) -> nn.Module:
        """Attributes: graph (base64), shape without the batch axis, one_by_one."""
        weights = {f"{WEIGHT}{place}": tensors[f"{WEIGHT}{place}"].to(torch.float32) for place in range(len(tensors))}
        shape = tuple(int(extent) for extent in attributes["shape"])
        return Opaque(
            from_text(attributes["graph"]), weights, shape=shape, one_by_one=bool(attributes.get("one_by_one"))
        )

    def attributes(self, module: nn.Module) -> Attributes:
        """The piece, its result's shape, and whether it only takes one example at a time."""
        assert isinstance(module, Opaque)
        return {"graph": as_text(module.graph), "shape": module.shape, "one_by_one": module.one_by_one}

    def title(self, module: nn.Module) -> str:
        """Its most telling operator: the first that does more than move values."""
        assert isinstance(module, Opaque)
        found = operators_of(module.graph)
        return next((name for name in found if name not in _MOVING), found[0])

    def shape(self, module: nn.Module, inputs: tuple[Shape, ...]) -> Shape | None:
        """What it was when the file was read."""
        assert isinstance(module, Opaque)
        return (inputs[0][0], *module.shape)

    def weight_kind(self, module: nn.Module) -> WeightKind:
        """Stored numbers that no plan changes, if there are any."""
        return "other" if any(True for _ in module.parameters()) else "none"

    def write(self, attributes: Attributes, writer: OnnxWriter) -> None:
        """Its nodes as they were read.

        Raises:
            UserError: `export.opaque_opset` where the version to be written says something else with these nodes.
        """
        import onnx
        from onnx import numpy_helper

        proto = _at(onnx.ModelProto.FromString(from_text(attributes["graph"])), writer)
        names = {f"{FEED}{place}": name for place, name in enumerate(writer.inputs)}
        names |= {RESULT: writer.output, "": ""}
        for entry in proto.graph.input:
            if entry.name.startswith(WEIGHT):
                names[entry.name] = writer.tensor(entry.name)
        for entry in proto.graph.initializer:
            names[entry.name] = writer.constant(f"c_{entry.name}", numpy_helper.to_array(entry))
        inner = itertools.count()
        for place, given in enumerate(proto.graph.node):
            for name in given.output:
                names.setdefault(name, f"{writer.layer}/v_{name}")
            outside = {name: self._apart(name, names[name], writer) for name in captured(given)}
            node = with_names(given, outside.__getitem__, lambda name: f"{writer.layer}/s{next(inner)}")
            if node.domain not in ("", "ai.onnx"):
                writer.graph.domains[node.domain] = _version(proto, node.domain)
            first, *more = (names[name] for name in node.output)
            writer.graph.nodes.append(
                OnnxNode(
                    op_type=node.op_type,
                    name=writer.title if RESULT in node.output else f"{writer.layer}/{node.op_type}.{place}",
                    inputs=tuple(names[name] for name in node.input),
                    output=first,
                    more=tuple(more),
                    attributes={entry.name: entry for entry in node.attribute},
                    domain=node.domain,
                )
            )

    @staticmethod
    def _apart(name: str, source: str, writer: OnnxWriter) -> str:
        """What a graph in a node calls a value from outside: of feeds a copy, so that renaming is easy."""
        if not name.startswith(FEED):
            return source
        copy = f"{writer.layer}/Identity.{name}"
        return copy if copy in {node.output for node in writer.graph.nodes} else writer.part(f"Identity.{name}", source)


def _at(proto: Any, writer: OnnxWriter) -> Any:
    """The piece in the version that is written: the same nodes where they mean the same there, else converted."""
    from onnx import version_converter

    read = _version(proto, "")
    standard = {node.op_type for node in every_node(proto.graph.node) if node.domain in ("", "ai.onnx")}
    if all(_since(op, read) == _since(op, writer.opset) for op in standard):
        return proto
    try:
        return version_converter.convert_version(proto, writer.opset)
    except Exception as error:  # the converter's errors are plain RuntimeErrors and protobuf's
        raise UserError(
            "export.opaque_opset",
            layer=writer.title,
            operators=", ".join(dict.fromkeys(node.op_type for node in proto.graph.node)),
            read=read,
            wanted=writer.opset,
        ) from error


def _version(proto: Any, domain: str) -> int:
    return next((int(entry.version) for entry in proto.opset_import if entry.domain == domain), 1)


def _since(op: str, version: int) -> int:
    import onnx

    try:
        return int(onnx.defs.get_schema(op, version).since_version)
    except onnx.defs.SchemaError:
        return 0


_MOVING = ("Cast", "Transpose", "Squeeze", "Unsqueeze", "Reshape", "Identity", "Shape", "Gather", "Slice", "Concat")
