"""What a method of the catalogue says about itself."""

from typing import Literal

import msgspec

Kind = Literal[
    "criterion",
    "filter_criterion",
    "scope",
    "schedule",
    "setting",
    "scheme",
    "granularity",
    "calibrator",
    "rounding",
    "step",
    "variant",
    "loss",
    "input_saliency",
    "format",
]
"""`setting`: what a field of a layer's settings, which is the id, does; `variant`: a way of doing a step."""
Need = Literal["data", "labels", "gradients", "batch_norm"]


class Method(msgspec.Struct, frozen=True, kw_only=True):
    """One method: what it is called, its formula and where that comes from."""

    kind: Kind
    id: str
    title: str
    formula: str = ""
    source: str = ""
    needs: tuple[Need, ...] = ()
    across_layers: bool = False
    """A criterion whose scores mean the same in every layer; others are divided by the layer's mean for scope
    `global`."""
    step: str = ""
    """Of a variant: the step."""
