"""The methods that lost least without training, of all that Penjing has, on every network that was measured.

`benchmarks/quality.py` measures what they give beside the plain ways. They cost seconds, not the microseconds of the
plan's own defaults.

>>> recommended(Plan().with_defaults(weight_bits=3)).defaults.rounding
'gptq'
"""

from typing import Any

import msgspec

from penjing.plan import DEFAULT_PIPELINE, Plan

METHODS: dict[str, Any] = {
    "criterion": "lamp",
    "schedule": "cubic",
    "filter_criterion": "l2",
    "calibrator": "mse",
    "rounding": "gptq",
}
PIPELINE = ("prune", "repair", "bn_reestimate", "quantize", "distill")


def recommended(plan: Plan) -> Plan:
    """The same cuts and bits by those methods; what single layers set stays, and so does a pipeline of one's own.

    One sparsity for the whole network is shared out between layers; filters stay where the plan takes them.
    """
    pipeline = PIPELINE if plan.pipeline == DEFAULT_PIPELINE else plan.pipeline
    cuts = any(plan.settings(name).filters > 0 for name in plan.layers) or plan.defaults.filters > 0
    scope = "global" if plan.defaults.sparsity > 0 and not cuts else plan.defaults.scope
    return msgspec.structs.replace(plan.with_defaults(**METHODS, scope=scope), pipeline=pipeline)
