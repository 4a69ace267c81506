"""What flowed through networks on the same few inputs, kept so that the next pass begins where a network differs.

Plans change some layers of one network again and again. Up to the first of them everything flows as it did before, and
what was found out about a batch norm there is found again by the name of all that makes its input.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import TYPE_CHECKING

from torch import Tensor, nn

from penjing.model.model import Model

if TYPE_CHECKING:
    from penjing.loading.dataset import Dataset

MEMORY = 96 << 20
MOST_FACTS = 1 << 14
Moments = tuple[Tensor, Tensor]
"""Mean and unbiased variance of each channel, float64."""
Inputs = tuple[Tensor, ...]
Names = Callable[[Model], Mapping[str, Hashable]]
"""A network → by tensor (input or layer) a name of all that makes it: equal names are equal values."""


class Flows:
    """Of one data set's training inputs: at most `memory` bytes of tensors, and what is known of norms."""

    def __init__(self, names: Names, *, memory: int = MEMORY) -> None:
        self._names, self._memory = names, memory
        self._tensors: OrderedDict[Hashable, Tensor] = OrderedDict()
        self._facts: OrderedDict[Hashable, Moments] = OrderedDict()
        self._inputs: tuple[int, Inputs] | None = None
        self.used = 0
        """Bytes."""

    def inputs(self, data: "Dataset", count: int, read: Callable[["Dataset", int], Inputs]) -> Inputs:
        """So many inputs, read once."""
        if self._inputs is None or self._inputs[0] != count:
            self._inputs = count, read(data, count)
        return self._inputs[1]

    def names(self, model: Model) -> Mapping[str, Hashable]:
        """Of a network's tensors."""
        return self._names(model)

    def fact(self, key: Hashable) -> Moments | None:
        """What is known of a norm."""
        return self._facts.get(key)

    def know(self, key: Hashable, fact: Moments) -> None:
        """Keep what was found out about a norm."""
        self._facts[key] = fact
        while len(self._facts) > MOST_FACTS:
            self._facts.popitem(last=False)

    def tensor(self, key: Hashable) -> Tensor | None:
        """What flowed there; it must not be written into."""
        found = self._tensors.get(key)
        if found is not None:
            self._tensors.move_to_end(key)
        return found

    def keep(self, key: Hashable, value: Tensor) -> None:
        """Keep what flows there, as far as there is room."""
        size = value.numel() * value.element_size()
        if key in self._tensors or size > self._memory:
            return
        self._tensors[key] = value
        self.used += size
        while self.used > self._memory:
            _, gone = self._tensors.popitem(last=False)
            self.used -= gone.numel() * gone.element_size()


def through_norms(
    model: Model,
    values: Inputs,
    *,
    is_norm: Callable[[nn.Module], bool],
    tell: Callable[[str, nn.Module, Tensor], Moments],
    use: Callable[[str, nn.Module, Moments], None],
    flows: Flows | None,
    treatment: Hashable,
) -> None:
    """Visits the batch norms of a network in execution order; nothing runs that is known already.

    Args:
        model: The network; `use` may change its norms.
        values: What goes into it.
        is_norm: Whether a module is a norm.
        tell: What flows into a norm → what is to be known of it.
        use: Takes what is known of a norm, before it runs.
        flows: What is known from other networks; None: nothing.
        treatment: All that `tell` and `use` depend on besides the model.
    """
    layers = list(model.layers())
    names = {} if flows is None else flows.names(model)
    known: dict[str, Moments] = {}
    kept: dict[str, Tensor] = {}
    wanted, runs, last = set[str](), set[str](), dict[str, str]()
    readers: dict[str, list[nn.Module]] = {}
    for _, module, feeds in layers:
        for feed in feeds:
            readers.setdefault(feed, []).append(module)
    for name, module, feeds in reversed(layers):
        asks = set[str]()
        if flows is not None and is_norm(module) and (fact := flows.fact((treatment, names[name]))) is not None:
            known[name] = fact
        elif is_norm(module):
            asks.add(feeds[0])
        if name in wanted:
            found = None if flows is None else flows.tensor((treatment, names[name]))
            if found is None:
                runs.add(name)
                asks.update(feeds)
            else:
                kept[name] = found
        for feed in asks:
            last.setdefault(feed, name)
        wanted |= asks
    tensors = {entry.name: one for entry, one in zip(model.inputs, values, strict=True)} | kept
    for name, module, feeds in layers:
        if is_norm(module):
            if name not in known:
                known[name] = tell(name, module, tensors[feeds[0]])
                if flows is not None:
                    flows.know((treatment, names[name]), known[name])
            use(name, module, known[name])
        if name in runs:
            tensors[name] = module(*(tensors[feed] for feed in feeds))
            if flows is not None and _begins(readers.get(name, ()), is_norm):
                flows.keep((treatment, names[name]), tensors[name])
        for feed in set(feeds):
            if last.get(feed) == name:
                tensors.pop(feed, None)


def _begins(readers: Sequence[nn.Module], is_norm: Callable[[nn.Module], bool]) -> bool:
    """Whether a pass may begin at a tensor: a layer with a weight reads it, or several layers do."""
    weighs = any(not is_norm(module) and next(module.parameters(recurse=False), None) is not None for module in readers)
    return weighs or len(readers) > 1
