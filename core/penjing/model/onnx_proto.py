"""What the operator table wrote as plain data, as ONNX's own nodes."""

from collections.abc import Callable
from typing import Any

import onnx
from onnx import helper

from penjing.model.operators.onnx_writer import OnnxGraph, OnnxNode


def node_proto(node: OnnxNode, renamed: Callable[[str], str] = str) -> onnx.NodeProto:
    """One node; `renamed` says what a tensor is called in the file."""
    kept = [entry for entry in node.attributes.values() if isinstance(entry, onnx.AttributeProto)]
    plain: dict[str, Any] = {
        key: entry for key, entry in node.attributes.items() if not isinstance(entry, onnx.AttributeProto)
    }
    outputs = [renamed(name) for name in (node.output, *node.more)]
    proto = helper.make_node(node.op_type, [renamed(name) for name in node.inputs], outputs, node.name, **plain)
    proto.attribute.extend(kept)
    if node.domain:
        proto.domain = node.domain
    return proto


def opsets_of(graph: OnnxGraph, opset: int) -> list[onnx.OperatorSetIdProto]:
    """The versions that a file with these nodes says."""
    return [helper.make_opsetid("", opset), *(helper.make_opsetid(*entry) for entry in sorted(graph.domains.items()))]
