"""`penjing inspect`: what a network is made of."""

import argparse
from typing import Any

import msgspec

from penjing.catalogue.methods import methods
from penjing.cli import data_words, ranking
from penjing.cli.looking import look, show
from penjing.cli.sources import add_model, open_plan, open_sources
from penjing.cli.terminal import Terminal
from penjing.cli.words import count
from penjing.layer_graph import Grid, Layer
from penjing.planning.kept import Kept, kept
from penjing.report.words import size

HELP = "Show layers, shapes, costs and, on request, how important every filter is and where the network looks."
EXAMPLE = "penjing inspect network.onnx --saliency l1 --json"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Model, data, criterion."""
    add_model(parser)
    criteria = tuple(methods("filter_criterion"))
    parser.add_argument(
        "--saliency",
        choices=(*criteria, ranking.ALL),
        action="append",
        metavar="CRITERION",
        help="scores of every filter; repeat it to rank several side by side: %(choices)s",
    )
    ways = tuple(methods("input_saliency"))
    parser.add_argument("--input-saliency", choices=ways, metavar="METHOD", help="where the network looks: %(choices)s")
    parser.add_argument("--sample", type=int, default=0, metavar="N", help="in which validation example (default 0)")
    parser.add_argument(
        "--input", metavar="NAME", help="of several inputs the one that is looked into (default: the first)"
    )
    parser.add_argument(
        "--number", type=int, default=1, metavar="N", help="where numbers are answered: which one, from 1"
    )
    parser.add_argument("--plan", metavar="PLAN.json", help="also look with what this plan gives without training")


def run(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """Prints the layers."""
    from penjing.inspection.graph import layer_graph
    from penjing.loading.data_card import card_facts

    plan = open_plan(arguments) if arguments.plan else None
    opened = open_sources(arguments)
    looked = None
    if arguments.input_saliency:
        looked = look(
            opened,
            method=arguments.input_saliency,
            sample=arguments.sample,
            entry=arguments.input,
            number=arguments.number - 1,
            plan=plan,
        )
    card = None if opened.data is None else card_facts(opened.data, opened.model)
    graph = layer_graph(opened.model)
    judged = ranking.judge(opened, graph, ranking.wanted(arguments.saliency or ()))
    told = [one.text(terminal.language) for one in graph.warnings]
    terminal.warn(told)
    if terminal.json:
        terminal.document(
            {
                "layers": [_as_json(layer, terminal) for layer in graph.layers],
                "inputs": [
                    {"name": i.source_name, "shape": i.shape, "grid": _grid(graph.input_grids.get(i.name))}
                    for i in graph.inputs
                ],
                "outputs": [{"name": o.source_name, "shape": o.shape, "layer": o.layer} for o in graph.outputs],
                "kept": _kept_as_json(kept(graph), terminal),
                "opset": graph.opset,
                "warnings": told,
                "saliency": judged[0] if judged else None,
                "saliencies": judged,
                "input_saliency": looked,
                "data": None if card is None else data_words.as_json(card, terminal),
            }
        )
        return 0
    rows: list[tuple[str, ...]] = [
        (
            layer.name,
            layer.type,
            "×".join(map(str, layer.weight_shape or ())),
            count(layer.params) if layer.params else "",
            count(layer.macs) if layer.macs else "",
            size(layer.activation_bytes),
            *((_grid_text(layer.weight_grid), _grid_text(layer.result_grid)) if graph.is_quantized else ()),
        )
        for layer in graph.layers
    ]
    more = ("weight_grid", "result_grid") if graph.is_quantized else ()
    names = ("layer", "type", "weight", "params", "macs", "activation", *more)
    terminal.table("", [terminal.text(f"cli.column.{key}") for key in names], rows, right="   rrr")
    total = (sum(layer.params for layer in graph.layers), sum(layer.macs for layer in graph.layers))
    terminal.say(terminal.text("cli.totals", params=count(total[0]), macs=count(total[1])))
    _show_kept(kept(graph), terminal)
    if judged:
        ranking.show(terminal, judged)
    if looked is not None:
        show(terminal, looked)
    if card is not None:
        data_words.show(terminal, card)
    return 0


def _show_kept(found: Kept, terminal: Terminal) -> None:
    """What no plan changes, and why."""
    for code, layers in found.whole.items():
        terminal.say(terminal.text("cli.kept.whole", layers=", ".join(layers), reason=terminal.text(code)))
    if found.filters:
        where = [
            terminal.text("cli.kept.end", layer=layer)
            if by is None
            else terminal.text("cli.kept.at", layer=layer, by=by)
            for layer, by in found.filters.items()
        ]
        terminal.say(terminal.text("cli.kept.filters", layers=", ".join(where)))
    if found.floats:
        terminal.say(terminal.text("cli.kept.float", layers=", ".join(found.floats)))


def _kept_as_json(found: Kept, terminal: Terminal) -> dict[str, Any]:
    return {
        "whole": [
            {"layer": layer, "reason": terminal.text(code)} for code, layers in found.whole.items() for layer in layers
        ],
        "filters": [{"layer": layer, "at": by} for layer, by in found.filters.items()],
        "float": found.floats,
    }


def _grid(grid: Grid | None) -> dict[str, Any] | None:
    return None if grid is None else msgspec.structs.asdict(grid)


def _grid_text(grid: Grid | None) -> str:
    return "" if grid is None else grid.words


def _as_json(layer: Layer, terminal: Terminal) -> dict[str, Any]:
    return {
        "name": layer.name,
        "source_name": layer.source_name,
        "type": layer.type,
        "weight_shape": layer.weight_shape,
        "params": layer.params,
        "macs": layer.macs,
        "activation_bytes": layer.activation_bytes,
        "weight_grid": _grid(layer.weight_grid),
        "result_grid": _grid(layer.result_grid),
        "compressible": layer.compressible,
        "reason": None if layer.reason is None else terminal.text(layer.reason),
    }
