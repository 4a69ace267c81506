"""The C of a program: constants and parameters node by node, calls, header."""

from collections.abc import Iterator, Mapping, Sequence

from penjing.exporting.c99.program import WIDEST, CPort, PlacedNode, Program
from penjing.model.c_kernels import text
from penjing.model.c_kernels.parts import Rounding
from penjing.model.operators.c_steps import CStep


def source_of(
    program: Program, name: str, source_names: Mapping[str, str], *, rounding: Rounding = "single", before: str = ""
) -> str:
    """`NAME.c`; `before` stands above the kernels."""
    nodes: list[str] = []
    calls: list[str] = []
    kernels: set[str] = set()
    for index, placed in enumerate(program.nodes):
        made, called = _node(placed, index, source_names)
        nodes.append(made)
        calls.append(called)
        kernels.update(step.kernel for step in placed.steps)
    entries = []
    for number, port in _numbered(program.inputs):
        if port.tensor.bits == WIDEST:
            entries.append(text.input_text(name, text.place(port.place), number))
            continue
        # Narrower codes are limited here, so that kernels and tables never meet others.
        reach = 1 << (port.tensor.bits - 1)
        limits = CStep(kernel="clamp", fields={"count": port.tensor.count, "low": -reach, "high": reach - 1})
        named = text.numbered("input_range", number)
        nodes.append("\n" + _constants(named, limits))
        kernels.add(limits.kernel)
        given = text.given(name, "input", number)
        entries.append(text.call_text(named, limits.kernel, (given,), text.place(port.place)))
    results = []
    for number, port in _numbered(program.outputs):
        if port.move is None:
            results.append(text.output_text(name, text.place(port.place), number))
            continue
        named = text.numbered("result_order", number)
        nodes.append("\n" + _constants(named, port.move))
        kernels.add(port.move.kernel)
        taken = text.given(name, "output", number)
        results.append(text.call_text(named, port.move.kernel, (text.place(port.place + port.move.skip),), taken))
    return text.source_text(
        name,
        kernels=kernels,
        nodes="".join(nodes),
        calls="".join(calls),
        entry="".join(entries),
        output="".join(results),
        rounding=rounding,
        before=before,
    )


def header_of(program: Program, name: str, *, rounding: Rounding = "single") -> str:
    """`NAME.h`."""
    macros = text.port_macros("INPUT", [port.text for port in program.inputs])
    macros |= text.port_macros("OUTPUT", [port.text for port in program.outputs])
    sizes = {"ARENA_SIZE": program.arena_size, "CONST_SIZE": program.const_size}
    return text.header_text(name, macros={**macros, **sizes, "ROUNDING": rounding})


def _numbered(ports: Sequence[CPort]) -> Iterator[tuple[int | None, CPort]]:
    """The ports with their numbers, where there are several."""
    yield from enumerate(ports) if len(ports) > 1 else ((None, port) for port in ports)


def _node(placed: PlacedNode, index: int, source_names: Mapping[str, str]) -> tuple[str, str]:
    """(comment and constants, calls) of one node."""
    node = placed.node
    layers = [source_names.get(layer, layer) for layer in node.layers]
    comment = text.node_comment(layers, node.kind, placed.shape)
    constants, calls = "\n" + comment, ""
    for number, step in enumerate(placed.steps):
        name = text.node_name(index, node.layers[0]) + (f"_{number}" if number else "")
        reads = (placed.writes,) if step.in_place else tuple(placed.reads[place] for place in step.reads)
        reads = tuple(read + step.skip for read in reads)
        reads += (placed.scratch,) if step.scratch else ()
        constants += _constants(name, step)
        calls += text.call_text(name, step.kernel, [text.place(read) for read in reads], text.place(placed.writes))
    return constants, calls


def _constants(name: str, step: CStep) -> str:
    named = {field: f"{name}_{field}" for field in step.arrays}
    arrays = "".join(
        text.array_text(named[field], array.type, array.values.tolist()) for field, array in step.arrays.items()
    )
    return arrays + text.struct_text(name, step.kernel, {**step.fields, **named})
