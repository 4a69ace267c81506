"""What check notices in a plan, and what it leaves alone."""

import msgspec
import pytest
import torch
from torch import nn

from penjing import assets
from penjing.compression.equalization import equalize
from penjing.compression.folding import fold_batch_norm
from penjing.compression.integer_graph import IntegerNode
from penjing.compression.lowering import lower
from penjing.devices.profiles import device
from penjing.errors import UserError
from penjing.estimation.gathering import tables_for
from penjing.inspection.graph import layer_graph
from penjing.model.modules import Add, Divide, Elementary
from penjing.plan import Plan
from penjing.planning.check import Problem, check, merged, require_known_layers
from tests.support.calibration import quantized
from tests.support.networks import NETWORKS, network

FC = nn.Linear(64, 4)
NRF, PI = device("nrf52840"), device("raspberry-pi-4")
DENSE = msgspec.structs.replace(NRF, sparse_storage=(), kernel_bytes=2_253)
"""The same chip with a runtime that stores every weight."""
PLAIN = layer_graph(NETWORKS["plain"](0))
RESIDUAL = layer_graph(NETWORKS["residual"](0))


def codes(problems: tuple[Problem, ...]) -> list[tuple[str, str | None]]:
    return [(problem.code, problem.layer) for problem in problems]


def test_that_a_plan_that_asks_for_nothing_and_one_that_is_right_have_no_problems() -> None:
    assert check(Plan(), PLAIN, device=NRF) == ()
    right = Plan().with_defaults(weight_bits=8, activation_bits=8).with_layer("conv1", filters=0.25)
    assert check(right, PLAIN, device=NRF) == ()


def test_that_unknown_layers_are_named_with_the_known_ones() -> None:
    plan = Plan().with_layer("conv9", sparsity=0.5)
    assert codes(check(plan, PLAIN)) == [("check.unknown_layer", "conv9")]
    with pytest.raises(UserError) as refused:
        require_known_layers(plan, PLAIN)
    assert refused.value.code == "plan.unknown_layer"
    assert "'conv9'" in refused.value.message() and "conv1, conv2, fc1, fc2" in refused.value.message()
    require_known_layers(Plan().with_layer("conv1", sparsity=0.5).with_layer("relu1", locked=True), PLAIN)


@pytest.mark.parametrize(
    ("settings", "code"),
    [
        ({"sparsity": 0.5, "locked": True}, "check.locked"),
        ({"sparsity": 0.0001}, "check.no_zeros"),
        ({"sparsity": 1.0}, "check.all_zeros"),
        ({"filters": 0.01}, "check.no_filters"),
        ({"nm": (2, 4), "locked": True}, "check.locked"),
        ({"cut": (99,)}, "check.no_such_filter"),
        ({"codebook": 256}, "check.codebook_too_large"),
        ({"remove": True}, "check.cannot_remove"),
    ],
)
def test_that_settings_of_a_layer_that_do_nothing_or_cannot_be_are_found(
    settings: dict[str, object], code: str
) -> None:
    # Another layer is really pruned: a plan that removes nothing at all is an error of its own.
    plan = Plan().with_layer("conv1", **settings).with_layer("fc1", sparsity=0.5)
    assert codes(check(plan, PLAIN)) == [(code, "conv1")]


def test_that_what_a_device_does_not_gain_from_is_said() -> None:
    assert codes(check(Plan().with_layer("fc1", sparsity=0.5), PLAIN, device=DENSE)) == [
        ("check.zeros_save_nothing", "fc1")
    ]
    sparse = msgspec.structs.replace(DENSE, sparse_storage=("bitmask",))
    assert check(Plan().with_layer("fc1", sparsity=0.5), PLAIN, device=sparse) == ()
    # C stores a kept weight in two bytes: with half of them nothing is won, nor with three quarters of 4 bits.
    few = Plan().with_layer("fc1", sparsity=0.5)
    assert codes(check(few, PLAIN, device=NRF)) == [("check.zeros_too_few", "fc1")]
    assert check(Plan().with_layer("fc1", sparsity=0.6), PLAIN, device=NRF) == ()
    few = Plan().with_layer("fc1", sparsity=0.7, weight_bits=4)
    assert codes(check(few, PLAIN, device=NRF)) == [("check.zeros_too_few", "fc1")]
    wider = check(Plan().with_layer("fc1", weight_bits=3), PLAIN, device=NRF)
    assert codes(wider) == [("check.bits_stored_wider", "fc1")]
    assert wider[0].values == {"layer": "fc1", "bits": 3, "stored": 4, "device": "nrf52840"}
    assert check(Plan().with_layer("fc1", weight_bits=4), PLAIN, device=NRF) == ()


def test_that_filters_of_the_output_and_of_a_locked_group_are_found() -> None:
    output = Plan().with_layer("fc2", filters=0.5)
    assert codes(check(output, PLAIN)) == [("check.nothing_removed", None), ("check.output_filters", "fc2")]
    # stem and a2 meet in a sum: a lock on either keeps both.
    plan = Plan().with_layer("stem", filters=0.5).with_layer("a2", locked=True).with_layer("b1", filters=0.5)
    assert codes(check(plan, RESIDUAL)) == [("check.group_locked", "stem")]


def test_that_where_filters_meet_channels_that_cannot_be_cut_is_named() -> None:
    # The first convolution is added to the network's own input, whose channels nobody can cut; the second, behind a
    # ReLU, is all the network says.
    model = network(
        (3, 4, 4),
        [
            ("a", nn.Conv2d(3, 3, 1), ""),
            ("relu", nn.ReLU(), ""),
            ("sum", Add(), "relu x"),
            ("b", nn.Conv2d(3, 5, 1), ""),
            ("last", nn.ReLU(), ""),
        ],
    )
    found = check(Plan().with_defaults(filters=0.5), layer_graph(model))
    told = {(one.code, one.layer, one.values.get("by")) for one in found if one.layer}
    assert told == {("check.filters_fixed", "a", "sum"), ("check.output_filters", "b", None)}
    assert "'sum'" in assets.text("check.filters_fixed", layer="a", by="sum")


def test_that_a_layer_that_cannot_follow_the_defaults_is_noted_with_its_reason() -> None:
    (found,) = check(Plan().with_defaults(filters=0.3), PLAIN)
    assert (found.level, found.code, found.layer) == ("note", "check.output_filters", "fc2")


def test_that_layers_without_an_integer_form_are_noted() -> None:
    model = network(
        (3, 4, 4),
        [
            ("conv", nn.Conv2d(3, 4, 1), ""),
            ("logs", Elementary("softplus"), ""),
            ("over", Divide(), "conv logs"),
            ("norm", nn.LayerNorm(4), ""),
            ("flat", nn.Flatten(), ""),
            ("fc", FC, ""),
        ],
    )
    found = check(Plan().with_defaults(weight_bits=8, activation_bits=8), layer_graph(model))
    assert [(one.level, *pair) for one, pair in zip(found, codes(found), strict=True)] == [
        ("note", "check.float_layer", "over"),
        ("note", "check.other_weights", "norm"),
    ]
    assert not {node.name for node in lower(quantized(model)).nodes if isinstance(node, IntegerNode)} & {"over"}


def test_that_activations_of_sixteen_bits_say_which_files_carry_them() -> None:
    plan = Plan().with_defaults(weight_bits=8).with_layer("conv1", activation_bits=16)
    (found,) = [one for one in check(plan, PLAIN) if one.code == "check.not_in_c"]
    assert (found.level, found.layer, found.values["bits"]) == ("note", "conv1", 16)
    levels = {one.code: one.level for one in check(plan, PLAIN, device=device("nrf52840"))}
    assert levels["check.not_in_c"] == levels["check.activation_bits"] == "warning"


def test_that_a_layer_that_stays_float_though_it_has_bits_is_found() -> None:
    eight = {"weight_bits": 8, "activation_bits": 8}
    assert codes(check(Plan().with_defaults(activation_bits=8), PLAIN)) == [
        ("check.float_weights", name) for name in ("conv1", "conv2", "fc1", "fc2")
    ]
    plan = Plan().with_layer("conv2", **eight)
    assert codes(check(plan, PLAIN)) == [("check.float_input", "conv2")]
    assert codes(check(Plan().with_layer("conv2", weight_bits=8, scheme="float16"), PLAIN)) == [
        ("quantize.float16_bits", "conv2")
    ]


def test_that_a_gradual_schedule_needs_a_training_step_after_the_cut() -> None:
    cubic = Plan().with_defaults(sparsity=0.5, schedule="cubic")
    assert check(cubic, PLAIN) == ()
    for pipeline in (("prune",), ("finetune", "prune")):
        plan = msgspec.structs.replace(cubic, pipeline=pipeline)
        assert codes(check(plan, PLAIN)) == [("check.cubic_at_once", None)]
    idle = msgspec.structs.replace(cubic, distillation=msgspec.structs.replace(cubic.distillation, epochs=0))
    assert codes(check(idle, PLAIN)) == [("check.cubic_at_once", None)]


def test_that_cuts_that_all_round_to_nothing_are_an_error_and_some_a_warning() -> None:
    nothing = Plan().with_layer("conv1", sparsity=0.0001, filters=0.01)
    assert codes(check(nothing, PLAIN))[0] == ("check.nothing_removed", None)
    some = nothing.with_layer("conv2", sparsity=0.5)
    assert ("check.nothing_removed", None) not in codes(check(some, PLAIN))
    # Of 10 % of 8, 12 and 10 channels in each layer one goes; all layers together lose three.
    assert codes(check(Plan().with_defaults(filters=0.1), PLAIN)) == [
        ("check.no_filters", "conv1"),
        ("check.output_filters", "fc2"),
    ]
    assert ("check.nothing_removed", None) in codes(check(Plan().with_defaults(filters=0.03, scope="global"), PLAIN))


def test_that_thresholds_below_every_score_are_found_where_the_scores_are_known() -> None:
    plan = Plan().with_layer("conv1", threshold=1e-9).with_layer("conv2", filter_threshold=1e-9)
    assert check(plan, PLAIN) == ()  # they may remove something: nobody has looked
    tables = tables_for(NETWORKS["plain"](0), PLAIN, plan)
    assert codes(check(plan, PLAIN, tables=tables)) == [
        ("check.nothing_below", "conv1"),
        ("check.no_filters_below", "conv2"),
    ]
    high = Plan().with_layer("conv1", threshold=1.0).with_layer("conv2", filter_threshold=1e9)
    assert check(high, PLAIN, tables=tables_for(NETWORKS["plain"](0), PLAIN, high)) == ()


def test_that_n_of_m_that_keeps_all_is_found() -> None:
    depthwise = layer_graph(NETWORKS["depthwise"](0))
    plan = Plan().with_layer("dw", nm=(2, 4)).with_layer("pw", nm=(2, 4))
    assert codes(check(plan, depthwise)) == [("check.nm_keeps_all", "dw")]


def test_that_what_is_said_of_several_layers_is_said_once() -> None:
    found = merged(check(Plan().with_defaults(sparsity=0.5), PLAIN, device=DENSE))
    assert [(one.code, one.values["layer"]) for one in found] == [
        ("check.zeros_save_nothing", "conv1, conv2, fc1, fc2")
    ]


def test_that_layers_without_filters_are_told_from_those_with() -> None:
    found = check(Plan().with_layer("relu1", sparsity=0.5), PLAIN)
    assert codes(found) == [("check.not_compressible", "relu1")]


def test_that_settings_without_their_step_are_found() -> None:
    plan = msgspec.structs.replace(Plan().with_defaults(sparsity=0.5, weight_bits=8), pipeline=("distill",))
    assert codes(check(plan, PLAIN)) == [("check.no_prune_step", None), ("check.no_quantize_step", None)]


def test_that_every_problem_has_a_text_in_both_languages_that_its_values_fill() -> None:
    plan = (
        Plan()
        .with_layer("conv9", sparsity=0.5)
        .with_layer("conv1", sparsity=0.0001, weight_bits=3, activation_bits=6, filters=0.01, cut=(99,), codebook=4)
        .with_layer("conv2", sparsity=1.0, remove=True)
        .with_layer("fc1", sparsity=0.5, locked=True)
        .with_layer("fc2", filters=0.5)
        .with_layer("relu1", sparsity=0.5)
    )
    found = check(plan, PLAIN, device=NRF)
    assert len({problem.code for problem in found}) >= 11
    for problem in found:
        for language in assets.LANGUAGES:
            told = assets.text(problem.code, language=language, **problem.values)
            assert problem.code not in told and "{" not in told


@pytest.mark.parametrize("name", NETWORKS)
def test_that_check_names_the_layers_that_equalization_leaves_as_they_are(name: str) -> None:
    model = fold_batch_norm(NETWORKS[name](0))
    names = {layer.name for layer in layer_graph(model).compressible}
    equal = equalize(model, names)
    moved = {layer for layer in names if not torch.equal(equal.weight(layer), model.weight(layer))}
    plan = Plan().with_defaults(weight_bits=8, equalize=True)
    told = {one.layer for one in check(plan, layer_graph(NETWORKS[name](0))) if one.code == "check.not_equalized"}
    assert told == names - moved


def test_that_filters_too_wide_for_gptq_are_told() -> None:
    model = network((5000,), [("wide", nn.Linear(5000, 4), ""), ("narrow", nn.Linear(4, 2), "")])
    plan = Plan().with_defaults(weight_bits=4, rounding="gptq")
    (found,) = [one for one in check(plan, layer_graph(model)) if one.code == "check.rounded_to_nearest"]
    assert (found.layer, found.level) == ("wide", "note")
    assert found.values == {"layer": "wide", "rounding": "gptq", "columns": 5000, "most": 4096}
    rounded = [quantized(model, weight_bits=4, activation_bits=32, rounding=how) for how in ("gptq", "nearest")]
    assert torch.equal(rounded[0].weight("wide"), rounded[1].weight("wide"))
    assert not torch.equal(rounded[0].weight("narrow"), rounded[1].weight("narrow"))
