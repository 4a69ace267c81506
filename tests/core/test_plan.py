"""The plan: what it accepts, what it refuses and in which words, and what its hash means."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penjing.errors import UserError
from penjing.plan import Plan, Settings, plan_from_json, read_plan

# The plan of the design document, key by key.
DESIGN_PLAN: dict[str, Any] = {
    "schema_version": 1,
    "defaults": {
        "sparsity": 0.0, "threshold": None, "criterion": "magnitude", "scope": "layer", "nm": None,
        "filters": 0.0, "filter_threshold": None, "filter_criterion": "l1", "keep": [], "cut": [], "remove": False,
        "locked": False, "weight_bits": 32, "activation_bits": 32, "scheme": "symmetric",
        "granularity": "per_channel", "calibrator": "minmax", "rounding": "nearest", "codebook": None,
        "equalize": False, "bias_correction": False, "schedule": "once",
    },
    "layers": {"conv2": {"sparsity": 0.5, "weight_bits": 4}},
    "pipeline": ["prune", "bn_reestimate", "quantize", "distill"],
    "distillation": {
        "soft_label": 0.7, "temperature": 4.0, "feature": 0.0, "attention": 0.0, "pairs": [], "teacher": "original",
        "student": "compressed", "epochs": 5, "lr": 0.001, "batch_size": 64, "seed": 0,
        "shift": 0,
    },
}  # fmt: skip


def test_that_the_plan_of_the_design_is_read_and_its_values_are_the_defaults() -> None:
    plan = plan_from_json(DESIGN_PLAN)
    assert plan.as_json() == DESIGN_PLAN
    without_layers = plan_from_json({"schema_version": 1})
    assert without_layers.as_json() == DESIGN_PLAN | {"layers": {}}


def test_that_a_layer_overrides_only_what_it_sets() -> None:
    plan = plan_from_json({"defaults": {"activation_bits": 8}, "layers": {"a": {"weight_bits": 4}}})
    assert plan.settings("a") == Settings(weight_bits=4, activation_bits=8)
    assert plan.settings("b") == Settings(activation_bits=8)


@pytest.mark.parametrize(
    ("defaults", "own", "expected"),
    [
        ({"threshold": 0.3}, {"sparsity": 0.5}, (0.5, None)),
        ({"sparsity": 0.4}, {"threshold": 0.1}, (0.0, 0.1)),
        ({"sparsity": 0.4, "threshold": 0.3}, {"sparsity": 0.2, "threshold": 0.1}, (0.2, 0.1)),
        ({"sparsity": 0.4, "threshold": 0.3}, {"weight_bits": 8}, (0.4, 0.3)),
    ],
)
def test_that_a_sparsity_or_threshold_of_its_own_replaces_both_defaults(
    defaults: dict[str, float], own: dict[str, float], expected: tuple[float, float | None]
) -> None:
    settings = plan_from_json({"defaults": defaults, "layers": {"a": own}}).settings("a")
    assert (settings.sparsity, settings.threshold) == expected


@pytest.mark.parametrize(
    ("raw", "code", "named"),
    [
        ({"layers": {"conv1": {"sparsty": 1}}}, "plan.unknown_key", "layers.conv1.sparsty"),
        ({"distilation": {}}, "plan.unknown_key", "distilation"),
        ({"defaults": {"weight_bits": 9}}, "plan.out_of_range", "defaults.weight_bits"),
        ({"defaults": {"sparsity": 1.01}}, "plan.out_of_range", "defaults.sparsity"),
        ({"layers": {"a": {"filters": -0.1}}}, "plan.out_of_range", "layers.a.filters"),
        ({"layers": {"a": {"filters": "half"}}}, "plan.wrong_type", "layers.a"),
        ({"defaults": {"criterion": "luck"}}, "plan.unknown_method", "luck"),
        ({"pipeline": ["prune", "polish"]}, "plan.unknown_method", "polish"),
        ({"pipeline": [{"step": "prune", "how": 1}]}, "plan.wrong_type", "how"),
        ({"pipeline": [{"step": "qat", "method": "sst"}]}, "plan.unknown_method", "pipeline[0].method"),
        (
            {"pipeline": ["prune", {"step": "bn_reestimate", "method": "ste"}]},
            "plan.unknown_method",
            "pipeline[1].method",
        ),
        ({"pipeline": [{"step": "prune", "method": "lsq"}]}, "plan.unknown_method", "lsq"),
        ({"schema_version": 2}, "plan.schema_version", "2"),
        ({"schema_version": True}, "plan.schema_version", "True"),
        ({"layers": []}, "plan.wrong_type", "layers"),
        ([], "plan.wrong_type", "object"),
        ({"distillation": {"temperature": 0}}, "plan.out_of_range", "distillation.temperature"),
        ({"defaults": {"threshold": float("nan")}}, "plan.out_of_range", "defaults.threshold"),
        ({"defaults": {"nm": [4, 2]}}, "plan.out_of_range", "defaults.nm"),
    ],
)
def test_that_a_wrong_plan_is_refused_with_a_message_that_names_the_place(raw: Any, code: str, named: str) -> None:
    with pytest.raises(UserError) as caught:
        plan_from_json(raw)
    assert caught.value.code == code
    assert named in caught.value.message()


def test_that_a_byte_order_mark_is_passed_over() -> None:
    text = Plan().with_layer("conv1", sparsity=0.5).to_json()
    assert read_plan(b"\xef\xbb\xbf" + text.encode()) == read_plan("\ufeff" + text) == read_plan(text)


def test_that_text_that_is_not_json_is_refused() -> None:
    for content in ("", "{", "[" * 100_000, b"\xff\xfe", '{"defaults": {"sparsity": NaN}}'):
        with pytest.raises(UserError) as caught:
            read_plan(content)
        assert caught.value.code == "plan.not_json"


def test_that_the_variants_of_steps_are_accepted() -> None:
    pipeline = [{"step": "qat", "method": name} for name in ("ste", "lsq")]
    pipeline += [{"step": "bn_reestimate", "method": "differential"}, {"step": "qat"}, {"step": "prune"}]
    assert [step.method for step in plan_from_json({"pipeline": pipeline}).steps] == [
        "ste", "lsq", "differential", None, None,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("content", "key"),
    [
        ('{"layers": {"conv2": {"sparsity": 0.1}, "conv2": {"sparsity": 0.9}}}', "conv2"),
        ('{"defaults": {"filters": 0.1, "filters": 0.2}}', "filters"),
        (b'{"pipeline": [], "pipeline": ["prune"]}', "pipeline"),
    ],
)
def test_that_a_key_given_twice_is_refused_and_not_half_lost(content: str | bytes, key: str) -> None:
    with pytest.raises(UserError) as caught:
        read_plan(content)
    assert caught.value.code == "plan.repeated_key" and key in caught.value.message()


def test_that_the_hash_depends_on_the_values_and_not_on_how_they_were_written() -> None:
    one = read_plan('{"layers": {"a": {"filters": 0.5}, "b": {"weight_bits": 4}}}')
    other = read_plan(
        '{"schema_version": 1, "layers": {"b": {"weight_bits": 4}, "a": {"filters": 0.50}}, "defaults": {}}'
    )
    assert one.hash == other.hash
    assert one.hash != one.with_layer("a", filters=0.25).hash


def test_that_edits_give_new_plans_and_leave_the_old_one() -> None:
    plan = Plan()
    edited = plan.with_layer("a", sparsity=0.5).with_defaults(weight_bits=8)
    assert (edited.settings("a").sparsity, edited.settings("a").weight_bits) == (0.5, 8)
    assert plan == Plan()
    with pytest.raises(UserError):
        plan.with_layer("a", sparsity=2.0)


@given(
    st.dictionaries(
        st.text(max_size=20),
        st.fixed_dictionaries(
            {},
            optional={
                "sparsity": st.floats(0, 1),
                "weight_bits": st.sampled_from([2, 4, 8, 32]),
                "locked": st.booleans(),
                "keep": st.lists(st.integers(0, 9), max_size=3),
            },
        ),
        max_size=4,
    )
)
def test_that_every_plan_survives_its_file(layers: dict[str, Any]) -> None:
    plan = plan_from_json({"layers": layers})
    again = read_plan(plan.to_json())
    assert again == plan
    assert again.hash == plan.hash
    assert json.loads(plan.to_json())["layers"] == json.loads(json.dumps(layers))
