"""What many plans of one network have in common, found out once: what flows, and what the teacher answers."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field

from torch import Tensor

from penjing.compression.flows import Flows
from penjing.estimation.digests import digests
from penjing.estimation.evaluator import as_it_is
from penjing.model.model import Model


def names_of(model: Model) -> Mapping[str, Hashable]:
    """By tensor a name of all that makes it."""
    return digests(as_it_is(model))


@dataclass(eq=False)
class Reused:
    """Of one network and its data; every plan's result is the same without it, only later."""

    flows: Flows = field(default_factory=lambda: Flows(names_of))
    said: list[tuple[Model, Tensor]] = field(default_factory=list)
    """A teacher and its answers to the inputs that judge."""
