"""Plans with other settings for some layers or for all; pure functions, so that controls and tests share them."""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from msgspec import UNSET

from penjing.plan import Override, Plan, checked

_RIVALS = {
    "sparsity": ("threshold", None),
    "threshold": ("sparsity", 0.0),
    "filters": ("filter_threshold", None),
    "filter_threshold": ("filters", 0.0),
}
"""Setting the first gives up the second: only one of them decides."""


def for_layers(plan: Plan, names: Iterable[str], changes: Mapping[str, Any]) -> Plan:
    """The plan in which each of these layers sets `changes` for itself.

    Raises:
        UserError: A value is out of range.
    """
    changes = _complete(changes)
    layers = dict(plan.layers)
    for name in names:
        layers[name] = msgspec.structs.replace(layers.get(name, Override()), **changes)
    return checked(msgspec.structs.replace(plan, layers=layers))


def for_all(plan: Plan, changes: Mapping[str, Any]) -> Plan:
    """The plan in which every layer has `changes`: the defaults set them and no layer sets them otherwise.

    Raises:
        UserError: A value is out of range.
    """
    changes = _complete(changes)
    follow = dict.fromkeys(changes, UNSET)
    layers = {name: msgspec.structs.replace(own, **follow) for name, own in plan.layers.items()}
    return checked(
        msgspec.structs.replace(
            plan,
            defaults=msgspec.structs.replace(plan.defaults, **changes),
            layers={name: own for name, own in layers.items() if own != Override()},
        )
    )


def same_network(one: Plan, other: Plan) -> bool:
    """Whether two plans differ at most in how they teach: without training they make the same network."""
    return one == msgspec.structs.replace(other, distillation=one.distillation)


def _complete(changes: Mapping[str, Any]) -> dict[str, Any]:
    found = dict(changes)
    for field, (rival, nothing) in _RIVALS.items():
        # A threshold of None says only that the fraction decides.
        if field in changes and changes[field] is not None and rival not in changes:
            found[rival] = nothing
    return found
