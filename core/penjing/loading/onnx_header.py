"""What an ONNX file says before its first node: the version, and whether its names are text."""

from collections.abc import Iterator, Mapping

import onnx

from penjing.errors import UserError
from penjing.loading.onnx_nested import names_of

OLDEST_OPSET = 7


def texts(proto: onnx.ModelProto) -> Iterator[object]:
    """Every name in the file; protobuf hands over bytes where a name is no UTF-8."""
    yield from (entry.domain for entry in proto.opset_import)
    for node in proto.graph.node:
        yield from (node.name, node.op_type, node.domain, *node.input, *node.output)
        yield from (entry.name for entry in node.attribute)
        yield from (part for entry in node.metadata_props for part in (entry.key, entry.value))
    yield from names_of(proto.graph.node)
    for tensor in proto.graph.initializer:
        yield from (tensor.name, *(part for entry in tensor.external_data for part in (entry.key, entry.value)))
    for value in (*proto.graph.input, *proto.graph.output):
        yield from (value.name, *(dim.dim_param for dim in value.type.tensor_type.shape.dim))


def domains_of(proto: onnx.ModelProto) -> Mapping[str, int]:
    """The version of the operators of every domain that the file names but the standard's."""
    return {entry.domain: int(entry.version) for entry in proto.opset_import if entry.domain not in ("", "ai.onnx")}


def opset_of(proto: onnx.ModelProto, where: str) -> int:
    """The version of the standard's operators.

    Raises:
        UserError: `load.not_onnx`, `load.opset`.
    """
    versions = [entry.version for entry in proto.opset_import if entry.domain in ("", "ai.onnx")]
    if not proto.graph.node or not versions:
        raise UserError("load.not_onnx", path=where)
    newest = onnx.defs.onnx_opset_version()
    if not OLDEST_OPSET <= versions[0] <= newest:
        raise UserError("load.opset", where=where, opset=versions[0], oldest=OLDEST_OPSET, newest=newest)
    return int(versions[0])
