"""The catalogue holds every choice that a plan offers, once."""

from typing import get_args

import pytest

from penjing.catalogue.method import Kind
from penjing.catalogue.methods import METHODS, methods, variants
from penjing.errors import UserError
from penjing.plan import Plan, Schedule, Scope, Settings, Step, plan_from_json


def test_that_every_method_is_declared_once_and_has_a_title() -> None:
    named = [(method.kind, method.id) for method in METHODS]
    assert len(set(named)) == len(named)
    assert {kind for kind, _ in named} == set(get_args(Kind))
    assert all(method.title for method in METHODS)


def test_that_the_choices_of_a_plan_are_those_of_the_catalogue() -> None:
    assert set(methods("scope")) == set(get_args(Scope))
    assert set(methods("schedule")) == set(get_args(Schedule))
    assert set(methods("setting")) <= set(Settings.__struct_fields__)
    for kind in ("criterion", "filter_criterion", "scheme", "granularity", "calibrator", "rounding"):
        for id_ in methods(kind):  # type: ignore[arg-type]
            assert getattr(Plan().with_defaults(**{kind: id_}).defaults, kind) == id_


def test_that_the_variants_of_the_catalogue_are_what_a_step_accepts() -> None:
    assert {method.step for method in methods("variant").values()} <= set(methods("step"))
    for step in methods("step"):
        for variant in methods("variant"):
            raw = {"pipeline": [{"step": step, "method": variant}]}
            if variant in variants(step):
                assert plan_from_json(raw).steps == (Step(step=step, method=variant),)
            else:
                with pytest.raises(UserError) as raised:
                    plan_from_json(raw)
                assert raised.value.code == "plan.unknown_method"


def test_that_who_looks_at_gradients_says_that_it_needs_data() -> None:
    assert all("data" in method.needs for method in METHODS if "gradients" in method.needs)
