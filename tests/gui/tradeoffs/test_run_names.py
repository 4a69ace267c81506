"""Runs: numbered within their kind, called in the language of the window until a person names them."""

import msgspec
import pytest
from PySide6.QtWidgets import QApplication

from penjing.plan import Plan
from penjing.project.values import Run
from penjing_gui import language
from penjing_gui.item_models.runs import AS_LOADED, Row
from penjing_gui.main_window import MainWindow
from penjing_gui.new_runs import has_network, new_run, run_name
from penjing_gui.run_words import tip


@pytest.fixture
def runs(bench: MainWindow) -> tuple[Run, ...]:
    """Two that were kept and one that was distilled."""
    session = bench.session
    assert session.figures is not None
    made: list[Run] = []
    for kind in ("kept", "kept", "distill"):
        made.append(new_run(made, kind, f"{kind}-{len(made)}", Plan(), session.figures))  # type: ignore[arg-type]
    return tuple(made)


def test_that_runs_are_numbered_within_their_kind_and_no_number_is_given_twice(runs: tuple[Run, ...]) -> None:
    assert [run_name(run) for run in runs] == ["Kept 1", "Kept 2", "Distilled 1"]
    left = runs[1:]
    assert run_name(new_run(left, "kept", "kept-9", Plan(), runs[0].figures)) == "Kept 3"
    taught = has_network(runs[2], ())
    assert taught.has_network and run_name(taught) == "Distilled 1"


def test_that_a_run_is_called_in_the_language_of_the_window_until_a_person_names_it(
    bench: MainWindow, runs: tuple[Run, ...], qapp: QApplication
) -> None:
    session = bench.session
    own = msgspec.structs.replace(runs[1], name="Sunday")
    try:
        language.apply(qapp, "zh_CN", session.texts)
        assert [run_name(run) for run in (runs[0], own, runs[2])] == ["保留 1", "Sunday", "蒸馏 1"]
    finally:
        language.apply(qapp, "en", session.texts)
    assert run_name(runs[0]) == "Kept 1"


def test_that_the_tip_of_a_run_tells_layers_that_are_treated_alike_in_one_line(bench: MainWindow) -> None:
    session = bench.session
    graph, figures = session.graph, session.figures
    assert graph is not None and figures is not None
    row = Row(id=AS_LOADED, name="one", kind="kept", figures=figures, accuracy=None, parent="", fits=True)
    first, *others = [layer.name for layer in graph.compressible]
    same = tip(row, Plan().with_defaults(weight_bits=8), graph, "en").splitlines()
    assert [line.split(":")[0] for line in same if "8 bits" in line] == ["all layers"]
    plan = Plan().with_defaults(weight_bits=8).with_layer(first, weight_bits=4)
    told = [line for line in tip(row, plan, graph, "en").splitlines() if " bits" in line]
    assert told[0].startswith(f"{first}: ") and "4 bits" in told[0]
    assert told[1].startswith(", ".join(others[:4])) and "8 bits" in told[1]
    assert len(told) == 2
