"""Graphs inside ONNX nodes, the bodies of loops and the branches of conditions: what they read, and their names."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

GRAPH, GRAPHS = 5, 10
"""ONNX's numbers of the attribute types that hold graphs."""

DOMAINS = ("", "ai.onnx", "ai.onnx.ml", "com.microsoft")
"""Whose operators a plain onnxruntime has; any other domain is a library of somebody's, which is never loaded."""

LOOPS = frozenset({"Loop", "Scan", "SequenceMap"})
"""What may run for longer than its nodes can be counted."""


def graphs_of(node: Any) -> Iterator[Any]:
    """The graphs that one node holds."""
    for entry in node.attribute:
        if entry.type == GRAPH:
            yield entry.g
        elif entry.type == GRAPHS:
            yield from entry.graphs


def every_node(nodes: Iterable[Any]) -> Iterator[Any]:
    """Nodes and those of the graphs in them, outer ones first."""
    for node in nodes:
        yield node
        for graph in graphs_of(node):
            yield from every_node(graph.node)


def depth(nodes: Iterable[Any]) -> int:
    """How many graphs stand in one another; 0 where no node holds one."""
    inner = (depth(graph.node) for node in nodes for graph in graphs_of(node))
    return max((1 + one for one in inner), default=0)


def captured(node: Any) -> tuple[str, ...]:
    """The values from outside that the graphs of one node read without being given them, in order."""
    found: dict[str, None] = {}
    for graph in graphs_of(node):
        found |= dict.fromkeys(_free(graph))
    return tuple(found)


def reads(node: Any) -> tuple[str, ...]:
    """Every value from outside that one node needs."""
    return tuple(dict.fromkeys([*(name for name in node.input if name), *captured(node)]))


def _free(graph: Any) -> Iterator[str]:
    own = {entry.name for entry in (*graph.input, *graph.initializer)}
    for node in graph.node:
        yield from (name for name in reads(node) if name not in own)
        own.update(node.output)
    yield from (entry.name for entry in graph.output if entry.name and entry.name not in own)


def with_names(node: Any, outside: Callable[[str], str], inside: Callable[[str], str]) -> Any:
    """A copy of a node in which what its graphs read from outside is called `outside(name)`, all else `inside(name)`.

    The node's own inputs and results keep their names. `inside` must give every call another name.
    """
    copy = type(node)()
    copy.CopyFrom(node)
    for graph in graphs_of(copy):
        _rename(graph, {}, outside, inside)
    return copy


def _rename(graph: Any, around: Mapping[str, str], outside: Callable[[str], str], inside: Callable[[str], str]) -> None:
    names = {"": "", **around}

    def made(name: str) -> str:
        if name:
            names[name] = inside(name)
        return names[name]

    def read(name: str) -> str:
        return names[name] if name in names else outside(name)

    for entry in graph.input:
        entry.name = made(entry.name)
    for entry in graph.initializer:  # one with the name of an input is its default, and never read
        entry.name = made(entry.name)
    for node in graph.node:
        for place, name in enumerate(node.input):
            node.input[place] = read(name)
        for inner in graphs_of(node):
            _rename(inner, names, outside, inside)
        for place, name in enumerate(node.output):
            node.output[place] = made(name)
    for entry in graph.output:
        entry.name = read(entry.name)
