"""What "Try it" does: an edit of the plan for the layer that is shown; or the page where there is nothing to edit.

>>> from penjing.plan import Plan
>>> tried("scheme.affine", Plan(), "conv1").settings("conv1").scheme
'affine'
"""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from penjing.plan import Plan, Step, checked
from penjing_gui.edits import for_all, for_layers

PAGES: Mapping[str, str] = {"input_saliency": "explore"}
"""Kinds that change no plan, and the page that shows them."""
_OF_FILTERS = frozenset({"l1", "l2", "geometric_median"})
"""Norms of filters: what they are for is to cut whole ones."""
_HALF, _QUARTER = 0.5, 0.25
_ORDER = ("prune", "repair", "bn_reestimate", "finetune", "quantize", "qat", "distill")
"""Where a step is put that the plan does not have yet."""
_SETTINGS: Mapping[str, Mapping[str, Any]] = {
    "filters": {"filters": _QUARTER},
    "nm": {"nm": (2, 4)},
    "remove": {"remove": True},
    "codebook": {"codebook": 16},
    "equalize": {"equalize": True, "weight_bits": 8, "granularity": "per_tensor"},
    "bias_correction": {"bias_correction": True, "weight_bits": 4},
    "weight_bits": {"weight_bits": 4},
}
_FORMATS: Mapping[str, Mapping[str, Any]] = {
    "onnx": {"weight_bits": 32, "activation_bits": 32, "codebook": None},
    "onnx-int8": {"weight_bits": 8, "activation_bits": 8, "codebook": None},
    "c99": {"weight_bits": 8, "activation_bits": 8, "codebook": None},
    "pt2": {"weight_bits": 32, "activation_bits": 32, "codebook": None},
    "penjingnet": {"codebook": 16},
}
_LOSSES: Mapping[str, Mapping[str, Any]] = {
    "soft_label": {"soft_label": 0.7, "temperature": 4.0},
    "cross_entropy": {"soft_label": 0.0},
    "feature": {"feature": 1.0},
    "attention": {"attention": 1.0},
}


def tried(key: str, plan: Plan, layer: str) -> Plan | None:
    """The plan in which the method of a lesson can be seen; None where a page shows it and no plan changes.

    Raises:
        UserError: The plan cannot be changed so.
    """
    kind, _, id = key.partition(".")
    if kind in PAGES:
        return None
    if kind == "matrix":
        return for_layers(plan, [layer], {"criterion": "magnitude", "sparsity": _HALF})
    return _TRIES[kind](plan, layer, id)


def _criterion(plan: Plan, layer: str, id: str) -> Plan:
    if id in _OF_FILTERS:
        return _filter_criterion(plan, layer, id)
    return _changed(plan, layer, criterion=id, sparsity=max(plan.settings(layer).sparsity, _HALF))


def _filter_criterion(plan: Plan, layer: str, id: str) -> Plan:
    return _changed(plan, layer, filter_criterion=id, filters=max(plan.settings(layer).filters, _QUARTER))


def _scope(plan: Plan, layer: str, id: str) -> Plan:
    return for_all(plan, {"scope": id, "sparsity": _HALF})


def _schedule(plan: Plan, layer: str, id: str) -> Plan:
    return for_all(plan, {"schedule": id, "sparsity": max(plan.defaults.sparsity, _HALF)})


def _setting(plan: Plan, layer: str, id: str) -> Plan:
    return _changed(plan, layer, **_SETTINGS[id])


def _scheme(plan: Plan, layer: str, id: str) -> Plan:
    bits = 16 if id == "float16" else _low(plan, layer)
    return _changed(plan, layer, scheme=id, weight_bits=bits)


def _granularity(plan: Plan, layer: str, id: str) -> Plan:
    return _changed(plan, layer, granularity=id, weight_bits=_low(plan, layer))


def _calibrator(plan: Plan, layer: str, id: str) -> Plan:
    return for_all(plan, {"calibrator": id, "activation_bits": 8})


def _rounding(plan: Plan, layer: str, id: str) -> Plan:
    return _changed(plan, layer, rounding=id, weight_bits=_low(plan, layer))


def _step(plan: Plan, layer: str, id: str) -> Plan:
    if any(step.step == id for step in plan.steps):
        return plan
    places = [_ORDER.index(step.step) if step.step in _ORDER else len(_ORDER) for step in plan.steps]
    at = sum(place <= _ORDER.index(id) for place in places)
    return _with_steps(plan, (*plan.pipeline[:at], id, *plan.pipeline[at:]))


def _variant(plan: Plan, layer: str, id: str) -> Plan:
    step = "bn_reestimate" if id == "differential" else "qat"
    plan = _step(plan, layer, step)
    chosen = Step(step=step, method=id)
    return _with_steps(plan, tuple(chosen if one.step == step else one for one in plan.steps))


def _loss(plan: Plan, layer: str, id: str) -> Plan:
    teaching = msgspec.structs.replace(plan.distillation, **_LOSSES[id])
    return _step(checked(msgspec.structs.replace(plan, distillation=teaching)), layer, "distill")


def _format(plan: Plan, layer: str, id: str) -> Plan:
    return for_all(plan, _FORMATS[id])


def _idea(plan: Plan, layer: str, id: str) -> Plan:
    """Whatever quantizes folds first."""
    return _step(_changed(plan, layer, weight_bits=_low(plan, layer)), layer, "quantize")


_TRIES: Mapping[str, Callable[[Plan, str, str], Plan]] = {
    "idea": _idea,
    "criterion": _criterion,
    "filter_criterion": _filter_criterion,
    "scope": _scope,
    "schedule": _schedule,
    "setting": _setting,
    "scheme": _scheme,
    "granularity": _granularity,
    "calibrator": _calibrator,
    "rounding": _rounding,
    "step": _step,
    "variant": _variant,
    "loss": _loss,
    "format": _format,
}


def _changed(plan: Plan, layer: str, **changes: Any) -> Plan:
    return for_layers(plan, [layer], changes)


def _low(plan: Plan, layer: str) -> int:
    """Bits at which a difference can be seen."""
    return min(plan.settings(layer).weight_bits, 4)


def _with_steps(plan: Plan, steps: tuple[str | Step, ...]) -> Plan:
    return checked(msgspec.structs.replace(plan, pipeline=steps))
