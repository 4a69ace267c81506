"""Runs a network layer by layer, so that one can look at what flows, and change a layer just before it runs."""

import math
from collections.abc import Callable, Sequence

from torch import Tensor, nn

from penjing.loading.build import layer_shapes
from penjing.model.model import Model

Visit = Callable[[str, nn.Module, tuple[Tensor, ...]], None]
"""(layer, module, what feeds it), before the layer runs."""


def execute(
    model: Model, values: Tensor | Sequence[Tensor], visit: Visit, *, keep: frozenset[str] = frozenset()
) -> dict[str, Tensor]:
    """Runs a network on the values of each input; returns its outputs and the results of the layers in `keep`.

    Every other result is dropped after its last use. Gradients are recorded if the caller wants them.
    """
    given = (values,) if isinstance(values, Tensor) else values
    last = {feed: name for name, _, feeds in model.layers() for feed in feeds}
    stay = keep | {output.layer for output in model.outputs}
    found = {entry.name: one for entry, one in zip(model.inputs, given, strict=True)}
    for name, module, feeds in model.layers():
        inputs = tuple(found[feed] for feed in feeds)
        visit(name, module, inputs)
        found[name] = module(*inputs)
        for feed in set(feeds) - stay:
            if last[feed] == name:
                del found[feed]
    return {name: result for name, result in found.items() if name in stay}


def affordable(model: Model, samples: int, *, together: bool = False, budget: int = 1 << 26) -> int:
    """How many samples may run at once so that no tensor (or all of them together) exceeds `budget` values."""
    sizes = [math.prod(shape) for shape in layer_shapes(model).values()]
    return max(1, min(samples, budget // max(1, sum(sizes) if together else max(sizes))))


def look_only(*_: object) -> None:
    """A visitor that does nothing."""
