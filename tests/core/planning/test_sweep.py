"""A sweep finds the front of whatever it is given, spends nothing on the hopeless, and goes on where it was."""

import math
from pathlib import Path

import pytest
from torch import nn

from penjing.errors import Cancelled, UserError
from penjing.estimation.exact import figures
from penjing.estimation.gathering import tables_for_fit
from penjing.inspection.graph import layer_graph
from penjing.plan import Plan
from penjing.planning.runner import Tried
from penjing.planning.space import Space
from penjing.planning.study import DATABASE, SweepRun
from penjing.planning.sweep import Sweep, beats, sweep, with_front
from penjing.results import Accuracy, Figures
from tests.support.networks import network

MODEL = network((8,), [("fc1", nn.Linear(8, 16), ""), ("relu", nn.ReLU(), ""), ("fc2", nn.Linear(16, 4), "")])
GRAPH, TABLES = layer_graph(MODEL), tables_for_fit(MODEL, layer_graph(MODEL))


def size(plan: Plan) -> int:
    return figures(GRAPH, plan, tables=TABLES, format="onnx").size_bytes


def accuracy(value: float, n: int = 100) -> Accuracy:
    return Accuracy(value=value, low=max(0.0, value - 0.05), high=min(1.0, value + 0.05), n=n)


def made(plan: Plan, value: float) -> Figures:
    return Figures(params=1, nonzero=1, macs=1, size_bytes=size(plan), accuracy=accuracy(value))


def what(folder: Path, trials: int, **changes: object) -> Sweep:
    fields = {"space": Space(GRAPH, None), "folder": folder, "trials": trials, "fingerprint": "net", "size": size}
    return Sweep(**{**fields, **changes})  # type: ignore[arg-type]


def honest(plan: Plan, floor: float) -> Tried:
    """The smaller the worse, so that every size has its place on the front."""
    return Tried(made(plan, 0.5 + size(plan) / 1000))


def run(plan_hash: str, size_bytes: int, value: float) -> SweepRun:
    found = Figures(params=1, nonzero=1, macs=1, size_bytes=size_bytes, accuracy=accuracy(value))
    return SweepRun(plan_hash=plan_hash, plan=Plan(), compressed=found)


def test_that_the_front_is_what_no_other_run_beats() -> None:
    # By hand: b is as small as a and better; d is beaten by b in both; c is the smallest; e equals b and stays with it.
    runs = [run("a", 100, 0.8), run("b", 100, 0.9), run("c", 50, 0.2), run("d", 110, 0.85), run("e", 100, 0.9)]
    assert [one.plan_hash for one in with_front(runs) if one.pareto] == ["b", "c", "e"]
    assert beats(runs[1], runs[3]) and not beats(runs[1], runs[4])


def test_that_a_sweep_comes_to_its_number_of_different_plans_and_tells_of_each_at_once(tmp_path: Path) -> None:
    heard: list[str] = []
    runs = sweep(what(tmp_path, 15), honest, on_run=lambda found: heard.append(found.plan_hash))
    assert len(runs) == 15
    assert len({one.plan_hash for one in runs}) == 15
    assert heard == [one.plan_hash for one in runs]
    assert all(one.plan_hash == one.plan.hash for one in runs)


def test_that_seeds_are_tried_first(tmp_path: Path) -> None:
    seeds = [Plan().with_defaults(weight_bits=8, filters=share) for share in (0.0, 0.25, 0.5)]
    runs = sweep(what(tmp_path, 3, seeds=seeds), honest)
    assert [16 - _filters(one.plan) for one in runs] == [16, 12, 8]


def _filters(plan: Plan) -> int:
    return int(plan.settings("fc1").filters * 16)


def test_that_a_second_call_goes_on_with_what_is_known(tmp_path: Path) -> None:
    first = sweep(what(tmp_path, 4), honest)
    again = sweep(what(tmp_path, 3), honest)
    assert [one.plan_hash for one in again[:4]] == [one.plan_hash for one in first]
    assert len({one.plan_hash for one in again}) == 7


def test_that_an_interrupted_sweep_keeps_what_is_done_and_comes_to_its_number_when_called_again(tmp_path: Path) -> None:
    done: list[str] = []

    def until_three(plan: Plan, floor: float) -> Tried:
        if len(done) == 3:
            raise Cancelled
        done.append(plan.hash)
        return honest(plan, floor)

    with pytest.raises(Cancelled):
        sweep(what(tmp_path, 6), until_three)
    again = sweep(what(tmp_path, 6), honest)
    assert [one.plan_hash for one in again[:3]] == done
    assert len(again) == 6


def test_that_a_plan_no_smaller_than_one_that_loses_nothing_is_never_tried(tmp_path: Path) -> None:
    best = 400
    tried: list[int] = []

    def try_plan(plan: Plan, floor: float) -> Tried:
        tried.append(size(plan))
        # Everything of at least so many bytes is as good as the network itself.
        return Tried(made(plan, 0.9 if size(plan) >= best else 0.5))

    sweep(what(tmp_path, 25, enough=0.9), try_plan)
    smallest = 1 << 30
    for count in tried:
        assert count < smallest
        if count >= best:
            smallest = count


def test_that_a_plan_is_told_the_accuracy_of_the_best_that_is_no_larger(tmp_path: Path) -> None:
    known: list[tuple[int, float]] = []

    def try_plan(plan: Plan, floor: float) -> Tried:
        assert floor == max((value for count, value in known if count <= size(plan)), default=-math.inf)
        tried = honest(plan, floor)
        assert tried.figures.accuracy is not None
        known.append((size(plan), tried.figures.accuracy.value))
        return tried

    assert len(sweep(what(tmp_path, 12), try_plan)) == 12


def test_that_hopeless_plans_are_no_runs_and_are_not_tried_again(tmp_path: Path) -> None:
    tried: list[str] = []

    def try_plan(plan: Plan, floor: float) -> Tried:
        tried.append(plan.hash)
        return Tried(made(plan, 0.5), hopeless=len(tried) % 2 == 0)

    first = sweep(what(tmp_path, 4), try_plan)
    again = sweep(what(tmp_path, 2), try_plan)
    assert len(first) == 4 and len(again) == 6
    assert len(set(tried)) == len(tried)


def test_that_plans_that_cannot_be_run_are_passed_over_and_many_in_a_row_tell_why(tmp_path: Path) -> None:
    calls = 0

    def sometimes(plan: Plan, floor: float) -> Tried:
        nonlocal calls
        calls += 1
        if calls % 3:
            raise UserError("sweep.worker_failed", detail="no")
        return honest(plan, floor)

    assert len(sweep(what(tmp_path / "a", 4), sometimes)) == 4

    def never(plan: Plan, floor: float) -> Tried:
        raise UserError("sweep.worker_failed", detail="never")

    with pytest.raises(UserError, match="never"):
        sweep(what(tmp_path / "b", 4), never)


def test_that_a_space_that_is_used_up_ends_the_sweep(tmp_path: Path) -> None:
    # One layer whose outputs are the answer: only its bits can be turned, four ways.
    model = network((8,), [("fc", nn.Linear(8, 4), "")])
    graph = layer_graph(model)

    def bytes_of(plan: Plan) -> int:
        return figures(graph, plan, format="onnx").size_bytes

    small = what(tmp_path, 50, space=Space(graph, None), size=bytes_of)
    found = sweep(small, lambda plan, floor: Tried(run("", bytes_of(plan), 0.5).compressed))
    assert sorted(one.plan.settings("fc").weight_bits for one in found) == [2, 3, 4, 8]


def test_that_a_folder_of_another_network_is_refused(tmp_path: Path) -> None:
    sweep(what(tmp_path, 2), honest)
    with pytest.raises(UserError) as caught:
        sweep(what(tmp_path, 2, fingerprint="other"), honest)
    assert caught.value.code == "sweep.other_network"


def test_that_a_database_that_is_none_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / DATABASE).write_bytes(b"no database" * 100)
    with pytest.raises(UserError) as caught:
        sweep(what(tmp_path, 2), honest)
    assert caught.value.code == "sweep.damaged"
    assert (tmp_path / DATABASE).read_bytes() == b"no database" * 100


def test_that_a_folder_in_which_another_sweep_writes_is_refused(tmp_path: Path) -> None:
    def try_plan(plan: Plan, floor: float) -> Tried:
        with pytest.raises(UserError) as caught:
            sweep(what(tmp_path, 1), honest)
        assert caught.value.code == "sweep.in_use"
        return honest(plan, floor)

    assert len(sweep(what(tmp_path, 1), try_plan)) == 1


def test_that_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError) as caught:
        sweep(what(tmp_path / "file" / "sweep", 1), honest)
    assert caught.value.code == "sweep.cannot_write"


@pytest.mark.parametrize("trials", [0, -3, 100_001])
def test_that_a_senseless_number_of_trials_is_refused(tmp_path: Path, trials: int) -> None:
    with pytest.raises(UserError) as caught:
        sweep(what(tmp_path / "new", trials), honest)
    assert caught.value.code == "sweep.trials"
    assert not (tmp_path / "new").exists()


def test_that_the_knobs_of_a_plan_lead_back_to_it() -> None:
    space = Space(GRAPH, None)
    plan = space.plan({"filters fc1": 5, "bits fc1": 4, "bits fc2": 3})
    assert int(plan.settings("fc1").filters * 16) == 5
    assert plan.settings("fc1").weight_bits == 4 and plan.settings("fc2").weight_bits == 3
    assert space.plan(space.values(plan)) == plan
