"""Changes a network layer by layer, with what flows in the original and in the changed network side by side."""

from collections import Counter
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from penjing.model.model import Model
from penjing.results import OnProgress, Progress, unheard

Change = Callable[[str, nn.Module, Tensor, Tensor], nn.Module | None]
"""(layer, module, its input in the original network, its input in the changed one) → what replaces it, if anything."""


def change_layers(
    model: Model, values: Sequence[Tensor], change: Change, *, on_progress: OnProgress = unheard
) -> Model:
    """A network in which `change` replaced layers in execution order, each seeing what those before it do.

    Args:
        model: The original.
        values: Its inputs [n, …]; all that flows is held in memory until its last use.
        change: What to do with each layer.
        on_progress: Hears of every layer.
    """
    layers = list(model.layers())
    uses = Counter(feed for _, _, feeds in layers for feed in feeds)
    original = {entry.name: part for entry, part in zip(model.inputs, values, strict=True)}
    changed, replaced = dict(original), {}
    with torch.no_grad():
        for done, (name, module, feeds) in enumerate(layers):
            inputs, others = [original[feed] for feed in feeds], [changed[feed] for feed in feeds]
            with torch.enable_grad():
                found = change(name, module, inputs[0], others[0])
            original[name] = module(*inputs)
            same = found is None and all(one is other for one, other in zip(inputs, others, strict=True))
            changed[name] = original[name] if same else (found or module)(*others)
            if found is not None:
                replaced[name] = found
            for feed in feeds:
                uses[feed] -= 1
                if uses[feed] == 0:
                    del original[feed], changed[feed]
            on_progress(Progress(stage="quantize", done=done + 1, total=len(layers)))
    return model.replace_layers(replaced)
