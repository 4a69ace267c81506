"""The C of a program: constants and parameters node by node, calls, header."""

from collections.abc import Mapping

from penjing.exporting.c99.program import LAYOUTS, WIDEST, PlacedNode, Program
from penjing.model.c_kernels import text
from penjing.model.c_kernels.parts import Rounding
from penjing.model.operators.c_steps import CStep


def source_of(program: Program, name: str, source_names: Mapping[str, str], *, rounding: Rounding = "single") -> str:
    """`NAME.c`."""
    nodes: list[str] = []
    calls: list[str] = []
    kernels: set[str] = set()
    for index, placed in enumerate(program.nodes):
        made, called = _node(placed, index, source_names)
        nodes.append(made)
        calls.append(called)
        kernels.update(step.kernel for step in placed.steps)
    entry = text.input_text(name, text.place(program.input_place))
    if program.input.bits < WIDEST:
        # Narrower codes are limited here, so that kernels and tables never meet others.
        reach = 1 << (program.input.bits - 1)
        limits = CStep(kernel="clamp", fields={"count": program.input.count, "low": -reach, "high": reach - 1})
        nodes.append("\n" + _constants("input_range", limits))
        kernels.add(limits.kernel)
        entry = text.call_text("input_range", limits.kernel, ("input",), text.place(program.input_place))
    output = text.output_text(name, text.place(program.output_place))
    if program.last is not None:
        nodes.append("\n" + _constants("result_order", program.last))
        kernels.add(program.last.kernel)
        output = text.call_text("result_order", program.last.kernel, (text.place(program.output_place),), "output")
    return text.source_text(
        name,
        kernels=kernels,
        nodes="".join(nodes),
        calls="".join(calls),
        entry=entry,
        output=output,
        rounding=rounding,
    )


def header_of(program: Program, name: str) -> str:
    """`NAME.h`."""
    source, result = program.input_codes, program.output_codes
    return text.header_text(
        name,
        macros={
            "INPUT_SIZE": program.input.count,
            "OUTPUT_SIZE": program.output.count,
            "INPUT_SCALE": float(source.scale),
            "INPUT_ZERO_POINT": source.zero_point,
            "OUTPUT_SCALE": float(result.scale),
            "OUTPUT_ZERO_POINT": result.zero_point,
            "INPUT_LAYOUT": LAYOUTS[len(program.input.shape)],
            "ARENA_SIZE": program.arena_size,
            "CONST_SIZE": program.const_size,
        },
    )


def _node(placed: PlacedNode, index: int, source_names: Mapping[str, str]) -> tuple[str, str]:
    """(comment and constants, calls) of one node."""
    node = placed.node
    layers = [source_names.get(layer, layer) for layer in node.layers]
    comment = text.node_comment(layers, node.kind, placed.shape)
    constants, calls = "\n" + comment, ""
    for number, step in enumerate(placed.steps):
        name = text.node_name(index, node.layers[0]) + (f"_{number}" if number else "")
        reads = (placed.writes,) if step.in_place else tuple(placed.reads[place] for place in step.reads)
        constants += _constants(name, step)
        calls += text.call_text(name, step.kernel, [text.place(read) for read in reads], text.place(placed.writes))
    return constants, calls


def _constants(name: str, step: CStep) -> str:
    named = {field: f"{name}_{field}" for field in step.arrays}
    arrays = "".join(
        text.array_text(named[field], array.type, array.values.tolist()) for field, array in step.arrays.items()
    )
    return arrays + text.struct_text(name, step.kernel, {**step.fields, **named})
