"""What a layer read from an ONNX file is called, before its name is made safe."""

import ast
from collections import Counter
from collections.abc import Iterable

import onnx


class LayerNames:
    """Names for the nodes of one graph: from the exporter's scopes, else the node's own name, else its operator."""

    def __init__(self, nodes: Iterable[onnx.NodeProto], weights: Iterable[str]) -> None:
        listed = list(nodes)
        self._folders: set[str] = set()
        for name in (*(_stripped(node) for node in listed), *weights):
            parts = name.split(".")
            self._folders.update(".".join(parts[:end]) for end in range(1, len(parts)))
        self._counts: Counter[str] = Counter()

    def wanted(self, node: onnx.NodeProto) -> str:
        """The name a node should have if no stored weight names its layer."""
        name, operator = _stripped(node), node.op_type.lower()
        if not name:
            self._counts[operator] += 1
            return operator if self._counts[operator] == 1 else f"{operator}_{self._counts[operator]}"
        # The module around an operator is not the operator: `/layer1/Add` is not `layer1`, which holds other layers.
        return f"{name}.{operator}" if name in self._folders else name


def _stripped(node: onnx.NodeProto) -> str:
    """`/layer1/layer1.0/conv1/Conv` → `layer1.0.conv1`; `node_conv2d` → `conv2d`."""
    scopes = _scopes(node)
    if scopes is not None:
        inner = [scope for scope in scopes[:-1] if scope]
        return inner[-1] if inner else scopes[-1]
    parts = [part for part in node.name.split("/") if part]
    if len(parts) > 1 or node.name.startswith("/"):
        last = parts.pop() if parts else ""
        if last.rstrip("0123456789").rstrip("_") not in (node.op_type, *_KERAS_OPERATORS):
            parts.append(last)
    # The exporter repeats the name of a list before its elements: layer1, layer1.0, conv1.
    kept = [
        part for place, part in enumerate(parts) if not "".join(parts[place + 1 : place + 2]).startswith(f"{part}.")
    ]
    return ".".join(kept).removeprefix("node_")


_KERAS_OPERATORS = ("BiasAdd", "Conv2D", "Conv1D", "depthwise", "while_loop")
"""What Keras calls operators inside a layer, where ONNX calls them otherwise."""


def _scopes(node: onnx.NodeProto) -> list[str] | None:
    for entry in node.metadata_props:
        if entry.key == "pkg.torch.onnx.name_scopes" and len(entry.value) <= 4000:
            try:
                scopes = ast.literal_eval(entry.value)
            except (ValueError, SyntaxError, MemoryError, RecursionError):
                return None
            if isinstance(scopes, list) and scopes and all(isinstance(scope, str) for scope in scopes):
                return scopes
    return None
