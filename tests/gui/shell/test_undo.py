"""Every edit is one undo step, a drag too; the unsaved mark follows."""

from penjing.plan import Plan
from penjing_gui.session import Session


def test_that_the_edits_of_one_gesture_are_one_step(session: Session) -> None:
    before = session.plan
    for percent in range(1, 40):
        session.set_defaults("Sparsity", "drag-1", sparsity=percent / 100)
    assert session.undo_stack.count() == 1
    assert session.plan.defaults.sparsity == 0.39
    session.undo_stack.undo()
    assert session.plan == before
    session.undo_stack.redo()
    assert session.plan.defaults.sparsity == 0.39


def test_that_two_gestures_and_edits_without_one_are_steps_of_their_own(session: Session) -> None:
    session.set_defaults("Sparsity", "drag-1", sparsity=0.5)
    session.set_defaults("Sparsity", "drag-2", sparsity=0.6)
    session.set_defaults("Sparsity", sparsity=0.7)
    session.set_defaults("Sparsity", sparsity=0.8)
    assert session.undo_stack.count() == 4


def test_that_a_drag_that_ends_where_it_began_leaves_no_step(session: Session) -> None:
    before = session.plan
    session.set_defaults("Sparsity", "drag-1", sparsity=0.51)
    session.set_defaults("Sparsity", "drag-1", sparsity=before.defaults.sparsity)
    assert session.undo_stack.count() == 0
    assert session.plan == before


def test_that_an_edit_that_changes_nothing_is_no_step(session: Session) -> None:
    session.edit(session.plan, "Nothing")
    assert session.undo_stack.count() == 0


def test_that_unsaved_means_a_plan_that_differs_from_the_saved_one(session: Session) -> None:
    assert not session.unsaved
    session.set_defaults("Bits", weight_bits=3)
    assert session.unsaved
    session.undo_stack.undo()
    assert not session.unsaved


def test_that_setting_all_layers_ends_what_single_layers_set_otherwise(session: Session) -> None:
    name = session.graph.compressible[0].name
    session.set_layer((name,), "Bits", weight_bits=3, sparsity=0.9)
    session.set_defaults("Bits", weight_bits=5)
    assert session.plan.settings(name).weight_bits == 5
    assert session.plan.settings(name).sparsity == 0.9


def test_that_a_share_takes_the_place_of_a_threshold_and_back(session: Session) -> None:
    name = session.graph.compressible[0].name
    session.set_layer((name,), "Threshold", threshold=0.02)
    session.set_layer((name,), "Sparsity", sparsity=0.5)
    assert (session.plan.settings(name).threshold, session.plan.settings(name).sparsity) == (None, 0.5)
    session.set_layer((name,), "Threshold", threshold=0.02)
    assert (session.plan.settings(name).threshold, session.plan.settings(name).sparsity) == (0.02, 0.0)


def test_that_exact_figures_are_of_the_plan_when_the_plan_has_changed(session: Session) -> None:
    heard = []
    session.plan_changed.connect(lambda plan: heard.append((plan, session.figures.size_bytes)))
    session.edit(Plan().with_defaults(weight_bits=8), "8 bits")
    session.edit(Plan().with_defaults(weight_bits=4), "4 bits")
    weights = sum(layer.weights for layer in session.graph.compressible)
    # Half of the bits save half a byte a weight; biases stay.
    assert heard[0][1] - heard[1][1] == weights / 2
    assert heard[1][0] is session.plan
