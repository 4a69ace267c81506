"""What check notices in a plan, and what it leaves alone."""

import msgspec
import pytest

from penjing import assets
from penjing.devices.profiles import device
from penjing.errors import UserError
from penjing.inspection.graph import layer_graph
from penjing.plan import Plan
from penjing.planning.check import Problem, check, require_known_layers
from tests.support.networks import NETWORKS

NRF, PI = device("nrf52840"), device("raspberry-pi-4")
PLAIN = layer_graph(NETWORKS["plain"](0))
RESIDUAL = layer_graph(NETWORKS["residual"](0))


def codes(problems: tuple[Problem, ...]) -> list[tuple[str, str | None]]:
    return [(problem.code, problem.layer) for problem in problems]


def test_that_a_plan_that_asks_for_nothing_and_one_that_is_right_have_no_problems() -> None:
    assert check(Plan(), PLAIN, device=NRF) == ()
    right = Plan().with_defaults(weight_bits=8, activation_bits=8, filters=0.25)
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
        ({"cut": (99,)}, "check.no_such_filter"),
        ({"codebook": 256}, "check.codebook_too_large"),
        ({"remove": True}, "check.cannot_remove"),
    ],
)
def test_that_settings_of_a_layer_that_do_nothing_or_cannot_be_are_found(
    settings: dict[str, object], code: str
) -> None:
    assert codes(check(Plan().with_layer("conv1", **settings), PLAIN)) == [(code, "conv1")]


def test_that_what_a_device_does_not_gain_from_is_said() -> None:
    assert codes(check(Plan().with_layer("fc1", sparsity=0.5), PLAIN, device=NRF)) == [
        ("check.zeros_save_nothing", "fc1")
    ]
    sparse = msgspec.structs.replace(NRF, sparse_storage=("bitmask",))
    assert check(Plan().with_layer("fc1", sparsity=0.5), PLAIN, device=sparse) == ()
    wider = check(Plan().with_layer("fc1", weight_bits=3), PLAIN, device=NRF)
    assert codes(wider) == [("check.bits_stored_wider", "fc1")]
    assert wider[0].values == {"layer": "fc1", "bits": 3, "stored": 4, "device": "nrf52840"}
    assert check(Plan().with_layer("fc1", weight_bits=4), PLAIN, device=NRF) == ()


def test_that_filters_of_the_output_and_of_a_locked_group_are_found() -> None:
    assert codes(check(Plan().with_layer("fc2", filters=0.5), PLAIN)) == [("check.output_filters", "fc2")]
    # stem and a2 meet in a sum: a lock on either keeps both.
    plan = Plan().with_layer("stem", filters=0.5).with_layer("a2", locked=True)
    assert codes(check(plan, RESIDUAL)) == [("check.group_locked", "stem")]


def test_that_defaults_that_a_layer_cannot_follow_are_no_problem() -> None:
    assert check(Plan().with_defaults(filters=0.3), PLAIN) == ()


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
