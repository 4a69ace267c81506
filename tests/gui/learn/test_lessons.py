"""Every method has its lesson, complete in every language: an example, an edit, a question that can be answered."""

import dataclasses
import functools

import numpy as np
import pytest

from penjing.assets import LANGUAGES
from penjing.catalogue.methods import METHODS, Method
from penjing.devices.profiles import device
from penjing.estimation.exact import figures
from penjing.estimation.gathering import tables_for, tables_for_fit
from penjing.estimation.tables import Tables
from penjing.inspection.graph import layer_graph
from penjing.inspection.saliency import weight_scores
from penjing.plan import Plan
from penjing.planning.check import require_known_layers
from penjing_gui.learn.lessons import FIRST, course, key_of, keys, languages, lesson, outline
from penjing_gui.learn.tries import PAGES, tried
from penjing_gui.learn.worked import NINE, Material, Worked, example_of
from tests.support.few_data import few_data
from tests.support.tiny_networks import resnet8

MODEL = resnet8()
GRAPH = layer_graph(MODEL)
LAYER = "block1a"


def material(**changes: object) -> Material:
    return dataclasses.replace(_material(), **changes)  # type: ignore[arg-type]


@functools.cache
def _material() -> Material:
    weights = MODEL.weight(LAYER).detach().double().numpy()
    flat = weights.reshape(len(weights), -1)
    fit = tables_for_fit(MODEL, GRAPH)
    magnitudes = tables_for(MODEL, GRAPH, Plan().with_defaults(sparsity=0.5, scope="global"))
    tables = Tables(filter_scores=fit.filter_scores, weight_scores=magnitudes.weight_scores, bit_errors=fit.bit_errors)
    nrf = device("nrf52840")
    plan = Plan().with_defaults(weight_bits=8, activation_bits=8)
    fields = {
        "layer": LAYER, "weights": flat, "graph": GRAPH, "plan": plan, "tables": tables, "device": nrf,
        "figures": figures(GRAPH, plan, tables=tables, device=nrf), "baseline": figures(GRAPH, device=nrf),
        "folded": np.linspace(0.5, 2.0, len(flat))[:, None] * flat,
        "scores": weight_scores(MODEL, LAYER, "magnitude").double().numpy().reshape(flat.shape),
        "inputs": few_data((3, 32, 32), 8).val.x.astype(np.float64),
        "logits": (np.array([2.0, 1.0, 0.1]), np.array([1.0, 1.5, 0.2]), 0),
        "look": (np.ones((32, 32)), np.arange(1024.0).reshape(32, 32)),
    }  # fmt: skip
    return Material(**fields)  # type: ignore[arg-type]


def ids(method: Method) -> str:
    return f"{method.kind}.{method.id}"


@pytest.mark.parametrize("method", METHODS, ids=ids)
@pytest.mark.parametrize("language", LANGUAGES)
def test_that_every_method_has_a_complete_lesson(method: Method, language: str) -> None:
    found = lesson(key_of(method), language)
    asked = found.question
    for text in (found.title, found.sentence, asked.text, asked.because, *asked.answers):
        assert text.strip() and "<" not in text.replace(" < ", "").replace("(5 < 6)", "").replace(
            "(6 < 7)", ""
        ).replace("（5 < 6）", "").replace("（6 < 7）", "").replace("s < θ", "")
    assert 2 <= len(asked.answers) <= 6
    assert len(set(asked.answers)) == len(asked.answers)
    assert 0 <= asked.right < len(asked.answers)
    if language != "en":
        # Told anew, not left in English; both have the same answers in the same order.
        english = lesson(key_of(method), "en")
        assert found.sentence != english.sentence and asked.text != english.question.text
        assert len(asked.answers) == len(english.question.answers)


def test_that_every_lesson_that_is_written_can_be_found_and_stands_in_the_list_once() -> None:
    listed = [key for group in outline().values() for key in group]
    assert len(listed) == len(set(listed))
    assert {FIRST, *listed} == keys()
    for key in keys():
        assert languages(key) == set(LANGUAGES)


@pytest.mark.parametrize("key", sorted(keys()))
def test_that_every_lesson_has_an_example_with_the_numbers_of_the_network(key: str) -> None:
    found = example_of(key)(material())
    assert found.lines and all(line.strip() for line in found.lines)
    assert any(character.isdigit() for line in found.lines for character in line)
    assert found.pictures
    if key != FIRST and key.partition(".")[0] not in ("loss", "input_saliency", "schedule"):
        # Other weights, other numbers: nothing is made up beforehand.
        other = material(
            weights=3 * material().weights + 0.1, scores=material().weights ** 2, figures=None, baseline=None
        )
        if key != "step.prune":
            assert _told(example_of(key)(other)) != _told(found) or key in _OF_THE_GRAPH


_OF_THE_GRAPH = {
    "scope.layer", "scope.global", "setting.filters", "setting.remove", "setting.weight_bits", "setting.codebook",
    "calibrator.minmax", "calibrator.percentile", "calibrator.ema", "calibrator.mse", "calibrator.entropy",
    "format.onnx", "format.onnx-int8", "format.c99", "format.pt2", "format.penjingnet", "step.distill",
    "step.finetune", "setting.nm",
}  # fmt: skip
"""Examples made of the whole network, of its data or of its answers, not of the layer's weights alone."""


def _told(found: Worked) -> tuple[str, ...]:
    return found.lines


@pytest.mark.parametrize("key", sorted(keys()))
def test_that_try_it_is_a_plan_that_holds_or_a_page(key: str) -> None:
    plan = tried(key, Plan(), LAYER)
    kind, _, id = key.partition(".")
    if kind in PAGES:
        assert plan is None
        return
    assert plan is not None
    require_known_layers(plan, GRAPH)
    if kind not in ("format", "step") and key != "loss.soft_label":  # a plan teaches with soft labels to begin with
        assert plan != Plan()
    if kind in ("criterion", "filter_criterion", "scheme", "granularity", "rounding"):
        settings = plan.settings(LAYER)
        cuts = settings.filters > 0 and settings.filter_criterion == id
        assert getattr(settings, kind) == id or cuts
    if kind in ("step", "loss"):
        assert (id if kind == "step" else "distill") in [step.step for step in plan.steps]


def test_that_a_step_is_put_where_it_belongs() -> None:
    names = [step.step for step in tried("step.repair", Plan(), LAYER).steps]  # type: ignore[union-attr]
    assert names == ["prune", "repair", "bn_reestimate", "quantize", "distill"]
    names = [step.step for step in tried("variant.lsq", Plan(), LAYER).steps]  # type: ignore[union-attr]
    assert names == ["prune", "bn_reestimate", "quantize", "qat", "distill"]


def test_that_the_course_takes_about_45_minutes_and_leads_through_lessons_that_exist() -> None:
    assert course("en")[0].lesson == FIRST
    for language in LANGUAGES:
        steps = course(language)
        assert 40 <= sum(step.minutes for step in steps) <= 50
        assert {step.lesson for step in steps} <= keys()
        assert {step.sample for step in steps} <= {"digits", "watch"}
        assert all(step.task.strip() for step in steps)
    assert [step.task for step in course("en")] != [step.task for step in course("zh_CN")]


def test_that_the_first_lesson_has_the_golden_numbers() -> None:
    # METHODS §5.
    found = example_of(FIRST)(material())
    grid = {picture.title: picture for picture in found.pictures}
    assert grid["q, 8 bit"].values.tolist() == [[36, -18, 91], [54, 127, -36], [-73, 18, 109]]  # type: ignore[union-attr]
    assert grid["W′, θ = 0.3"].values.tolist() == [[0, 0, 0.5], [0.3, 0.7, 0], [-0.4, 0, 0.6]]  # type: ignore[union-attr]
    told = "\n".join(found.lines)
    assert "4 of 9" in told and "0.0055118" in told and "0.0023622" in told and "48.50 dB" in told


def test_that_soft_labels_are_counted_as_by_hand() -> None:
    # METHODS §5: z_t = [2, 1, .1], z_s = [1, 1.5, .2], y = 0.
    plan = Plan()
    assert plan.distillation.soft_label == 0.7 and plan.distillation.temperature == 4.0
    told = "\n".join(example_of("loss.soft_label")(material(plan=plan)).lines)
    for number in ("KL = 0.242", "KL = 0.0138", "T²·KL = 0.221", "CE = 1.13", "= 0.494"):
        assert number in told, (number, told)


def test_that_half_of_the_weights_go_and_ties_fall_to_the_first() -> None:
    found = example_of("criterion.magnitude")(material(weights=NINE, scores=np.abs(NINE)))
    gone = found.pictures[2].gone  # type: ignore[union-attr]
    # round_half_even(0.5 · 9) = 4: the two of 0.1, then the two of 0.2.
    assert gone is not None and gone.astype(int).tolist() == [[1, 1, 0], [0, 0, 1], [0, 1, 0]]


def test_that_the_three_weights_of_a_rounding_are_those_that_gptq_rounds_better() -> None:
    from penjing_gui.learn import worked_quantization as made

    moments = np.array([[1.0, 0.9, 0.9], [0.9, 1.0, 0.9], [0.9, 0.9, 1.0]])
    alike = np.array([0.3, 0.3, 0.3])  # nothing to make up for: each lies on the grid
    telling = np.array([0.45, 0.45, 1.0])
    chosen = made.telling_triple(np.array([[*alike, *alike], [*alike, *telling]]), moments)
    assert np.array_equal(chosen, telling)
    nearest, scale = made.round_nearest(chosen)
    in_turn = made.round_in_turn(chosen, scale, moments)
    assert not np.array_equal(nearest, in_turn)
    assert made.output_error(chosen, scale * in_turn, moments) < made.output_error(chosen, scale * nearest, moments)
    assert np.array_equal(made.telling_triple(np.array([alike]), moments), alike)


def test_that_roundings_are_never_worse_the_more_they_look_at() -> None:
    from penjing_gui.learn import worked_quantization as made

    random = np.random.default_rng(1)
    for _ in range(20):
        row = random.normal(size=3)
        inputs = random.normal(size=(50, 6)) + random.normal(size=(50, 1))
        moments = made.second_moments(inputs)
        nearest, scale = made.round_nearest(row)
        best = made.best_rounding(row, scale, moments)
        errors = [made.output_error(row, scale * grid, moments) for grid in (best, nearest)]
        assert errors[0] <= errors[1] + 1e-12


def test_that_a_repaired_row_is_the_least_squares_answer() -> None:
    from penjing_gui.learn.worked_training import least_squares

    random = np.random.default_rng(0)
    inputs = random.normal(size=(200, 3)) @ random.normal(size=(3, 3))
    row = np.array([0.5, -0.2, 0.9])
    # What numpy finds for the two weights that stay, from the samples themselves.
    wanted = np.linalg.lstsq(inputs[:, [0, 2]], inputs @ row, rcond=None)[0]
    found = least_squares(row, 1, inputs.T @ inputs / 200)
    np.testing.assert_allclose(found[[0, 2]], wanted, rtol=1e-9)
    assert found[1] == 0


def test_that_ranges_are_those_of_the_calibrators() -> None:
    from penjing_gui.learn.worked_quantization import ranges

    batches = np.stack([np.full((1,), value) for value in (1.0, 2.0, 4.0, 10.0)])
    found = ranges(batches)
    assert found["minmax"] == (0.0, 10.0)
    # By hand: 1, then .9·1 + .1·2 = 1.1, .9·1.1 + .1·4 = 1.39, .9·1.39 + 1 = 2.251.
    assert found["ema"][1] == pytest.approx(2.251)
