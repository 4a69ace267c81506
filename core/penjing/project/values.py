"""What a project holds: where the original network and data are, the plan, and every run with its network.

>>> from penjing.plan import Plan
>>> Project(source=Original(path="sample:watch"), plan=Plan()).runs
()
"""

from typing import Literal

import msgspec

from penjing.plan import Plan
from penjing.results import Accuracy, Epoch, Figures

SCHEMA_VERSION = 1

RunKind = Literal["fit", "finetune", "qat", "distill", "kept", "sweep"]
"""How a run came about; `kept`: a person kept the sliders' present place; `sweep`: tried among many."""


class Original(msgspec.Struct, frozen=True, kw_only=True):
    """The network or the data as the user has it: never copied into the project, but known again."""

    path: str
    """Absolute, or `sample:NAME`."""
    sha256: str | None = None
    """Of a file's bytes; None for samples and folders."""


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """One compression that was tried, with what it came to."""

    id: str
    """Letters, digits, `-` and `_`; also the name of its folder."""
    kind: RunKind
    name: str = ""
    """As a person calls it; empty: it goes by its kind and number, in any language."""
    number: int = 0
    """Among the runs of its kind, from 1; 0 in projects of before, whose runs all have names."""
    created: str
    """ISO 8601, with its time zone."""
    plan: Plan
    figures: Figures
    accuracy: Accuracy | None = None
    parent: str | None = None
    """The run that the sliders held when this one began; None: the network as loaded."""
    has_network: bool = False
    """Whether its folder holds a trained network."""
    history: tuple[Epoch, ...] = ()
    pinned: bool = False
    """Whether the person marked it as one to keep."""


class Unfinished(msgspec.Struct, frozen=True, kw_only=True):
    """A training that was begun and has not ended: what goes on from its checkpoints."""

    id: str
    """Of the run that it will be; its checkpoints lie beside the folder of that run."""
    kind: RunKind
    plan: Plan
    parent: str | None = None
    epochs: int = 0
    """Epochs that are done, of all training steps."""


class Project(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that a `.penjing` file holds but the networks of its runs."""

    source: Original
    plan: Plan
    data: Original | None = None
    architecture: str | None = None
    """What `source` belongs to if it holds tensors alone: a name, or file.py:factory, which is never run unasked."""
    metric: str | None = None
    """What a person chose to measure quality by; None: what the data's card says, or what is found out."""
    title: str = ""
    device: str | None = None
    budgets: dict[str, int | float] = {}
    """By field of `planning.fit.Budgets`."""
    runs: tuple[Run, ...] = ()
    applied: str | None = None
    """The run whose network stands behind `plan`; it counts as long as its plan is that."""
    training: Unfinished | None = None
