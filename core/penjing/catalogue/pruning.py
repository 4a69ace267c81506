"""What pruning does beside its criteria: scopes, schedules, structures."""

from penjing.catalogue.method import Method

PRUNING: tuple[Method, ...] = (
    Method(kind="scope", id="layer", title="Layer", formula="the lowest scores of each layer go"),
    Method(
        kind="scope",
        id="global",
        title="All layers",
        formula="the lowest scores of all layers go, s / mean(s) of the layer unless the criterion compares as it is",
        source="Blalock et al. 2020, arXiv:2003.03033, compare both",
    ),
    Method(kind="schedule", id="once", title="At once", formula="s_t = s_f"),
    Method(
        kind="schedule",
        id="cubic",
        title="Gradually, while it is trained",
        formula="s_t = s_f + (s_i - s_f)(1 - t)³, t = 0..1",
        source="Zhu & Gupta 2017, arXiv:1710.01878",
        needs=("data", "gradients"),
    ),
    Method(
        kind="setting",
        id="filters",
        title="Coupled channels",
        formula="⌊share · channels⌋ of a group go, with every filter, batch norm and column that holds them",
        source="Fang et al. 2023, arXiv:2301.12900",
    ),
    Method(
        kind="setting",
        id="nm",
        title="N of each M",
        formula="the N highest scores of each M neighbours along the input axis stay",
        source="Mishra et al. 2021, arXiv:2104.08378",
    ),
    Method(
        kind="setting",
        id="remove",
        title="Layer removal",
        formula="x + F(x) becomes x",
        source="Veit et al. 2016, arXiv:1605.06431",
    ),
)
